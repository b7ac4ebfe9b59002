"""Creates the database role of a deployment, and undoes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg import sql

from rollout.errors import RollbackIncomplete
from rollout.journal import Journal
from rollout.site.postgres.errors import DatabaseDenied, NotOurs
from rollout.site.postgres.external import refuse_existing
from rollout.site.postgres.login import Connection
from rollout.site.postgres.ownership import wait_for_statements
from rollout.site.postgres.server import DatabaseServer


def role_record(server: DatabaseServer, *, role: str, databases: tuple[str, ...], run: str) -> Mapping[str, Any]:
    """The undo record of `provision`."""
    return {"kind": "role", "server": server.key, "name": role, "databases": list(databases), "run": run}


def provision(
    server: DatabaseServer,
    *,
    role: str,
    password: str,
    databases: tuple[str, ...],
    run: str,
    journal: Journal,
    where: Mapping[str, Any] | None = None,
) -> None:
    """Create the role with LOGIN and CREATEDB, marked with the run. Ecto creates the databases later.

    Raises AlreadyExists if the role or one of the databases exists; DatabaseUnreachable, DatabaseDenied.
    """
    journal.redactor.add(password)
    refuse_existing(server, role, databases)
    with server.connect() as connection:
        record = role_record(server, role=role, databases=databases, run=run)
        with journal.act(f"create the database role {role}", record, **(where or {})):
            try:
                _create(connection, role, password, run)
            except psycopg.errors.InsufficientPrivilege as error:
                reason = str(error).strip()
                user = connection.info.user
                raise DatabaseDenied(host=server.host, port=server.port, user=user, reason=reason) from None


def _create(connection: Connection, role: str, password: str, run: str) -> None:
    # Send the verifier, not the password, because the server may log statements.
    verifier = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
    name = sql.Identifier(role)
    with connection.transaction():
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEDB PASSWORD {}").format(name, verifier))
        connection.execute(sql.SQL("COMMENT ON ROLE {} IS {}").format(name, mark(run)))
        # An administrator without superuser rights must be a member to drop and restore the role's databases.
        superuser = connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
        if superuser != (True,):
            connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(name))


def mark(run: str) -> str:
    """The comment that marks a role as created by the run."""
    return f"xavos-rollout run {run}"


def undo_role(record: Mapping[str, Any], server: DatabaseServer) -> str:
    """Drop the record's databases that the role owns, then the role, if it has the run's mark.

    Raises DatabaseUnreachable (the undo stays pending), NotOurs, RollbackIncomplete with what blocks it.
    """
    role, run = str(record["name"]), str(record["run"])
    named = [str(name) for name in record["databases"]]
    with server.connect() as connection:
        found = connection.execute(
            "SELECT oid, shobj_description(oid, 'pg_authid') FROM pg_roles WHERE rolname = %s", (role,)
        ).fetchone()
        if found is None:
            return f"role {role} was not there"
        if found[1] != mark(run):
            raise NotOurs(what="database role", name=role, why=f"its comment does not name run {run}")
        wait_for_statements(server, named, role=role)
        owned = connection.execute(
            "SELECT datname FROM pg_database WHERE datname = ANY(%s) AND datdba = %s ORDER BY datname",
            (named, found[0]),
        ).fetchall()
        databases = [str(row[0]) for row in owned]
        try:
            for database in databases:
                connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))
            connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))
        except psycopg.Error as error:
            raise RollbackIncomplete(phase=f"the database role {role}", left=_reasons(error)) from None
        left = _left(connection, role, databases)
    if left:
        raise RollbackIncomplete(phase=f"the database role {role}", left=left)
    return f"role {role} removed" + (f" with {', '.join(databases)}" if databases else "")


def _left(connection: Connection, role: str, databases: list[str]) -> tuple[str, ...]:
    rows = connection.execute(
        """SELECT 'role ' || rolname FROM pg_roles WHERE rolname = %s
           UNION ALL SELECT 'database ' || datname FROM pg_database WHERE datname = ANY(%s)""",
        (role, databases),
    ).fetchall()
    return tuple(str(row[0]) for row in rows)


def _reasons(error: psycopg.Error) -> tuple[str, ...]:
    return tuple(
        line for line in (error.diag.message_primary, *(error.diag.message_detail or "").splitlines()) if line
    ) or (str(error),)
