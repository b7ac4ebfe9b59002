"""Checks the metrics of Scrum at Scale, and the benchmark of claiming work items."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from psycopg import sql

from deploy_tests.support.commands import Ask
from deploy_tests.support.records import PREFIX, Resource, document, run_in_forge
from rollout.deployment.deployment import Deployment
from rollout.site import postgres
from rollout.site.postgres import queries
from rollout.site.views import CheckedSite

pytestmark = [
    pytest.mark.phase("server"),
    pytest.mark.needs("accounts", "features", "swarm"),
    pytest.mark.timeout(180),
    pytest.mark.usefixtures("records_deleted"),
]

Api = Callable[[str], httpx.Client]
Node = dict[str, Any]
ABOVE, BELOW = f"{PREFIX}above", f"{PREFIX}below"
# Like `manage_xavos.sh agents`: without server and jobs.
SUMMARY = """
Logger.configure(level: :warning)
Xavos.Swarm.Runtime.start()
IO.puts("SCRUM " <> Jason.encode!(Xavos.Scrum.summary().teams))
"""
CLAIMING, ITEMS = 8, 200
WAYS = {"claim_next", "claim_batch", "work_through", "oban"}


def _create(api: Api, place: str, kind: str, **attributes: Any) -> Resource:
    return Resource.of(api("operator").post(place, json=document(kind, **attributes)), 201)


def _step(api: Api, place: str, thing: Resource, step: str, **attributes: Any) -> Resource:
    sent = document(thing.type, known_as=thing.id, **attributes)
    return Resource.of(api("operator").patch(f"{place}/{thing.id}/{step}", json=sent))


def _work(api: Api, team: Resource, name: str, priority: str) -> Resource:
    said = {"work_item_id": f"{PREFIX}{name}", "type": "check", "description": "A check", "priority": priority}
    return _create(api, "/work-items", "work_item", team_id=team.id, **said)


@pytest.fixture(scope="module")
def node(api: Api, deployment: Deployment) -> Node:
    """Metrics of a team with an item, and of a team below with an agent and three items: pending, done, blocked."""
    above = _create(api, "/teams", "team", name=ABOVE)
    below = _create(api, "/teams", "team", name=BELOW, parent_id=above.id)
    agent = _create(api, "/agents", "agent", agent_id=f"{PREFIX}scrum", name="A check", capacity=3, team_id=below.id)
    _step(api, "/agents", agent, "activate")
    _work(api, above, "above-waits", "high")
    _work(api, below, "below-waits", "low")
    for name, step, said in (("done", "complete", {"result": {}}), ("blocked", "block", {"reason": "waits"})):
        item = _step(api, "/work-items", _work(api, below, name, "medium"), "assign", agent_id=agent.id)
        _step(api, "/work-items", item, step, **said)
    asking = ("mix", "run", "--no-start", "-e", SUMMARY)
    asked = run_in_forge(deployment, *asking, label="the summary of Scrum at Scale", repeatable=True)
    found = [line for line in asked.tail.splitlines() if line.startswith("SCRUM ")]
    assert found, asked.tail
    teams: list[Node] = json.loads(found[-1].removeprefix("SCRUM "))
    return next(team for team in teams if team["name"] == ABOVE)


def _figures(said: Node) -> Node:
    """The metrics that do not depend on time."""
    timed = ("per_hour", "per_day", "cycle_time_median", "cycle_time_p85")
    return {name: value for name, value in said.items() if name not in timed}


def _expected(**counted: int) -> Node:
    """Metrics with these counts and 0 for the rest. `low` and `high` are priorities of pending work."""
    none = dict.fromkeys(("pending", "claimed", "in_progress", "blocked", "completed", "failed", "cancelled"), 0)
    none |= dict.fromkeys(("ready", "agents", "capacity", "workload", "finished"), 0)
    waiting = {priority: counted.pop(priority, 0) for priority in ("low", "medium", "high", "critical")}
    return {**none, **counted, "waiting": waiting}


@pytest.mark.needs("extras")
def test_a_teams_metrics_match_its_work_and_agents(node: Node) -> None:
    """Blocked work and the time from claim to completion included."""
    (below,) = node["teams"]
    assert (below["name"], below["depth"], below["scrum_of_scrums?"]) == (BELOW, 1, False)
    expected = _expected(
        pending=1, ready=1, low=1, blocked=1, completed=1, finished=1, agents=1, capacity=3, workload=1
    )  # fmt: skip
    assert _figures(below["own"]) == expected
    assert below["figures"] == below["own"]
    assert below["own"]["cycle_time_median"] > 0
    assert below["own"]["per_day"] == pytest.approx(1)
    # The check takes less than a minute. A rate covers at least one minute.
    assert below["own"]["per_hour"] == pytest.approx(60)


@pytest.mark.needs("extras")
def test_a_scrum_of_scrums_has_the_sum_of_its_teams(node: Node) -> None:
    (below,) = node["teams"]
    assert (node["depth"], node["scrum_of_scrums?"]) == (0, True)
    assert _figures(node["own"]) == _expected(pending=1, ready=1, high=1)
    both = _expected(
        pending=2, ready=2, low=1, high=1, blocked=1, completed=1, finished=1, agents=1, capacity=3, workload=1
    )  # fmt: skip
    assert _figures(node["figures"]) == both
    assert node["figures"]["cycle_time_median"] == below["figures"]["cycle_time_median"]


def test_a_killed_benchmark_leaves_no_database(ask: Ask, site: CheckedSite, dev_database: postgres.Connection) -> None:
    """It is killed by SIGKILL while it measures."""
    if "create databases" not in queries.rights(dev_database, site.settings["PGUSER"]):
        pytest.skip("the role of the application may not create databases")
    database = f"{site.databases['dev']}_benchmark"
    # mix and elixir are scripts that exec, so $! is the VM. It is killed after its first line.
    script = """mix xavos.benchmark --agents 4 --items 20000 >log/benchmark.txt 2>&1 & vm=$!
      until grep -q claim_next log/benchmark.txt || ! kill -0 $vm; do sleep 0.1; done
      kill -KILL $vm; wait $vm; echo "ended with $?"; cat log/benchmark.txt"""
    try:
        killed = ask("sh", "-c", script, label="a benchmark that is killed", deadline=120)
        assert "1. claim_next" in killed.tail, killed.tail  # it was working in its database
        assert "ended with 137" in killed.tail, killed.tail
        until = time.monotonic() + 30
        while queries.owner(dev_database, database) is not None and time.monotonic() < until:
            time.sleep(0.1)
        assert queries.owner(dev_database, database) is None
    finally:
        site.file("log/benchmark.txt").unlink(missing_ok=True)
        dev_database.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))


def test_the_benchmark_removes_its_database(
    ask: Ask, site: CheckedSite, dev_database: postgres.Connection
) -> None:
    """It compares claims with Oban. The rates are in the command's log; a busy machine distorts them."""
    if "create databases" not in queries.rights(dev_database, site.settings["PGUSER"]):
        pytest.skip("the role of the application may not create databases")
    database = f"{site.databases['dev']}_benchmark"
    assert queries.owner(dev_database, database) is None
    size = ("--agents", str(CLAIMING), "--items", str(ITEMS), "--repetitions", "1")
    try:
        said = ask("mix", "xavos.benchmark", *size, "--json", label="mix xavos.benchmark", deadline=150)
        left = queries.owner(dev_database, database)
    finally:
        dev_database.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))
    assert said.ok, said.tail
    result = json.loads(next(line for line in said.tail.splitlines() if line.startswith("{")))
    assert (result["agents"], result["items"], set(result["ways"])) == (CLAIMING, ITEMS, WAYS)
    assert {way: rates for way, rates in result["ways"].items() if min(rates["rates"]) <= 0} == {}
    assert left is None
