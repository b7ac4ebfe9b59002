"""Dumps and restores a database with pg_dump and pg_restore."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from psycopg import sql

from rollout.errors import RolloutError
from rollout.site.postgres.errors import NotOurs
from rollout.site.postgres.login import Connection

_EXTENSION = re.compile(r"^\d+; \d+ \d+ (?:EXTENSION - (?P<made>\S+)|COMMENT - EXTENSION (?P<comment>\S+))\s*$")


class ToolFailed(RolloutError):
    """pg_dump or pg_restore failed."""

    def __init__(self, *, program: str, database: str, output: str) -> None:
        super().__init__(
            f"{program} failed on the database {database}: {output.strip()[-2000:]}.",
            advice="Run again with --fresh, which uses no checkpoint.",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolResult:
    """The result of a client program: `output` is the dump or list, `messages` its messages."""

    ok: bool
    output: bytes
    messages: str


class Toolbox(Protocol):
    """Runs PostgreSQL's client programs, logged in as administrator."""

    @property
    def major(self) -> int:
        """The major version of the programs."""

    def run(self, program: str, *arguments: str, files: Mapping[str, bytes], output: bool) -> ToolResult:
        """Run a program to its end. An argument `@name` becomes the path of that file. `output`: return its output."""


def dump_database(toolbox: Toolbox, database: str) -> bytes:
    """Dump the database in pg_dump's custom format. Raises ToolFailed."""
    ran = toolbox.run("pg_dump", "--format=custom", f"--dbname={database}", files={}, output=True)
    if not ran.ok:
        raise ToolFailed(program="pg_dump", database=database, output=ran.messages)
    return ran.output


def restore_database(
    toolbox: Toolbox,
    connect: Callable[[str | None], Connection],
    database: str,
    dump: bytes,
    *,
    owner: str,
    server_major: int,
) -> None:
    """Drop, create and fill the database. Raises NotOurs if a database of that name belongs to another role.

    Extensions that only an administrator may create are created first. A dump lists its objects in plain text, so
    a dump without the word EXTENSION has none.
    """
    contents = _contents(toolbox, database, dump) if b"EXTENSION" in dump else ""
    with connect(None) as connection:
        _recreate(connection, database, owner)
    selection = ""
    if contents:
        with connect(database) as connection:
            privileged = _create_privileged_extensions(connection, contents)
        selection = "".join(line for line in contents.splitlines(keepends=True) if not _concerns(line, privileged))
    # pg_restore 17 sets transaction_timeout, which older servers do not know. Only that error is accepted.
    lenient = toolbox.major >= 17 > server_major
    ran = toolbox.run(
        "pg_restore",
        "--no-owner",
        f"--role={owner}",
        f"--dbname={database}",
        *(("--use-list=@list",) if contents else ()),
        *(() if lenient else ("--single-transaction",)),
        "@dump",
        files={"dump": dump, "list": selection.encode()},
        output=False,
    )
    if not (ran.ok or (lenient and _only_the_timeout(ran.messages))):
        raise ToolFailed(program="pg_restore", database=database, output=ran.messages)


def _contents(toolbox: Toolbox, database: str, dump: bytes) -> str:
    """The table of contents of a dump, one line per object."""
    listing = toolbox.run("pg_restore", "--list", "@dump", files={"dump": dump}, output=True)
    if not listing.ok:
        raise ToolFailed(program="pg_restore", database=database, output=listing.messages)
    return listing.output.decode("utf-8", "replace")


def _recreate(connection: Connection, database: str, owner: str) -> None:
    query = """SELECT datname, pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datcollate, datctype
               FROM pg_database WHERE datname IN (%s, 'template1') ORDER BY datname = 'template1'"""
    existing = connection.execute(query, (database,)).fetchall()
    name, found, encoding, collation, characters = existing[0]
    if name == database:
        if found != owner:
            raise NotOurs(what="database", name=database, why=f"its owner is {found}, not {owner}")
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(database)))
    else:
        encoding = "UTF8"
    connection.execute(
        sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING {} LC_COLLATE {} LC_CTYPE {}").format(
            sql.Identifier(database), sql.Identifier(owner), encoding, collation, characters
        )
    )


def _create_privileged_extensions(connection: Connection, contents: str) -> frozenset[str]:
    """Create the extensions that only an administrator may create. Returns their names."""
    wanted = {match["made"] for line in contents.splitlines() if (match := _EXTENSION.match(line)) and match["made"]}
    rows = connection.execute(
        """SELECT v.name FROM pg_available_extension_versions v JOIN pg_available_extensions e
           ON e.name = v.name AND e.default_version = v.version
           WHERE v.name = ANY(%s) AND v.superuser AND NOT v.trusted""",
        (sorted(wanted),),
    ).fetchall()
    privileged = frozenset(str(row[0]) for row in rows)
    for name in sorted(privileged):
        connection.execute(sql.SQL("CREATE EXTENSION {} CASCADE").format(sql.Identifier(name)))
    return privileged


def _concerns(line: str, extensions: frozenset[str]) -> bool:
    match = _EXTENSION.match(line)
    return bool(match) and (match["made"] or match["comment"]) in extensions  # type: ignore[index]


def _only_the_timeout(messages: str) -> bool:
    errors = [line for line in messages.splitlines() if "error:" in line]
    return bool(errors) and all("transaction_timeout" in line for line in errors)
