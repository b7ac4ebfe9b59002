"""Drops the databases of a role, and waits for its running statements."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence

import psycopg
from psycopg import sql

from rollout.errors import RollbackIncomplete
from rollout.site.postgres.login import Connection
from rollout.site.postgres.server import DatabaseServer

_BUSY = """
SELECT pid, usename FROM pg_stat_activity
WHERE (usename = %s OR datname = ANY(%s)) AND state = 'active' AND backend_type = 'client backend'
  AND pid <> pg_backend_pid()
"""
_ENDS_WITHIN = 10.0  # seconds; then statements of the role are terminated
_ENDED_WITHIN = 5.0


def wait_for_statements(server: DatabaseServer, databases: Sequence[str], *, role: str) -> None:
    """Wait until no statement of the role or in the databases runs. After 10 s those of the role are terminated.

    Statements of other roles are only waited for. A server completes a CREATE DATABASE or pg_restore whose client was
    killed, so a missing database may appear a moment later.
    """
    with server.connect() as connection:
        busy = _busy_after(_ENDS_WITHIN, connection, databases, role=role)
        for pid, user in busy:
            if user == role:
                with contextlib.suppress(psycopg.errors.InsufficientPrivilege):
                    connection.execute("SELECT pg_terminate_backend(%s)", (pid,))
        if busy:
            _busy_after(_ENDED_WITHIN, connection, (), role=role)


def _busy_after(
    seconds: float, connection: Connection, databases: Sequence[str], *, role: str
) -> Sequence[tuple[int, str]]:
    """Sessions (pid, role) that are still active after the seconds. Returns at once if there are none."""
    until = time.monotonic() + seconds
    while (busy := connection.execute(_BUSY, (role, list(databases))).fetchall()) and time.monotonic() < until:
        time.sleep(0.1)
    return busy


def drop_owned(server: DatabaseServer, database: str, *, owner: str) -> None:
    """Drop the database if it exists. Raises RollbackIncomplete if another role than `owner` owns it."""
    with server.connect() as connection:
        row = connection.execute(
            "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = %s", (database,)
        ).fetchone()
        if row is None:
            return
        if row[0] != owner:
            raise RollbackIncomplete(phase="a database", left=(f"{database} belongs to {row[0]}, not to {owner}",))
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(database)))
