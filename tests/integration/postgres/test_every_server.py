"""Behaviour that all three kinds of database server share."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import LiteralString

import psycopg
import pytest
from psycopg import sql
from psycopg.pq.abc import PGconn

from rollout.errors import AlreadyExists
from rollout.journal import Journal, pending_undos, read_events
from rollout.site.postgres import (
    DatabaseServer,
    NotOurs,
    attach,
    differences,
    facts,
    ownership,
    provision,
    queries,
    wait_for_statements,
)
from rollout.site.postgres.login import Connection
from tests.integration.postgres.deployment import DATABASES, PASSWORD, ROLE, as_role, deploy, undo


def _facts(server: DatabaseServer) -> dict[str, str]:
    return dict(facts(server, DATABASES, ROLE))


def _undo_all(journal: Journal, server: DatabaseServer) -> list[str]:
    acts = pending_undos(read_events(journal.path))
    return [undo(act.undo, server.secrets()) for act in reversed(acts)]


@pytest.fixture
def deployed(server: DatabaseServer, journal: Journal) -> Iterator[DatabaseServer]:
    deploy(server, journal)
    yield server
    _undo_all(journal, server)


def test_a_deployment_is_undone_from_its_journal_without_a_trace(server: DatabaseServer, journal: Journal) -> None:
    """Journal and secrets are enough. A second undo finds nothing to do."""
    before = _facts(server)
    deploy(server, journal)
    assert set(DATABASES) <= {line.rpartition(" ")[2] for line in differences(before, _facts(server))}

    done = _undo_all(journal, server)

    assert [f"role {ROLE} removed with {', '.join(DATABASES)}"] == done
    assert () == differences(before, _facts(server))
    assert [f"role {ROLE} was not there"] == _undo_all(journal, server)


def test_undo_ends_open_connections_of_the_application(server: DatabaseServer, journal: Journal) -> None:
    """XAVOS may still run."""
    deploy(server, journal)
    connection = as_role(server, DATABASES[0])

    _undo_all(journal, server)

    with pytest.raises(psycopg.OperationalError):
        connection.execute("SELECT 1")
    connection.close()


def test_rows_of_an_unlogged_table_are_no_fact(deployed: DatabaseServer) -> None:
    """The server empties such a table after a crash. That it is there is a fact."""
    with as_role(deployed, DATABASES[0]) as connection:
        connection.execute("CREATE UNLOGGED TABLE leaders (name text); CREATE TABLE members (name text)")
    before = _facts(deployed)
    with as_role(deployed, DATABASES[0]) as connection:
        connection.execute("INSERT INTO leaders VALUES ('a')")
        assert before == _facts(deployed)
        connection.execute("INSERT INTO members VALUES ('a')")
    assert (f"table {DATABASES[0]}.public.members: 1 rows, was 0",) == differences(before, _facts(deployed))
    assert f"table {DATABASES[0]}.public.leaders" in before


def test_undo_waits_for_a_statement_of_a_killed_client(server: DatabaseServer, journal: Journal) -> None:
    """A server completes a CREATE DATABASE, here when the last session of its template ends a second later."""
    before = _facts(server)
    provision(server, role=ROLE, password=PASSWORD, databases=DATABASES, run=journal.run, journal=journal)
    with as_role(server, "postgres") as connection:
        connection.execute(f"CREATE DATABASE {DATABASES[1]}")
    holder = server.connect(DATABASES[1])
    asking = as_role(server, "postgres")
    asking.pgconn.send_query(f"CREATE DATABASE {DATABASES[0]} TEMPLATE {DATABASES[1]}".encode())
    _until_active(server, ROLE)
    asking.close()
    threading.Timer(1, holder.close).start()

    _undo_all(journal, server)

    assert before == _facts(server)


def test_undo_waits_for_a_restore_of_a_killed_client(server: DatabaseServer, journal: Journal) -> None:
    """pg_restore runs as administrator in one transaction that ends after the undo's first look."""
    before = _facts(server)
    provision(server, role=ROLE, password=PASSWORD, databases=DATABASES, run=journal.run, journal=journal)
    with as_role(server, "postgres") as connection:
        connection.execute(f"CREATE DATABASE {DATABASES[0]}")
    with contextlib.closing(server.connect(DATABASES[0])) as restoring:
        restoring.pgconn.send_query(b"SELECT pg_sleep(1); CREATE TABLE restored ()")
        _until(server, "query LIKE 'SELECT pg_sleep%%' AND state = 'active' AND datname = %s", DATABASES[0])
        wait_for_statements(server, DATABASES, role=ROLE)
        assert f"table {DATABASES[0]}.public.restored" in _facts(server)
    _undo_all(journal, server)
    assert before == _facts(server)


