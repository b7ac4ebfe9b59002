"""Scrum at Scale in figures, and how fast work is claimed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from psycopg import sql

from deploy_tests.support.commands import Ask
from deploy_tests.support.records import PREFIX, Thing, document, run_in_forge
from rollout.deployment.deployment import Deployment
from rollout.site import postgres
from rollout.site.postgres import queries
from rollout.site.site import Site

pytestmark = [
    pytest.mark.phase("server"),
    pytest.mark.needs("accounts", "features", "swarm"),
    pytest.mark.timeout(180),
    pytest.mark.usefixtures("empty"),
]

Api = Callable[[str], httpx.Client]
Node = dict[str, Any]
ABOVE, BELOW = f"{PREFIX}above", f"{PREFIX}below"
# As `manage_xavos.sh agents` asks: without a server and without jobs.
SUMMARY = """
Logger.configure(level: :warning)
Xavos.Swarm.Runtime.start()
IO.puts("SCRUM " <> Jason.encode!(Xavos.Scrum.summary().teams))
"""
CLAIMING, ITEMS = 8, 200
WAYS = {"claim_next", "claim_batch", "work_through", "oban"}


def _made(api: Api, place: str, kind: str, **attributes: Any) -> Thing:
    return Thing.of(api("operator").post(place, json=document(kind, **attributes)), 201)


def _step(api: Api, place: str, thing: Thing, step: str, **attributes: Any) -> Thing:
    sent = document(thing.type, known_as=thing.id, **attributes)
    return Thing.of(api("operator").patch(f"{place}/{thing.id}/{step}", json=sent))


def _work(api: Api, team: Thing, name: str, priority: str) -> Thing:
    said = {"work_item_id": f"{PREFIX}{name}", "type": "check", "description": "A check", "priority": priority}
    return _made(api, "/work-items", "work_item", team_id=team.id, **said)


@pytest.fixture(scope="module")
def node(api: Api, deployment: Deployment) -> Node:
    """What is said of a team that has an item, and of one below that has an agent and three: waiting, done, blocked."""
    above = _made(api, "/teams", "team", name=ABOVE)
    below = _made(api, "/teams", "team", name=BELOW, parent_id=above.id)
    agent = _made(api, "/agents", "agent", agent_id=f"{PREFIX}scrum", name="A check", capacity=3, team_id=below.id)
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
    """Those that do not depend on the time."""
    timed = ("per_hour", "per_day", "cycle_time_median", "cycle_time_p85")
    return {name: value for name, value in said.items() if name not in timed}


def _expected(**counted: int) -> Node:
    """Figures with these counts, and naught for the rest; `low` and `high` are priorities of what waits."""
    none = dict.fromkeys(("pending", "claimed", "in_progress", "blocked", "completed", "failed", "cancelled"), 0)
    none |= dict.fromkeys(("ready", "agents", "capacity", "workload", "finished"), 0)
    waiting = {priority: counted.pop(priority, 0) for priority in ("low", "medium", "high", "critical")}
    return {**none, **counted, "waiting": waiting}


@pytest.mark.needs("extras")
def test_a_teams_figures_are_those_of_its_work_and_agents(node: Node) -> None:
    """What is blocked with them, and how long it took from claim to completion."""
    (below,) = node["teams"]
    assert (below["name"], below["depth"], below["scrum_of_scrums?"]) == (BELOW, 1, False)
    expected = _expected(
        pending=1, ready=1, low=1, blocked=1, completed=1, finished=1, agents=1, capacity=3, workload=1
    )  # fmt: skip
    assert _figures(below["own"]) == expected
    assert below["figures"] == below["own"]
    assert below["own"]["cycle_time_median"] > 0
    assert below["own"]["per_day"] == pytest.approx(1)
    # It took no minute, and a rate is one of a minute at least.
    assert below["own"]["per_hour"] == pytest.approx(60)


@pytest.mark.needs("extras")
def test_a_scrum_of_scrums_has_the_sum_of_the_teams_below(node: Node) -> None:
    (below,) = node["teams"]
    assert (node["depth"], node["scrum_of_scrums?"]) == (0, True)
    assert _figures(node["own"]) == _expected(pending=1, ready=1, high=1)
    both = _expected(
        pending=2, ready=2, low=1, high=1, blocked=1, completed=1, finished=1, agents=1, capacity=3, workload=1
    )  # fmt: skip
    assert _figures(node["figures"]) == both
    assert node["figures"]["cycle_time_median"] == below["figures"]["cycle_time_median"]


def test_a_killed_benchmark_leaves_no_database(ask: Ask, site: Site, dev_database: postgres.Connection) -> None:
    """Killed while it measures, by the signal that lets nobody tidy up."""
    if "create databases" not in queries.rights(dev_database, site.settings["PGUSER"]):
        pytest.skip("the role of the application may not create databases")
    database = f"{site.databases['dev']}_benchmark"
    # It becomes the VM (mix and elixir are scripts that exec), which is killed when its first line is there.
    script = """mix xavos.benchmark --agents 4 --items 20000 >log/benchmark.txt 2>&1 & vm=$!
      until grep -q claim_next log/benchmark.txt || ! kill -0 $vm; do sleep 0.1; done
      kill -KILL $vm; wait $vm; echo "ended with $?"; cat log/benchmark.txt"""
    try:
        killed = ask("sh", "-c", script, label="a benchmark that is killed", deadline=120)
        assert "1. claim_next" in killed.tail, killed.tail  # it was at work in its database
        assert "ended with 137" in killed.tail, killed.tail
        until = time.monotonic() + 30
        while queries.owner(dev_database, database) is not None and time.monotonic() < until:
            time.sleep(0.1)
        assert queries.owner(dev_database, database) is None
    finally:
        site.file("log/benchmark.txt").unlink(missing_ok=True)
        dev_database.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))


def test_claims_are_measured_beside_oban_in_a_database_that_goes_away(
    ask: Ask, site: Site, dev_database: postgres.Connection
) -> None:
    """The rates are in the log of the command: on a busy machine they say little."""
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
    told = json.loads(next(line for line in said.tail.splitlines() if line.startswith("{")))
    assert (told["agents"], told["items"], set(told["ways"])) == (CLAIMING, ITEMS, WAYS)
    assert {way: rates for way, rates in told["ways"].items() if min(rates["rates"]) <= 0} == {}
    assert left is None
