"""Faults of the database: server outages, missing privileges of the role, names in use."""

from __future__ import annotations

import functools

from rollout.faults.fault import Kind, either_form
from rollout.faults.log_witness import LASTS
from rollout.faults.outage import CutOff, CutOffInRollback, Frozen, Starved, Stopped, StoppedInRollback
from rollout.faults.role import ConnectionLimit, Killed, NoCreateDb, WrongPassword
from rollout.faults.server_storage import Full, NameTaken

_ROLLED_BACK = ("undoes_database",)
_EITHER = ("deployed", "rolled_back")
_MAY_PASS = {"transient": _EITHER, "persistent": ("rolled_back",)}

_kind = functools.partial(
    Kind, family="database", traits=("asks_database",), lasts=LASTS, needs=("database",), expects=_MAY_PASS
)

KINDS: tuple[Kind, ...] = (
    _kind(
        name="database_stopped",
        text="the database server is stopped",
        bites="a command or the phase was refused, and so was our own connection",
        make=Stopped,
    ),
    _kind(
        name="database_refused",
        text="the database server runs but is unreachable",
        bites="a command or the phase was refused, and so was our own connection",
        make=CutOff,
        needs=("engine",),
    ),
    _kind(
        name="wrong_password",
        text="the role's password is not the one that the deployment knows",
        bites="the server's log says that the authentication failed",
        make=WrongPassword,
    ),
    _kind(
        name="no_createdb",
        text="the role may not create databases",
        bites="the server's log reports that it was denied",
        make=NoCreateDb,
        traits=("creates_databases",),
    ),
    _kind(
        name="name_taken",
        text="another role has a database with the name that the deployment wants",
        bites="the phase was refused, or a command found it created already",
        make=NameTaken,
        traits=("names_databases",),
        forms=("persistent",),
        lasts="",
        expects={"persistent": ("refused",)},
    ),
    _kind(
        name="connection_limit",
        text="the role may have no more connections",
        bites="the server's log says that there are too many",
        make=ConnectionLimit,
    ),
    _kind(
        name="killed_while_migrating",
        text="the server ends the role's sessions while migrations run",
        bites="the server's log says that it ended them",
        make=Killed,
        traits=("migrates", "runs_tests"),
        lasts="after one to three times (seeded)",
        expects=either_form(*_EITHER),
    ),
    _kind(
        name="database_disk_full",
        text="the disk of the database server is full for new databases, tables and indexes",
        bites="ENOSPC in the server's log",
        make=Full,
        traits=("writes_database",),
        spares=("rolls_releases",),  # a migration that adds a column alone needs no new file
        needs=("engine",),
    ),
    _kind(
        name="database_slow",
        text="the database server gets a thirtieth of a CPU",
        bites="time that its processes have waited for their share",
        make=Starved,
        traits=("writes_database",),
        # Instances and a migration of one column ask little: the server waited for less than a fifth of a second.
        spares=("rolls_releases", "uses_port"),
        needs=("engine",),
        expects=either_form("deployed"),
    ),
    _kind(
        name="database_hangs",
        text="the database server accepts connections and never answers",
        bites="connections that wait while it is paused",
        make=Frozen,
        needs=("engine",),
    ),
    _kind(
        name="database_gone_in_rollback",
        text="the database server is stopped when a phase is rolled back; persistent: and does not start again",
        bites="an undo that could not reach it",
        make=StoppedInRollback,
        traits=_ROLLED_BACK,
        lasts="until it is started again by the rollback",
        expects=either_form("deployed"),
    ),
    _kind(
        name="database_refused_in_rollback",
        text="the database server takes no connection when a phase is rolled back",
        bites="an undo that could not reach it",
        make=CutOffInRollback,
        traits=_ROLLED_BACK,
        lasts="two to eight seconds (seeded)",
        needs=("engine",),
        expects=either_form("deployed"),
    ),
)