def test_an_endless_statement_of_the_role_is_terminated(
    server: DatabaseServer, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise it would block the role forever. Statements of other roles are only awaited."""
    monkeypatch.setattr(ownership, "_ENDS_WITHIN", 0.5)
    provision(server, role=ROLE, password=PASSWORD, databases=DATABASES, run=journal.run, journal=journal)
    with as_role(server, "postgres") as connection:
        connection.execute(f"CREATE DATABASE {DATABASES[0]}")
    with (
        contextlib.closing(server.connect(DATABASES[0])) as theirs,
        contextlib.closing(as_role(server, "postgres")) as ours,
    ):
        theirs.pgconn.send_query(b"SELECT pg_sleep(2), 'done'")
        ours.pgconn.send_query(b"SELECT pg_sleep(60)")
        _until_active(server, ROLE)
        wait_for_statements(server, DATABASES, role=ROLE)
        assert "terminating connection due to administrator command" in _errors(ours.pgconn)
        assert _errors(theirs.pgconn) == ""
    _undo_all(journal, server)


def _errors(connection: PGconn) -> str:
    """The server's error message; "" if the statement succeeded."""
    said = ""
    while (result := connection.get_result()) is not None:
        said += result.error_message.decode()
    return said


def _until_active(server: DatabaseServer, role: str) -> None:
    _until(server, "usename = %s AND state = 'active'", role)


def _until(server: DatabaseServer, condition: LiteralString, value: str) -> None:
    """Return when a session fulfils the condition, which has one placeholder."""
    until = time.monotonic() + 10
    with server.connect() as connection:
        question = sql.SQL("SELECT count(*) FROM pg_stat_activity WHERE {}").format(sql.SQL(condition))
        while connection.execute(question, (value,)).fetchone() == (0,):
            assert time.monotonic() < until
            time.sleep(0.01)


def test_provision_refuses_what_exists(deployed: DatabaseServer, journal: Journal) -> None:
    """A role or database is refused before anything is announced."""
    acts = len(pending_undos(read_events(journal.path)))
    for role, databases in ((ROLE, ()), ("xv_other", (DATABASES[1],))):
        with pytest.raises(AlreadyExists, match="--name"):
            provision(deployed, role=role, password=PASSWORD, databases=databases, run=journal.run, journal=journal)

    assert acts == len(pending_undos(read_events(journal.path)))


def test_the_password_is_nowhere_in_the_journal(deployed: DatabaseServer, journal: Journal) -> None:
    """The administrator's password is not in it either."""
    text = journal.path.read_text()

    assert PASSWORD not in text
    assert deployed.secrets()["password"] not in text


def test_restore_is_exact(deployed: DatabaseServer) -> None:
    """Even after everything has changed, and with the application connected."""
    before = _facts(deployed)
    dump = deployed.dump(DATABASES[0])
    with as_role(deployed, DATABASES[0]) as connection:
        connection.execute(
            "DROP VIEW busy; DELETE FROM jobs; ALTER TABLE agents DROP COLUMN name; CREATE TABLE more ()"
        )
        assert () != differences(before, _facts(deployed))
        deployed.restore(DATABASES[0], dump, owner=ROLE)

    assert () == differences(before, _facts(deployed))


def test_restore_creates_a_missing_database(deployed: DatabaseServer) -> None:
    """A checkpoint is restored into a new deployment."""
    before = _facts(deployed)
    dump = deployed.dump(DATABASES[0])
    with as_role(deployed, "postgres") as connection:
        connection.execute(f"DROP DATABASE {DATABASES[0]}")

    deployed.restore(DATABASES[0], dump, owner=ROLE)

    assert () == differences(before, _facts(deployed))


def test_restore_leaves_a_database_of_another_owner(deployed: DatabaseServer) -> None:
    """The maintenance database belongs to no deployment."""
    dump = deployed.dump(DATABASES[1])

    with pytest.raises(NotOurs):
        deployed.restore("postgres", dump, owner=ROLE)


def test_facts_see_one_changed_value(deployed: DatabaseServer) -> None:
    """The number of rows is equal, the content is not. A used sequence is found as well."""
    before = _facts(deployed)
    with as_role(deployed, DATABASES[0]) as connection:
        connection.execute("UPDATE agents SET name = 'x' WHERE agent_id = 'a1'; SELECT nextval('jobs_id_seq')")

    assert (
        f"table {DATABASES[0]}.public.agents: other content in its 50 rows",
        f"sequence {DATABASES[0]}.public.jobs_id_seq: 51, was 50",
    ) == differences(before, _facts(deployed))


def test_changes_of_others_on_the_server_are_ignored(deployed: DatabaseServer) -> None:
    """Only databases of our role count, under any name."""
    before = _facts(deployed)
    with deployed.connect() as connection:
        connection.execute("CREATE ROLE somebody")
        connection.execute("CREATE DATABASE somebodys")
        connection.execute(f"CREATE DATABASE {ROLE}_more OWNER {ROLE}")
        try:
            found = differences(before, _facts(deployed))
        finally:
            for name in ("somebodys", f"{ROLE}_more"):
                connection.execute(f"DROP DATABASE {name}")
            connection.execute("DROP ROLE somebody")

    assert (f"database left behind: {ROLE}_more",) == found


def test_queries_return_values(deployed: DatabaseServer) -> None:
    """The queries of the checks."""
    with deployed.connect(DATABASES[0]) as connection:
        _ask(connection, deployed)


def _ask(connection: Connection, server: DatabaseServer) -> None:
    columns = {column.name: column for column in queries.columns(connection, "agents")}
    assert int(server.version.split(".")[0]) == queries.server_version(connection)[0]
    assert "UTF8" == queries.encoding(connection, DATABASES[0])
    assert ROLE == queries.owner(connection, DATABASES[0])
    assert {"connect", "create", "create in public", "create databases"} <= queries.rights(connection, ROLE)
    assert not {"superuser", "create roles"} & queries.rights(connection, ROLE)
    assert ("agents", "jobs") == queries.tables(connection)
    assert ("uuid", False, "gen_random_uuid()") == (
        columns["id"].type,
        columns["id"].nullable,
        columns["id"].default,
    )
    assert columns["name"].nullable
    assert (("agent_id",), ("id",)) == queries.unique_indexes(connection, "agents")
    assert 50 == queries.rows(connection, "agents")
    assert () == queries.columns(connection, "nothing")


def test_a_server_is_found_again_by_its_record(server: DatabaseServer, journal: Journal) -> None:
    """From the JSON of a journal and the secrets."""
    provision(server, role=ROLE, password=PASSWORD, databases=DATABASES, run=journal.run, journal=journal)
    (act,) = pending_undos(read_events(journal.path))

    again = attach(act.undo, server.secrets())

    assert (server.kind, server.host, server.port, server.key) == (
        again.kind,
        again.host,
        again.port,
        again.key,
    )
    _undo_all(journal, server)


def test_a_stopped_server_is_unreachable_and_comes_back(server: DatabaseServer, journal: Journal) -> None:
    """On the same port, with its data; readiness is checked this way."""
    if not server.can_interrupt:
        pytest.skip("the user's server is not ours to stop")
    deploy(server, journal)
    before, port = _facts(server), server.port

    server.pause()
    with pytest.raises(Exception, match="cannot be reached"):
        server.connect()
    server.resume()

    assert port == server.port
    assert () == differences(before, _facts(server))
    _undo_all(journal, server)
