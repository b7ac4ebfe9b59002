"""Fixtures: a server, and a database with tables and rows on which migrations are measured."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import psycopg
import pytest
from psycopg import sql

from rollout.journal import Journal, Redactor
from rollout.site.postgres import DatabaseServer, EmbeddedServer
from rollout.site.postgres.login import Connection

ROWS = 300
SHOP = """
CREATE TABLE schema_migrations (version bigint PRIMARY KEY, inserted_at timestamp DEFAULT now());
INSERT INTO schema_migrations (version) VALUES (1);
CREATE TABLE teams (id bigserial PRIMARY KEY, name text);
CREATE TABLE users (id bigserial PRIMARY KEY, email text NOT NULL, age int, name varchar(50), team_id bigint);
INSERT INTO teams (name) SELECT 'team ' || n FROM generate_series(1, 10) n;
INSERT INTO users (email, age, name, team_id) SELECT n || '@x.org', 20 + n % 50, 'n' || n, 1 + n % 10
FROM generate_series(1, 300) n;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Migrator:
    """Runs migrations as Ecto does: each in a transaction, with its version recorded at the end of it."""

    connect: Callable[[], Connection]

    def up(self, version: int, *statements: str, transaction: bool = True) -> None:
        record = f"INSERT INTO schema_migrations (version) VALUES ({version})"  # noqa: S608 - our own text
        with self.connect() as connection:
            connection.execute("SET application_name = 'migrator'")
            if transaction:
                with connection.transaction():
                    _run(connection, (*statements, record))
            else:
                _run(connection, (*statements, record))

    def down(self, version: int, *statements: str) -> None:
        with self.connect() as connection, connection.transaction():
            connection.execute("SET application_name = 'migrator'")
            _run(connection, (*statements, f"DELETE FROM schema_migrations WHERE version = {version}"))  # noqa: S608 - our own text


def _run(connection: Connection, statements: Sequence[str]) -> None:
    for statement in statements:
        connection.execute(statement.encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """A database of its own for one test."""

    server: DatabaseServer
    database: str

    def connect(self, database: str = "") -> Connection:
        return self.server.connect(database or self.database)

    @property
    def migrator(self) -> Migrator:
        return Migrator(connect=self.connect)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DatabaseServer]:
    run = f"t{secrets.token_hex(4)}"
    folder = tmp_path_factory.mktemp("migrations")
    journal = Journal(folder / "journal.jsonl", run=run, redactor=Redactor())
    server = EmbeddedServer(run=run, folder=folder / "postgres", journal=journal)
    try:
        server.start()
        with server.connect() as connection:
            for setting in (
                "fsync",
                "full_page_writes",
                "synchronous_commit",
            ):  # nothing here has to survive a power cut
                connection.execute(f"ALTER SYSTEM SET {setting} = off")
            connection.execute("SELECT pg_reload_conf()")
            connection.execute("CREATE ROLE boss LOGIN CREATEDB CREATEROLE PASSWORD 'boss-password'")
            connection.execute("CREATE DATABASE template_shop")
        with server.connect("template_shop") as connection:
            connection.execute(SHOP)
        yield server
    finally:
        server.stop()
        journal.close()


_NUMBERS = itertools.count(1)


@pytest.fixture
def shop(server: DatabaseServer) -> Iterator[Shop]:
    name = f"shop_{next(_NUMBERS)}"
    with server.connect() as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template_shop").format(sql.Identifier(name)))
    yield Shop(server=server, database=name)
    with server.connect() as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def holder(shop: Shop) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """A connection of somebody else, in a transaction that stays open until a test ends it."""
    with shop.connect() as connection:
        yield connection
