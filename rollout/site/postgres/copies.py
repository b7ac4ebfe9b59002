"""Copies a database of a deployment within its server, and undoes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

from psycopg import sql

from rollout.errors import AlreadyExists, RollbackIncomplete
from rollout.site.postgres.errors import NotOurs
from rollout.site.postgres.ownership import wait_for_statements
from rollout.site.postgres.provision import mark
from rollout.site.postgres.server import DatabaseServer

Act = Callable[[str, Mapping[str, Any]], AbstractContextManager[object]]
_LONGEST_NAME = 63  # bytes


def copy_name(database: str, run: str, purpose: str = "copy") -> str:
    """The name of a run's copy of a database. It ends with the run's id, by which an unfinished copy is known."""
    end = f"_{purpose}_{run}"
    return database.encode()[: _LONGEST_NAME - len(end.encode())].decode("utf-8", "ignore") + end


def copy_record(server: DatabaseServer, *, name: str, owner: str, run: str) -> Mapping[str, Any]:
    """The undo record of `copy_database`."""
    return {"kind": "database_copy", "server": server.key, "name": name, "owner": owner, "run": run}


def copy_database(server: DatabaseServer, source: str, *, owner: str, run: str, act: Act, purpose: str = "copy") -> str:
    """Copy schema and rows of `source` into a new database of the same server, owned by `owner`. Returns its name.

    The source is only read, by pg_dump, so it may be in use. `act` announces an act with its undo record, as
    Journal.act does. Raises AlreadyExists, DumpUnavailable, ToolFailed.
    """
    name = copy_name(source, run, purpose)
    with server.connect() as connection:
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone():
            raise AlreadyExists(what="database", name=name, option="--name")
    with act(f"copy the database {source} as {name}", copy_record(server, name=name, owner=owner, run=run)):
        server.restore(name, server.dump(source), owner=owner)
        with server.connect() as connection:
            connection.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(name), mark(run)))
    return name


def undo_copy(record: Mapping[str, Any], server: DatabaseServer) -> str:
    """Drop the copy of the record. Raises NotOurs, RollbackIncomplete.

    A copy without the run's comment was cut off while it was made. Then its name has to end with the run's id, and its
    owner has to be that of the record.
    """
    name, owner, run = str(record["name"]), str(record["owner"]), str(record["run"])
    wait_for_statements(server, (name,), role=owner)
    query = "SELECT pg_get_userbyid(datdba), shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s"
    with server.connect() as connection:
        found = connection.execute(query, (name,)).fetchone()
        if found is None:
            return f"database {name} was not there"
        is_unfinished = found == (owner, None) and name.endswith(f"_{run}")
        if found[1] != mark(run) and not is_unfinished:
            raise NotOurs(what="database", name=name, why=f"its comment does not name run {run}")
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
        if connection.execute(query, (name,)).fetchone() is not None:
            raise RollbackIncomplete(phase=f"the copy {name}", left=(f"database {name}",))
    return f"database {name} removed"
