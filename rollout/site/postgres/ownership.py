"""Databases on a server that are ours because our role owns them."""

from __future__ import annotations

from psycopg import sql

from rollout.errors import RollbackIncomplete
from rollout.site.postgres.server import DatabaseServer


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
