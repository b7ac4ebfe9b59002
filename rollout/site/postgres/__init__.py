"""Provides one interface to PostgreSQL servers: in a container, embedded or external."""

from rollout.site.postgres.container import ContainerServer, undo_container
from rollout.site.postgres.container_tools import engine_client, has_container
from rollout.site.postgres.copies import copy_database, copy_record, undo_copy
from rollout.site.postgres.embedded import EmbeddedServer
from rollout.site.postgres.errors import (
    CannotInterrupt,
    DatabaseDenied,
    DatabaseTooOld,
    DatabaseUnreachable,
    DumpUnavailable,
    EmbeddedUnavailable,
    NoDatabase,
    NotOurs,
    ServerFailed,
    ServerGone,
)
from rollout.site.postgres.external import ExternalServer, refuse_existing
from rollout.site.postgres.facts import differences, digest_of_database, everything, facts, schema
from rollout.site.postgres.login import SUPERUSER, USUAL_PORT, Connection
from rollout.site.postgres.ownership import drop_owned, wait_for_statements
from rollout.site.postgres.provision import provision, role_record, undo_role
from rollout.site.postgres.selection import Choice, attach, choose_database
from rollout.site.postgres.server import DatabaseServer
from rollout.site.postgres.server_log import server_log
from rollout.site.postgres.undo_embedded import undo_embedded

__all__ = [
    "SUPERUSER",
    "USUAL_PORT",
    "CannotInterrupt",
    "Choice",
    "Connection",
    "ContainerServer",
    "DatabaseDenied",
    "DatabaseServer",
    "DatabaseTooOld",
    "DatabaseUnreachable",
    "DumpUnavailable",
    "EmbeddedServer",
    "EmbeddedUnavailable",
    "ExternalServer",
    "NoDatabase",
    "NotOurs",
    "ServerFailed",
    "ServerGone",
    "attach",
    "choose_database",
    "copy_database",
    "copy_record",
    "differences",
    "digest_of_database",
    "drop_owned",
    "engine_client",
    "everything",
    "facts",
    "has_container",
    "provision",
    "refuse_existing",
    "role_record",
    "schema",
    "server_log",
    "undo_container",
    "undo_copy",
    "undo_embedded",
    "undo_role",
    "wait_for_statements",
]
