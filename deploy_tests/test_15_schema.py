"""Checks that the database enforces every invariant. They need real packages."""

# ruff: noqa: S608 - the statements contain names of this file only

from __future__ import annotations

import psycopg
import pytest

from rollout.site import postgres
from rollout.site.postgres import queries

pytestmark = [pytest.mark.phase("migrations"), pytest.mark.needs("accounts"), pytest.mark.timeout(60)]

TABLES = (
    "teams",
    "agents",
    "work_items",
    "work_item_dependencies",
    "coordination_events",
    "users",
    "tokens",
    "api_keys",
)
ONE = "00000000-0000-4000-8000-000000000001"
TWO = "00000000-0000-4000-8000-000000000002"
ITEM, OTHER = "00000000-0000-4000-8000-000000000003", "00000000-0000-4000-8000-000000000004"
NOBODY = "00000000-0000-4000-8000-00000000ffff"
ROWS = (
    f"INSERT INTO teams (id, name) VALUES ('{ONE}', 'one'), ('{TWO}', 'two')",
    f"INSERT INTO agents (id, agent_id, name, team_id) VALUES ('{ONE}', 'one', 'One', '{ONE}')",
    f"""INSERT INTO work_items (id, work_item_id, type, description)
        VALUES ('{ITEM}', 'one', 'check', 'One'), ('{OTHER}', 'two', 'check', 'Two')""",
    f"INSERT INTO work_item_dependencies (work_item_id, depends_on_id) VALUES ('{ITEM}', '{OTHER}')",
    """INSERT INTO coordination_events (id, kind, subject_type, subject_id)
       VALUES (gen_random_uuid(), 'team.create', 'team', 'one')""",
)
Check, Foreign, Unique = (
    psycopg.errors.CheckViolation,
    psycopg.errors.ForeignKeyViolation,
    psycopg.errors.UniqueViolation,
)
Restrict = psycopg.errors.RestrictViolation
# Statements that the database refuses, and the constraint that refuses them.
REFUSED = {
    "a second team of a name": ("INSERT INTO teams (id, name) VALUES (gen_random_uuid(), 'one')", Unique),
    "a team heavier than 100": ("UPDATE teams SET weight = 101", Check),
    "a team that is its own scrum of scrums": ("UPDATE teams SET parent_id = id", Check),
    "a team in one that is not there": (f"UPDATE teams SET parent_id = '{NOBODY}'", Foreign),
    "a second agent of an agent_id": (
        "INSERT INTO agents (id, agent_id, name) VALUES (gen_random_uuid(), 'one', 'Again')",
        Unique,
    ),
    "an agent without capacity": ("UPDATE agents SET capacity = 0", Check),
    "an agent of endless capacity": ("UPDATE agents SET capacity = 101", Check),
    "an agent with more than it can carry": ("UPDATE agents SET workload = capacity + 1", Check),
    "an agent with less than nothing": ("UPDATE agents SET workload = -1", Check),
    "an agent in a state that is none": ("UPDATE agents SET status = 'asleep'", Check),
    "a second item of a work_item_id": (
        "INSERT INTO work_items (id, work_item_id, description) VALUES (gen_random_uuid(), 'one', 'Again')",
        Unique,
    ),
    "an item of no known priority": ("UPDATE work_items SET priority = 'urgent'", Check),
    "an item in a state that is none": ("UPDATE work_items SET status = 'lost'", Check),
    "an item done more than wholly": ("UPDATE work_items SET progress = 101", Check),
    "an item that nobody holds and somebody works on": ("UPDATE work_items SET status = 'in_progress'", Check),
    "an item that waits and is held": (f"UPDATE work_items SET agent_id = '{ONE}'", Check),
    "an item that waits for itself": ("UPDATE work_item_dependencies SET depends_on_id = work_item_id", Check),
    "the same dependency twice": (
        f"INSERT INTO work_item_dependencies (work_item_id, depends_on_id) VALUES ('{ITEM}', '{OTHER}')",
        Unique,
    ),
    "an event that changes": ("UPDATE coordination_events SET kind = 'team.remove'", Restrict),
    "an event that goes away": ("DELETE FROM coordination_events", Restrict),
    "all events that go away": ("TRUNCATE coordination_events", Restrict),
    "a user of no known role": (
        "INSERT INTO users (id, email, role) VALUES (gen_random_uuid(), 'a@checks.example.org', 'owner')",
        Check,
    ),
}


@pytest.mark.parametrize("table", TABLES)
def test_table_is_there(table: str, dev_database: postgres.Connection) -> None:
    assert table in queries.tables(dev_database)


@pytest.mark.parametrize("what", REFUSED)
def test_the_database_refuses(what: str, dev_database: postgres.Connection) -> None:
    statement, error = REFUSED[what]
    with dev_database.transaction(force_rollback=True):
        for row in ROWS:
            dev_database.execute(row)
        with pytest.raises(error):
            dev_database.execute(statement)


def test_an_agent_with_work_cannot_be_deleted(dev_database: postgres.Connection) -> None:
    with dev_database.transaction(force_rollback=True):
        for row in ROWS:
            dev_database.execute(row)
        dev_database.execute("UPDATE work_items SET agent_id = %s, status = 'claimed' WHERE id = %s", (ONE, ITEM))
        with pytest.raises((Foreign, Restrict)):
            dev_database.execute("DELETE FROM agents WHERE id = %s", (ONE,))


def test_an_agent_outlives_its_team(dev_database: postgres.Connection) -> None:
    with dev_database.transaction(force_rollback=True):
        for row in ROWS:
            dev_database.execute(row)
        dev_database.execute("DELETE FROM teams WHERE id = %s", (ONE,))
        found = dev_database.execute("SELECT team_id FROM agents WHERE id = %s", (ONE,)).fetchone()
        assert found == (None,)


def test_every_foreign_key_has_an_index(dev_database: postgres.Connection) -> None:
    """Without an index, lookups and deletes of referenced rows read the whole table."""
    rows = dev_database.execute(
        """SELECT c.conrelid::regclass::text, a.attname FROM pg_constraint c
           JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
           WHERE c.contype = 'f' AND c.connamespace = 'public'::regnamespace AND NOT EXISTS (
             SELECT 1 FROM pg_index i WHERE i.indrelid = c.conrelid AND i.indkey[0] = c.conkey[1])"""
    ).fetchall()
    ours = [row for row in rows if str(row[0]) in TABLES]
    assert ours == []


@pytest.mark.needs("swarm")
def test_pending_work_is_found_by_an_index(dev_database: postgres.Connection) -> None:
    rows = dev_database.execute("SELECT indexdef FROM pg_indexes WHERE tablename = 'work_items'").fetchall()
    waiting = [str(row[0]) for row in rows if "WHERE" in str(row[0]) and "pending" in str(row[0])]
    assert any("rank" in each for each in waiting), rows


@pytest.mark.needs("features")
@pytest.mark.parametrize("table", ["oban_jobs", "agents_versions", "work_items_versions"])
def test_table_of_features_is_there(table: str, dev_database: postgres.Connection) -> None:
    assert table in queries.tables(dev_database)


def test_there_is_no_default_account(dev_database: postgres.Connection) -> None:
    """There are no default credentials: a command creates the first operator."""
    assert queries.rows(dev_database, "users") == 0
