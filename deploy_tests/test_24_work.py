"""Work being done in the running system: a swarm, the bridge, agents that fall silent, restarts in the midst of it."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy_tests.conftest import Ask
from deploy_tests.world import PREFIX
from rollout.deployment import Deployment
from rollout.site import postgres
from rollout.site.postgres import questions
from rollout.site.server import marker
from rollout.site.site import Site
from suite.phases import require

pytestmark = [
    pytest.mark.phase("server"),
    pytest.mark.needs("accounts", "features", "swarm"),
    pytest.mark.timeout(300),
    pytest.mark.usefixtures("empty", "silent"),
]

AGENTS, ITEMS = 16, 200
SILENT = f"{PREFIX}silent"
EXCHANGE = "log/bridge"
CLAIMS = [
    {"work_item_id": f"{PREFIX}bridge-1", "type": "check", "priority": "high", "status": "pending"},
    {"work_item_id": f"{PREFIX}bridge-2", "status": "completed", "agent_id": f"{PREFIX}bridge-agent", "progress": 100,
     "result": {"outcome": "fine"}, "depends_on": [f"{PREFIX}bridge-1"]},
]  # fmt: skip
STATUSES = [{"agent_id": f"{PREFIX}bridge-agent", "name": "Bridged", "status": "active", "capacity": 3}]


def _swarm(ask: Ask, *more: str) -> dict[str, Any]:
    """Let a swarm work; what it says of itself."""
    command = ("mix", "xavos.swarm", "--agents", str(AGENTS), "--items", str(ITEMS), "--json", *more)
    said = ask(*command, label="mix xavos.swarm", deadline=240)
    assert said.ok, said.tail
    summary: dict[str, Any] = json.loads(next(line for line in said.tail.splitlines() if line.startswith("{")))
    return summary


def _count(connection: postgres.Connection, statement: str) -> int:
    row = connection.execute(statement.encode()).fetchone()
    return int(str(row[0])) if row else 0


@pytest.fixture(scope="module")
def silent(request: pytest.FixtureRequest, deployment: Deployment) -> None:
    """An agent that was last heard of ten minutes ago and holds an item; later checks ask what became of both."""
    require(request, "server")
    site = deployment.site
    with site.database.connect(site.databases["dev"]) as connection:
        connection.execute(
            """WITH agent AS (
                 INSERT INTO agents (id, agent_id, name, status, capacity, workload, last_heartbeat_at)
                 VALUES (gen_random_uuid(), %(name)s, 'Silent', 'busy', 1, 1,
                         now() AT TIME ZONE 'utc' - interval '10 minutes') RETURNING id)
               INSERT INTO work_items (id, work_item_id, type, description, status, agent_id, claimed_at)
               SELECT gen_random_uuid(), %(name)s, 'silent', 'held by an agent that fell silent', 'claimed', id,
                      now() AT TIME ZONE 'utc' - interval '10 minutes' FROM agent""",
            {"name": SILENT},
        )


@pytest.fixture
def exchange(site: Site) -> Iterator[Path]:
    """A folder with the two files of Scrum at Scale; commands know it as EXCHANGE."""
    folder = site.file(EXCHANGE)
    folder.mkdir(parents=True)
    (folder / "work_claims.json").write_text(json.dumps(CLAIMS), encoding="utf-8")
    (folder / "agent_status.json").write_text(json.dumps(STATUSES), encoding="utf-8")
    yield folder
    shutil.rmtree(folder)


def test_a_swarm_does_all_its_work_and_nothing_twice(ask: Ask) -> None:
    summary = _swarm(ask)
    assert summary["ok"], summary
    assert (summary["completed"], summary["lost"], summary["claimed_twice"]) == (ITEMS, 0, 0)


def test_the_database_agrees_with_the_swarm(dev_database: postgres.Connection) -> None:
    """By the record of what happened: every item was completed once, and claimed by one at a time."""
    done = _count(dev_database, "SELECT count(*) FROM work_items WHERE type LIKE 'swarm:%' AND status = 'completed'")
    assert done >= ITEMS
    twice = """SELECT count(*) FROM (SELECT subject_id FROM coordination_events WHERE kind = 'work_item.complete'
               GROUP BY subject_id HAVING count(*) > 1) AS again"""
    assert _count(dev_database, twice) == 0
    carried = "SELECT count(*) FROM agents WHERE agent_id <> 'check-silent' AND workload <> 0"
    assert _count(dev_database, carried) == 0


def test_the_bridge_imports_and_a_second_time_changes_nothing(
    ask: Ask, exchange: Path, dev_database: postgres.Connection
) -> None:
    state = (
        "SELECT md5(string_agg(w::text, ',' ORDER BY w.id)) FROM work_items w WHERE work_item_id LIKE 'check-bridge%'"
    )
    first = ask("mix", "xavos.bridge", "import", EXCHANGE, "--json", label="import of the files")
    assert first.ok, first.tail
    assert exchange.is_dir()
    before = dev_database.execute(state).fetchone()
    events = questions.rows(dev_database, "coordination_events")
    again = ask("mix", "xavos.bridge", "import", EXCHANGE, "--json", label="the same import again")
    assert again.ok, again.tail
    assert dev_database.execute(state).fetchone() == before
    assert questions.rows(dev_database, "coordination_events") == events


def test_the_bridge_reports_what_is_malformed_and_takes_the_rest(
    ask: Ask, exchange: Path, dev_database: postgres.Connection
) -> None:
    good = {"work_item_id": f"{PREFIX}bridge-3", "type": "check"}
    broken: list[object] = [{"type": "no id"}, 42, {"work_item_id": f"{PREFIX}bridge-4", "progress": 400}, good]
    (exchange / "work_claims.json").write_text(json.dumps(broken), encoding="utf-8")
    said = ask("mix", "xavos.bridge", "import", EXCHANGE, label="import of what is malformed")
    assert said.exit_code == 1, said.tail
    found = dev_database.execute("SELECT work_item_id FROM work_items WHERE work_item_id ~ 'bridge-[34]'").fetchall()
    assert [row[0] for row in found] == [f"{PREFIX}bridge-3"]


def test_the_bridge_exports_what_it_would_import(ask: Ask, exchange: Path) -> None:
    for file in exchange.iterdir():
        file.unlink()
    said = ask("mix", "xavos.bridge", "export", EXCHANGE, label="export")
    assert said.ok, said.tail
    claims = json.loads((exchange / "work_claims.json").read_text(encoding="utf-8"))
    text = json.dumps(claims)
    assert f"{PREFIX}bridge-1" in text
    assert f"{PREFIX}bridge-2" in text
    assert f"{PREFIX}bridge-agent" in (exchange / "agent_status.json").read_text(encoding="utf-8")


@pytest.mark.needs("scripts")
def test_a_restart_of_the_server_loses_nothing(
    ask: Ask, site: Site, sessions: Callable[[str], httpx.Client], dev_database: postgres.Connection
) -> None:
    """What is in the database, and who is signed in."""
    viewer = sessions("viewer")
    shown = viewer.get("/coordination").status_code
    before = {table: questions.rows(dev_database, table) for table in ("work_items", "users")}
    stopped = ask("scripts/manage_xavos.sh", "stop", label="stop the server")
    assert stopped.ok, stopped.tail
    assert not site.in_forge.marked(marker(site))
    started = ask("scripts/manage_xavos.sh", "start", label="start the server again", deadline=120)
    assert started.ok, started.tail
    assert viewer.get("/coordination").status_code == shown
    assert {table: questions.rows(dev_database, table) for table in before} == before


def test_a_restart_of_the_database_loses_nothing(site: Site, sessions: Callable[[str], httpx.Client]) -> None:
    if not site.database.can_interrupt:
        pytest.skip("the database server is not ours to stop")
    viewer = sessions("viewer")
    shown = viewer.get("/coordination").status_code
    with site.database.connect(site.databases["dev"]) as connection:
        before = questions.rows(connection, "work_items")
    site.database.pause()
    site.database.resume()
    until = time.monotonic() + 60
    while (last := viewer.get("/health/ready").status_code) != 200 and time.monotonic() < until:
        time.sleep(0.2)
    assert last == 200
    with site.database.connect(site.databases["dev"]) as connection:
        assert questions.rows(connection, "work_items") == before
    assert viewer.get("/coordination").status_code == shown


def test_an_agent_that_falls_silent_is_offline_and_its_work_returns(dev_database: postgres.Connection) -> None:
    """Found by the job of every minute, whichever server runs it."""
    asked = """SELECT a.status, a.workload, w.status, w.agent_id FROM agents a, work_items w
               WHERE a.agent_id = %(name)s AND w.work_item_id = %(name)s"""
    until = time.monotonic() + 150
    while (row := dev_database.execute(asked, {"name": SILENT}).fetchone()) and row[0] != "offline":
        if time.monotonic() > until:
            break
        time.sleep(0.5)
    assert row == ("offline", 0, "pending", None)


def test_it_happened_once(dev_database: postgres.Connection) -> None:
    kinds = "SELECT kind, count(*) FROM coordination_events WHERE subject_id = %s GROUP BY kind"
    found = {str(kind): int(str(count)) for kind, count in dev_database.execute(kinds, (SILENT,))}
    assert found.get("agent.expire") == 1, found
    assert found.get("work_item.release") == 1, found


def test_no_job_has_failed(dev_database: postgres.Connection) -> None:
    asked = "SELECT worker, state, errors::text FROM oban_jobs WHERE state IN ('discarded', 'retryable', 'cancelled')"
    assert dev_database.execute(asked).fetchall() == []
