"""Databases on a server that are ours because our role owns them."""

from __future__ import annotations

import time

from psycopg import sql

from rollout.errors import RollbackIncomplete
from rollout.site.postgres.server import DatabaseServer

_BUSY = """
SELECT count(*) FROM pg_stat_activity WHERE usename = %s AND state = 'active' AND pid <> pg_backend_pid()
"""
_ENDS_WITHIN = 10.0  # seconds; whoever takes longer waits for something, and is ended with the database it is in


def wait_for_statements(server: DatabaseServer, role: str) -> None:
    """Until the server is through with what it was asked for as this role, by clients that may be gone.

    It goes on with a CREATE DATABASE whose client was killed: a database that is not there may come a moment later.
    """
    until = time.monotonic() + _ENDS_WITHIN
    with server.connect() as connection:
        while True:
            row = connection.execute(_BUSY, (role,)).fetchone()
            if row is None or not row[0] or time.monotonic() > until:
                return
            time.sleep(0.05)


def drop_owned(server: DatabaseServer, database: str, *, owner: str) -> None:
    """Drop the database if it is there and `owner` owns it. Raises RollbackIncomplete where another does."""
    with server.connect() as connection:
        row = connection.execute(
            "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = %s", (database,)
        ).fetchone()
        if row is None:
            return
        if row[0] != owner:
            raise RollbackIncomplete(phase="a database", left=(f"{database} belongs to {row[0]}, not to {owner}",))
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(database)))
