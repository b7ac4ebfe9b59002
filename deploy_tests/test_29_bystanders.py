"""After everything that the checks have done: what somebody else has in the same XAVOS is as it was."""

from __future__ import annotations

import pytest

from deploy_tests.support.bystanders import Others, as_it_is
from deploy_tests.support.records import PREFIX, Made, sweep
from rollout.site import postgres
from rollout.site.site import Site

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


def test_what_somebody_else_has_is_as_it_was(others: Others, dev_database: postgres.Connection) -> None:
    """Nothing of it has gone, and nothing has changed: no check has claimed it, counted it, or swept it away."""
    planted = {"teams", "agents", "work_items", "coordination_events", "advices", "oban_jobs"}
    assert {table for table, rows in others.before.items() if rows} == planted
    assert as_it_is(dev_database, others.names) == others.before


@pytest.mark.parametrize("table", LEFT)
@pytest.mark.usefixtures("others")
def test_nothing_of_the_checks_is_left(table: str, dev_database: postgres.Connection) -> None:
    assert dev_database.execute(LEFT[table].encode(), {"ours": PREFIX}).fetchall() == []


def test_what_the_checks_make_is_found_and_taken_away(
    others: Others, site: Site, dev_database: postgres.Connection
) -> None:
    """So that the two above do not pass because nothing was ever made, or nothing is ever removed."""
    name = f"{PREFIX}to-be-swept"
    dev_database.execute("INSERT INTO teams (id, name) VALUES (gen_random_uuid(), %s)", (name,))
    asked = LEFT["teams"].encode(), {"ours": PREFIX}
    assert dev_database.execute(*asked).fetchall() == [(name,)]
    with site.database.connect(site.databases["dev"]) as connection:
        sweep(connection, Made())
    assert dev_database.execute(*asked).fetchall() == []
    assert as_it_is(dev_database, others.names) == others.before
