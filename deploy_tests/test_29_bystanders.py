"""Checks, after all others, that the records of unrelated users are unchanged."""

from __future__ import annotations

import pytest

from deploy_tests.support.bystanders import Bystanders, rows_of
from deploy_tests.support.records import PREFIX, CreatedRecords, delete_records
from rollout.site import postgres
from rollout.site.views import CheckedSite

pytestmark = [
    pytest.mark.phase("server"),
    pytest.mark.needs("accounts", "features", "swarm"),
    pytest.mark.timeout(60),
]

LEFT = {
    "teams": "SELECT name FROM teams WHERE strpos(name, %(ours)s) > 0",
    "agents": "SELECT agent_id FROM agents WHERE strpos(agent_id, %(ours)s) > 0",
    "work_items": "SELECT work_item_id FROM work_items WHERE strpos(work_item_id, %(ours)s) > 0",
    "coordination_events": "SELECT kind, subject_id FROM coordination_events WHERE strpos(subject_id, %(ours)s) > 0",
}


def test_records_of_others_are_unchanged(bystanders: Bystanders, dev_database: postgres.Connection) -> None:
    """No check has deleted, claimed or changed them."""
    inserted = {"teams", "agents", "work_items", "coordination_events", "advices", "oban_jobs"}
    assert {table for table, rows in bystanders.before.items() if rows} == inserted
    assert rows_of(dev_database, bystanders.names) == bystanders.before


@pytest.mark.parametrize("table", LEFT)
@pytest.mark.usefixtures("bystanders")
def test_no_record_of_the_checks_is_left(table: str, dev_database: postgres.Connection) -> None:
    assert dev_database.execute(LEFT[table].encode(), {"ours": PREFIX}).fetchall() == []


def test_records_of_the_checks_are_found_and_removed(
    bystanders: Bystanders, site: CheckedSite, dev_database: postgres.Connection
) -> None:
    """Proves that the removal works: the two checks above cannot pass for lack of records."""
    name = f"{PREFIX}to-be-deleted"
    dev_database.execute("INSERT INTO teams (id, name) VALUES (gen_random_uuid(), %s)", (name,))
    asked = LEFT["teams"].encode(), {"ours": PREFIX}
    assert dev_database.execute(*asked).fetchall() == [(name,)]
    with site.database.connect(site.databases["dev"]) as connection:
        delete_records(connection, CreatedRecords())
    assert dev_database.execute(*asked).fetchall() == []
    assert rows_of(dev_database, bystanders.names) == bystanders.before
