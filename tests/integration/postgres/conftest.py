"""Fixtures: servers of all three kinds, and a journal."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from psycopg import sql

from rollout.errors import NoEngine
from rollout.journal import Journal, Redactor
from rollout.site.postgres import ContainerServer, DatabaseServer, EmbeddedServer, ExternalServer
from rollout.site.postgres.container_tools import engine_client

DECOYS = ("xavos_dev2", "xavos", "xavos_de")


def new_journal(folder: Path, run: str) -> Journal:
    return Journal(folder / "journal.jsonl", run=run, redactor=Redactor())


def new_run() -> str:
    return f"t{secrets.token_hex(4)}"


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = new_journal(tmp_path, new_run())
    yield journal
    journal.close()


@pytest.fixture(scope="session")
def image() -> str:
    """A PostgreSQL image of this machine."""
    named = os.environ.get("XAVOS_TEST_POSTGRES_IMAGE")
    if named:
        return named
    try:
        with engine_client() as client:
            tags = sorted(tag for image in client.images.list() for tag in image.tags)
    except NoEngine as error:
        pytest.skip(str(error))
    for tag in tags:
        if tag.startswith(("xavos-postgres:", "postgres:")):
            return str(tag)
    pytest.skip("no image xavos-postgres or postgres on this machine")


@pytest.fixture(scope="session")
def container(image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DatabaseServer]:
    run = new_run()
    server = ContainerServer(run=run, image=image, journal=new_journal(tmp_path_factory.mktemp("container"), run))
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DatabaseServer]:
    run = new_run()
    folder = tmp_path_factory.mktemp("embedded")
    server = EmbeddedServer(run=run, folder=folder / "postgres", journal=new_journal(folder, run))
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """A server of the user: its administrator is no superuser, and it has decoys."""
    run = new_run()
    folder = tmp_path_factory.mktemp("theirs")
    server = EmbeddedServer(run=run, folder=folder / "postgres", journal=new_journal(folder, run))
    try:
        server.start()
        with server.connect() as connection:
            connection.execute("CREATE ROLE boss LOGIN CREATEDB CREATEROLE PASSWORD 'boss-password'")
            connection.execute("CREATE ROLE weak LOGIN PASSWORD 'weak-password'")
            connection.execute("CREATE ROLE xavos2 LOGIN")
            for name in DECOYS:
                connection.execute(sql.SQL("CREATE DATABASE {} OWNER xavos2").format(sql.Identifier(name)))
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def existing(theirs: EmbeddedServer) -> DatabaseServer:
    server = ExternalServer(f"postgresql://boss:boss-password@127.0.0.1:{theirs.port}/postgres")
    server.start()
    return server


@pytest.fixture(params=["container", "embedded", "existing"])
def server(request: pytest.FixtureRequest) -> DatabaseServer:
    """A server of each kind in turn."""
    found: DatabaseServer = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def network(image: str) -> Iterator[str]:
    """An isolated network."""
    name = f"xavos-test-{secrets.token_hex(4)}"
    client = docker.from_env()
    made = client.networks.create(name, internal=True)
    yield name
    made.remove()
    client.close()
