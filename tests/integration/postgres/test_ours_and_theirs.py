"""Resources of others stay. What cannot be done is refused with its cause."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from rollout.errors import AlreadyExists, RollbackIncomplete
from rollout.journal import Journal, Redactor, pending_undos, read_events
from rollout.site.postgres import (
    ContainerServer,
    DatabaseDenied,
    DatabaseServer,
    DatabaseUnreachable,
    EmbeddedServer,
    ExternalServer,
    NotOurs,
    ServerFailed,
    drop_owned,
    provision,
    queries,
    role_record,
    undo_role,
)
from rollout.site.postgres.errors import DatabaseMisconfigured
from tests.integration.postgres.conftest import DECOYS, new_journal, new_run
from tests.integration.postgres.deployment import DATABASES, PASSWORD, ROLE, undo


def test_a_role_without_the_runs_mark_stays(theirs: EmbeddedServer) -> None:
    """Its databases stay too, although the record names them."""
    record = role_record(theirs, role="xavos2", databases=DECOYS, run="r1")

    with pytest.raises(NotOurs):
        undo_role(record, theirs)

    with theirs.connect() as connection:
        found = connection.execute(
            "SELECT datname FROM pg_database WHERE datname = ANY(%s)", (list(DECOYS),)
        ).fetchall()
    assert set(DECOYS) == {row[0] for row in found}


def test_a_role_of_another_run_stays(embedded: DatabaseServer, journal: Journal) -> None:
    """The mark names the run."""
    provision(embedded, role=ROLE, password=PASSWORD, databases=(), run=journal.run, journal=journal)

    with pytest.raises(NotOurs):
        undo_role(role_record(embedded, role=ROLE, databases=(), run="another"), embedded)

    undo_role(role_record(embedded, role=ROLE, databases=(), run=journal.run), embedded)


def test_only_a_database_of_the_owner_is_dropped(theirs: EmbeddedServer, journal: Journal) -> None:
    """A database of another owner stays. A missing one is no error."""
    provision(theirs, role=ROLE, password=PASSWORD, databases=DATABASES, run=journal.run, journal=journal)
    with theirs.connect() as connection:
        connection.execute(f"CREATE DATABASE {DATABASES[0]} OWNER {ROLE}")
        drop_owned(theirs, DATABASES[0], owner=ROLE)
        drop_owned(theirs, DATABASES[0], owner=ROLE)
        with pytest.raises(RollbackIncomplete):
            drop_owned(theirs, DECOYS[0], owner=ROLE)
        assert queries.owner(connection, DATABASES[0]) is None
        assert "xavos2" == queries.owner(connection, DECOYS[0])
    undo_role(role_record(theirs, role=ROLE, databases=DATABASES, run=journal.run), theirs)


def test_objects_that_block_the_removal_of_a_role_are_named(embedded: DatabaseServer, journal: Journal) -> None:
    """A database that the record does not name is not dropped."""
    provision(embedded, role=ROLE, password=PASSWORD, databases=(), run=journal.run, journal=journal)
    record = role_record(embedded, role=ROLE, databases=(), run=journal.run)
    with embedded.connect() as connection:
        connection.execute(f"CREATE DATABASE {ROLE}_more OWNER {ROLE}")
        try:
            with pytest.raises(RollbackIncomplete, match=f"owner of database {ROLE}_more"):
                undo_role(record, embedded)
        finally:
            connection.execute(f"DROP DATABASE {ROLE}_more")
    undo_role(record, embedded)


def test_an_undo_on_a_stopped_server_stays_pending(tmp_path: Path, journal: Journal) -> None:
    """The error says so. The pending undo succeeds when the server is back."""
    down = EmbeddedServer(run=journal.run, folder=tmp_path / "postgres", journal=journal)
    try:
        down.start()
        server = ExternalServer(f"postgresql://postgres:{down.secrets()['password']}@127.0.0.1:{down.port}/postgres")
        provision(server, role=ROLE, password=PASSWORD, databases=(), run=journal.run, journal=journal)
        record = pending_undos(read_events(journal.path))[-1].undo
        down.pause()
        with pytest.raises(DatabaseUnreachable):
            undo(record, server.secrets())
        down.resume()
        assert f"role {ROLE} removed" == undo(record, server.secrets())
    finally:
        down.stop()
    assert not down.folder.exists()


def test_a_role_is_removed_with_its_server(tmp_path: Path, journal: Journal) -> None:
    """Once a server of the suite is gone, its roles are gone."""
    server = EmbeddedServer(run=journal.run, folder=tmp_path / "postgres", journal=journal)
    record = role_record(server, role=ROLE, databases=DATABASES, run=journal.run)

    assert undo(record, server.secrets()).startswith(f"role {ROLE} went with its server")


def test_a_wrong_password_is_denied(theirs: EmbeddedServer) -> None:
    """The server answers and denies access. The error does not show the password."""
    with pytest.raises(DatabaseDenied, match="authentication failed") as caught:
        ExternalServer(f"postgresql://boss:wrong-password@127.0.0.1:{theirs.port}/postgres").start()

    assert "database_denied" == caught.value.cause
    assert "wrong-password" not in str(caught.value)


def test_a_role_that_may_not_create_is_denied(theirs: EmbeddedServer) -> None:
    """The error names the missing rights."""
    with pytest.raises(DatabaseDenied, match="it lacks CREATEDB and CREATEROLE"):
        ExternalServer(f"postgresql://weak:weak-password@127.0.0.1:{theirs.port}/postgres").start()


def test_a_missing_database_is_reported(theirs: EmbeddedServer) -> None:
    """The URL names it."""
    with pytest.raises(DatabaseMisconfigured, match='database "nope" does not exist'):
        ExternalServer(f"postgresql://boss:boss-password@127.0.0.1:{theirs.port}/nope").start()


def test_an_existing_container_of_the_same_name_is_refused_and_stays(
    container: ContainerServer, image: str, journal: Journal
) -> None:
    """Neither start nor undo of another run touches it, and nothing is announced."""
    other = ContainerServer(run=journal.run, image=image, journal=journal, name=container.name)
    with pytest.raises(AlreadyExists):
        other.start()
    with pytest.raises(NotOurs):
        other.stop()

    container.connect().close()
    assert () == journal.events()


def test_a_container_that_ends_at_once_shows_its_log(image: str, journal: Journal) -> None:
    """And is removed by its undo."""
    server = ContainerServer(run=journal.run, image=image, journal=journal)
    server._login = type(server._login)(host="", port=0, user="not a user\n-x", password="p" * 9)
    try:
        with pytest.raises(ServerFailed):
            server.start()
    finally:
        server.stop()


def test_a_missing_image_is_reported_before_anything_changes(image: str, journal: Journal) -> None:
    """No image is pulled silently."""
    with pytest.raises(ServerFailed, match="there is no image xavos-nothing:1"):
        ContainerServer(run=journal.run, image="xavos-nothing:1", journal=journal).start()

    assert () == journal.events()


def test_an_isolated_network_is_enough(image: str, network: str, tmp_path: Path) -> None:
    """No port is published. The suite reaches the container over the bridge, the forge by its name."""
    run = new_run()
    server = ContainerServer(run=run, image=image, journal=new_journal(tmp_path, run), network=network)
    try:
        server.start()
        assert 5432 == server.port
        assert f"@{server.name}:5432/" in server.url(user="u", password="p", database="d")
        server.pause()
        server.resume()
        server.connect().close()
    finally:
        server.stop()


def test_an_existing_folder_is_refused(tmp_path: Path) -> None:
    """With what is in it."""
    journal = Journal(tmp_path / "journal.jsonl", run="r1", redactor=Redactor())
    server = EmbeddedServer(run="r1", folder=tmp_path / "postgres", journal=journal)
    server.folder = tmp_path / "theirs"
    server.folder.mkdir()

    with pytest.raises(AlreadyExists):
        server.start()

    assert () == journal.events()
    journal.close()


def test_privileged_extensions_are_restored_by_the_administrator(embedded: DatabaseServer, journal: Journal) -> None:
    """The owner may create citext, only a superuser file_fdw."""
    with embedded.connect() as connection:
        names = connection.execute("SELECT name FROM pg_available_extensions").fetchall()
    if ("file_fdw",) not in names:
        pytest.skip("this wheel has no contrib extensions")
    provision(embedded, role=ROLE, password=PASSWORD, databases=DATABASES, run=journal.run, journal=journal)
    try:
        with embedded.connect() as connection:
            connection.execute(f"CREATE DATABASE {DATABASES[0]} OWNER {ROLE}")
        with embedded.connect(DATABASES[0]) as connection:
            connection.execute("CREATE EXTENSION file_fdw")
        with psycopg.connect(_libpq(embedded), autocommit=True) as connection:
            connection.execute("CREATE EXTENSION citext")
            connection.execute("CREATE TABLE mail (address citext UNIQUE); INSERT INTO mail VALUES ('A@b')")
        embedded.restore(DATABASES[0], embedded.dump(DATABASES[0]), owner=ROLE)
        with psycopg.connect(_libpq(embedded)) as connection:
            assert (1,) == connection.execute("SELECT count(*) FROM mail WHERE address = 'a@B'").fetchone()
    finally:
        undo_role(role_record(embedded, role=ROLE, databases=DATABASES, run=journal.run), embedded)


def _libpq(server: DatabaseServer) -> str:
    return server.url(user=ROLE, password=PASSWORD, database=DATABASES[0]).replace("ecto:", "postgresql:", 1)
