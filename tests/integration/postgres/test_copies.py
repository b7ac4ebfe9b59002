"""A copy of a database within its server: equal, marked, and removed by its undo record."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from rollout.errors import AlreadyExists
from rollout.journal import Journal, pending_undos, read_events
from rollout.site.postgres import DatabaseServer, NotOurs, copy_database, copy_record, facts, undo_copy
from tests.integration.postgres.deployment import DATABASES, ROLE, as_role, deploy, undo

SOURCE = DATABASES[0]


@pytest.fixture
def deployed(server: DatabaseServer, journal: Journal) -> Iterator[DatabaseServer]:
    deploy(server, journal)
    yield server
    for act in reversed(pending_undos(read_events(journal.path))):
        undo(act.undo, server.secrets())


def contents(server: DatabaseServer, database: str) -> dict[str, str]:
    found = facts(server, (database,), ROLE)
    return {
        kind.partition(" ")[0] + kind.partition(".")[2]: value
        for kind, value in found.items()
        if f" {database}." in kind
    }


def test_copy_is_equal_and_its_undo_removes_it_alone(deployed: DatabaseServer, journal: Journal) -> None:
    """The application may use the source meanwhile."""
    with as_role(deployed, SOURCE) as busy:
        busy.execute("BEGIN")
        busy.execute("SELECT * FROM agents")
        name = copy_database(deployed, SOURCE, owner=ROLE, run=journal.run, act=journal.act)
        assert contents(deployed, SOURCE) == contents(deployed, name)
        assert len(contents(deployed, name)) > 10

    with pytest.raises(AlreadyExists):
        copy_database(deployed, SOURCE, owner=ROLE, run=journal.run, act=journal.act)
    record = next(act.undo for act in pending_undos(read_events(journal.path)) if act.undo["kind"] == "database_copy")
    with as_role(deployed, name):
        assert f"database {name} removed" == undo(record, deployed.secrets())

    assert f"database {name} was not there" == undo_copy(record, deployed)
    assert contents(deployed, SOURCE)


def test_database_of_somebody_else_is_never_dropped(deployed: DatabaseServer, journal: Journal) -> None:
    """Neither by a record with its name, nor because it ends with the id of the run."""
    with as_role(deployed, "postgres") as connection:
        connection.execute("CREATE DATABASE xv_orders")
    try:
        for run, owner in (("orders", "somebody"), ("other", ROLE)):
            record = copy_record(deployed, name="xv_orders", owner=owner, run=run)
            with pytest.raises(NotOurs):
                undo_copy(record, deployed)
        as_role(deployed, "xv_orders").close()
    finally:
        with as_role(deployed, "postgres") as connection:
            connection.execute("DROP DATABASE xv_orders")


def test_copy_that_a_kill_cut_off_is_known_by_its_name(deployed: DatabaseServer, journal: Journal) -> None:
    """It has no comment yet."""
    name = f"xv_dev_copy_{journal.run}"
    with as_role(deployed, "postgres") as connection:
        connection.execute(f"CREATE DATABASE {name}")

    done = undo_copy(copy_record(deployed, name=name, owner=ROLE, run=journal.run), deployed)

    assert f"database {name} removed" == done
    with pytest.raises(psycopg.OperationalError):
        as_role(deployed, name)
