"""A database into bytes and back, by PostgreSQL's own programs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from psycopg import sql

from rollout.errors import RolloutError
from rollout.site.postgres.errors import NotOurs
from rollout.site.postgres.login import Connection

_EXTENSION = re.compile(r"^\d+; \d+ \d+ (?:EXTENSION - (?P<made>\S+)|COMMENT - EXTENSION (?P<told>\S+))\s*$")


class ToolFailed(RolloutError):
    """pg_dump or pg_restore said no."""

    def __init__(self, *, program: str, database: str, said: str) -> None:
        super().__init__(
            f"{program} failed on the database {database}: {said.strip()[-2000:]}.",
            advice="Run again with --fresh, which asks for no checkpoint.",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What a client program did: `output` is what it was asked for, `said` its messages."""

    ok: bool
    output: bytes
    said: str


class Toolbox(Protocol):
    """PostgreSQL's client programs, somewhere, logged in as administrator."""

    @property
    def major(self) -> int:
        """Their version."""

    def run(self, program: str, *arguments: str, files: Mapping[str, bytes], output: bool) -> Ran:
        """Run to the end. An argument `@name` becomes the path of that file; `output` asks for the output."""


def dump_database(toolbox: Toolbox, database: str) -> bytes:
    """The database in pg_dump's custom format. Raises ToolFailed."""
    ran = toolbox.run("pg_dump", "--format=custom", f"--dbname={database}", files={}, output=True)
    if not ran.ok:
        raise ToolFailed(program="pg_dump", database=database, said=ran.said)
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
    """Drop, create, fill. Raises NotOurs where a database of that name belongs to another role.

    Extensions that only an administrator may make are made first. A dump names all it holds in plain text, whatever is
    compressed: one without the word has none.
    """
    contents = _contents(toolbox, database, dump) if b"EXTENSION" in dump else ""
    with connect(None) as connection:
        _recreate(connection, database, owner)
    selection = ""
    if contents:
        with connect(database) as connection:
            privileged = _create_privileged_extensions(connection, contents)
        selection = "".join(line for line in contents.splitlines(keepends=True) if not _concerns(line, privileged))
    # pg_restore 17 sets transaction_timeout, which an older server does not know; only that may fail.
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
    if not (ran.ok or (lenient and _only_the_timeout(ran.said))):
        raise ToolFailed(program="pg_restore", database=database, said=ran.said)


def _contents(toolbox: Toolbox, database: str, dump: bytes) -> str:
    """What is in a dump, a line a thing."""
    listing = toolbox.run("pg_restore", "--list", "@dump", files={"dump": dump}, output=True)
    if not listing.ok:
        raise ToolFailed(program="pg_restore", database=database, said=listing.said)
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
    """Make those extensions that only the administrator may make; returns their names."""
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
    return bool(match) and (match["made"] or match["told"]) in extensions  # type: ignore[index]


def _only_the_timeout(said: str) -> bool:
    errors = [line for line in said.splitlines() if "error:" in line]
    return bool(errors) and all("transaction_timeout" in line for line in errors)
