"""Checks that agents complete work in the running system, also after restarts and lost agents."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy_tests.support.commands import Ask
from deploy_tests.support.records import PREFIX, run_in_forge
from rollout.deployment.deployment import Deployment
from rollout.deployment.server import marker
from rollout.process import Outcome
from rollout.site import postgres
from rollout.site.postgres import queries
from rollout.site.views import CheckedSite
from suite.phases import require

pytestmark = [
    pytest.mark.phase("server"),
    pytest.mark.needs("accounts", "features", "swarm"),
    pytest.mark.timeout(300),
    pytest.mark.usefixtures("records_deleted", "silent"),
]

AGENTS, ITEMS = 16, 200
SLOW_AGENTS, SLOW_ITEMS, SLOW_MS = 8, 250, 500  # some 0.6 s for an item
SILENT = f"{PREFIX}silent"
EXCHANGE = "log/bridge"
CLAIMS = [
    {"work_item_id": f"{PREFIX}bridge-1", "type": "check", "priority": "high", "status": "pending"},
    {"work_item_id": f"{PREFIX}bridge-2", "status": "completed", "agent_id": f"{PREFIX}bridge-agent", "progress": 100,
     "result": {"outcome": "fine"}, "depends_on": [f"{PREFIX}bridge-1"]},
]  # fmt: skip
STATUSES = [{"agent_id": f"{PREFIX}bridge-agent", "name": "Bridged", "status": "active", "capacity": 3}]


Summary = dict[str, Any]
DONE = "SELECT count(*) FROM work_items WHERE type = %s AND status = 'completed'"
DIGEST = f"""SELECT count(*), md5(string_agg(w::text, ',' ORDER BY id)) FROM work_items w
             WHERE status = 'completed' AND strpos(work_item_id, '{PREFIX}') > 0""".encode()  # noqa: S608 - ours


def _command(run: str, agents: int, items: int, *more: str) -> tuple[str, ...]:
    size = ("--agents", str(agents), "--items", str(items))
    return ("mix", "xavos.swarm", "--run", f"{PREFIX}{run}", *size, "--json", *more)


def _summary(said: Outcome) -> Summary:
    """The summary that a swarm prints. A swarm that failed exits with 1 and gives the reasons."""
    found = [line for line in said.tail.splitlines() if line.startswith("{")]
    assert found, said.tail
    summary: Summary = json.loads(found[-1])
    return summary


def _count(connection: postgres.Connection, statement: str, *parameters: str) -> int:
    row = connection.execute(statement.encode(), parameters).fetchone()
    return int(str(row[0])) if row else 0


@pytest.fixture(scope="module")
def worked(request: pytest.FixtureRequest, deployment: Deployment) -> Summary:
    """Run a swarm; returns its summary."""
    require(request, "server")
    said = run_in_forge(deployment, *_command("works", AGENTS, ITEMS), label="mix xavos.swarm", deadline=240)
    return _summary(said)


@pytest.fixture(scope="module")
def silent(request: pytest.FixtureRequest, deployment: Deployment) -> None:
    """An agent with an item, and a last heartbeat ten minutes ago. Later checks look at both."""
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


@pytest.fixture(scope="module", autouse=True)
def started_at() -> datetime:
    """The start of these checks, in UTC without a zone, as in Oban's table."""
    return datetime.now(UTC).replace(tzinfo=None)


@pytest.fixture
def exchange(site: CheckedSite) -> Iterator[Path]:
    """A folder with the two files of Scrum at Scale; commands get it as EXCHANGE."""
    folder = site.file(EXCHANGE)
    folder.mkdir(parents=True)
    (folder / "work_claims.json").write_text(json.dumps(CLAIMS), encoding="utf-8")
    (folder / "agent_status.json").write_text(json.dumps(STATUSES), encoding="utf-8")
    yield folder
    shutil.rmtree(folder)


def test_a_swarm_does_all_its_work_once(worked: Summary) -> None:
    assert worked["ok"], worked
    assert (worked["completed"], worked["lost"], worked["claimed_twice"]) == (ITEMS, 0, 0)


def test_the_database_agrees_with_the_swarm(worked: Summary, dev_database: postgres.Connection) -> None:
    """By the events: each item was completed once, and claimed again only after it was released."""
    assert _of_record(dev_database, worked) == (ITEMS, 0)
    held = "SELECT count(*) FROM agents WHERE agent_id LIKE %s AND workload <> 0"
    assert _count(dev_database, held, f"swarm-{worked['run']}-%") == 0


def _of_record(connection: postgres.Connection, swarm: Summary) -> tuple[int, int]:
    """The number of a swarm's items that were completed once, and of those claimed while not free."""
    statement = """
      SELECT count(*) FILTER (WHERE done = 1), count(*) FILTER (WHERE claims <> 1 + given_back)
      FROM (SELECT count(*) FILTER (WHERE kind = 'work_item.complete') AS done,
                   count(*) FILTER (WHERE kind IN ('work_item.claim', 'work_item.assign')) AS claims,
                   count(*) FILTER (WHERE kind IN ('work_item.release', 'work_item.retry')) AS given_back
            FROM coordination_events WHERE subject_type = 'work_item' AND subject_id LIKE %s
            GROUP BY subject_id) AS item"""
    row = connection.execute(statement, (f"SWARM-{swarm['run']}-%",)).fetchone()
    assert row is not None
    return int(str(row[0])), int(str(row[1]))


def test_a_second_import_by_the_bridge_changes_nothing(
    ask: Ask, exchange: Path, dev_database: postgres.Connection
) -> None:
    """Compares rows and events of the import. Other events come from the server's own jobs."""
    state = f"""SELECT md5(string_agg(w::text, ',' ORDER BY w.id)), (SELECT count(*) FROM coordination_events
                WHERE starts_with(subject_id, '{PREFIX}bridge')) FROM work_items w
                WHERE starts_with(work_item_id, '{PREFIX}bridge')""".encode()  # noqa: S608 - ours
    first = ask("mix", "xavos.bridge", "import", EXCHANGE, "--json", label="import of the files")
    assert first.ok, first.tail
    assert exchange.is_dir()
    before = dev_database.execute(state).fetchone()
    again = ask("mix", "xavos.bridge", "import", EXCHANGE, "--json", label="the same import again")
    assert again.ok, again.tail
    assert dev_database.execute(state).fetchone() == before


def test_the_bridge_reports_malformed_entries_and_imports_the_rest(
    ask: Ask, exchange: Path, dev_database: postgres.Connection
) -> None:
    good = {"work_item_id": f"{PREFIX}bridge-3", "type": "check"}
    broken: list[object] = [{"type": "no id"}, 42, {"work_item_id": f"{PREFIX}bridge-4", "progress": 400}, good]
    (exchange / "work_claims.json").write_text(json.dumps(broken), encoding="utf-8")
    said = ask("mix", "xavos.bridge", "import", EXCHANGE, label="import with malformed entries")
    assert said.exit_code == 1, said.tail
    both = [f"{PREFIX}bridge-{number}" for number in (3, 4)]
    found = dev_database.execute("SELECT work_item_id FROM work_items WHERE work_item_id = ANY(%s)", (both,)).fetchall()
    assert [row[0] for row in found] == [f"{PREFIX}bridge-3"]


def test_the_bridge_can_import_its_own_export(ask: Ask, exchange: Path) -> None:
    taken = ask("mix", "xavos.bridge", "import", EXCHANGE, label="import before the export")
    assert taken.ok, taken.tail
    for file in exchange.iterdir():
        file.unlink()
    said = ask("mix", "xavos.bridge", "export", EXCHANGE, label="export")
    assert said.ok, said.tail
    claims = (exchange / "work_claims.json").read_text(encoding="utf-8")
    assert {f"{PREFIX}bridge-1", f"{PREFIX}bridge-2"} <= set(re.findall(r'"work_item_id": *"([^"]+)"', claims))
    assert f"{PREFIX}bridge-agent" in (exchange / "agent_status.json").read_text(encoding="utf-8")


@pytest.mark.needs("scripts")
@pytest.mark.usefixtures("worked")
def test_a_server_restart_loses_nothing(
    ask: Ask, site: CheckedSite, sessions: Callable[[str], httpx.Client], dev_database: postgres.Connection
) -> None:
    """Completed work stays, and users stay signed in."""
    viewer = sessions("viewer")
    shown = viewer.get("/coordination").status_code
    before = dev_database.execute(DIGEST).fetchone()
    users = queries.rows(dev_database, "users")
    stopped = ask("scripts/manage_xavos.sh", "stop", label="stop the server")
    assert stopped.ok, stopped.tail
    assert not site.in_forge.marked(marker(site))
    started = ask("scripts/manage_xavos.sh", "start", label="start the server again", deadline=120)
    assert started.ok, started.tail
    assert viewer.get("/coordination").status_code == shown
    assert dev_database.execute(DIGEST).fetchone() == before
    assert queries.rows(dev_database, "users") == users


@pytest.mark.needs("scripts")
def test_a_swarm_continues_while_the_server_restarts(ask: Ask, dev_database: postgres.Connection) -> None:
    """The swarm uses the database, not the server. No work is lost or done twice."""
    slowly = ("--work-ms", str(SLOW_MS), "--keep-alive", "0", "--timeout", "150")
    slow = _command("slow", SLOW_AGENTS, SLOW_ITEMS, *slowly)
    theirs = f"swarm:{PREFIX}slow"
    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(ask, *slow, label="a swarm during a restart", deadline=200)
        until = time.monotonic() + 90
        while _count(dev_database, DONE, theirs) < SLOW_ITEMS // 10 and not working.done():
            assert time.monotonic() < until, "the swarm did not start to work"
            time.sleep(0.1)
        stopped = ask("scripts/manage_xavos.sh", "stop", label="stop the server during a swarm")
        without = _count(dev_database, DONE, theirs)
        started = ask("scripts/manage_xavos.sh", "start", label="start the server during a swarm", deadline=120)
        meanwhile = _count(dev_database, DONE, theirs) - without
        assert stopped.ok, stopped.tail
        assert started.ok, started.tail
        summary = _summary(working.result())
    assert meanwhile > 0, "the swarm had ended before the server was stopped"
    assert summary["ok"], summary
    assert (summary["completed"], summary["lost"], summary["claimed_twice"]) == (SLOW_ITEMS, 0, 0)
    assert _of_record(dev_database, summary) == (SLOW_ITEMS, 0)


@pytest.mark.usefixtures("worked")
def test_a_database_restart_loses_nothing(site: CheckedSite, sessions: Callable[[str], httpx.Client]) -> None:
    if not site.database.can_interrupt:
        pytest.skip("the database server is the user's and is not stopped")
    viewer = sessions("viewer")
    shown = viewer.get("/coordination").status_code
    with site.database.connect(site.databases["dev"]) as connection:
        before = connection.execute(DIGEST).fetchone()
    site.database.pause()
    site.database.resume()
    until = time.monotonic() + 60
    while (last := viewer.get("/health/ready").status_code) != 200 and time.monotonic() < until:
        time.sleep(0.2)
    assert last == 200
    with site.database.connect(site.databases["dev"]) as connection:
        assert connection.execute(DIGEST).fetchone() == before
    assert viewer.get("/coordination").status_code == shown


@pytest.fixture(scope="module")
def expired(silent: None, deployment: Deployment) -> tuple[object, ...] | None:
    """The silent agent and its item, after the job has found it or after 150 s."""
    asked = """SELECT a.status, a.workload, w.status, w.agent_id FROM agents a, work_items w
               WHERE a.agent_id = %(name)s AND w.work_item_id = %(name)s"""
    until = time.monotonic() + 150
    site = deployment.site
    with site.database.connect(site.databases["dev"]) as connection:
        while (row := connection.execute(asked, {"name": SILENT}).fetchone()) and row[0] != "offline":
            if time.monotonic() > until:
                break
            time.sleep(0.5)
    return row


def test_a_silent_agent_goes_offline_and_its_work_is_released(
    expired: tuple[object, ...] | None, dev_database: postgres.Connection
) -> None:
    """The job runs every minute on one server. A job that does not end blocks the next."""
    running = "SELECT worker, attempted_by, attempted_at::text FROM oban_jobs WHERE state = 'executing'"
    assert expired == ("offline", 0, "pending", None), dev_database.execute(running).fetchall()


@pytest.mark.usefixtures("expired")
def test_the_silent_agent_was_expired_once(dev_database: postgres.Connection) -> None:
    kinds = "SELECT kind, count(*) FROM coordination_events WHERE subject_id = %s GROUP BY kind"
    found = {str(kind): int(str(count)) for kind, count in dev_database.execute(kinds, (SILENT,))}
    assert found.get("agent.expire") == 1, found
    assert found.get("work_item.release") == 1, found


@pytest.mark.usefixtures("expired")
def test_no_job_has_failed(dev_database: postgres.Connection, started_at: datetime) -> None:
    """No job failed since these checks began."""
    asked = """SELECT worker, state, errors::text FROM oban_jobs
               WHERE state IN ('discarded', 'retryable', 'cancelled') AND attempted_at >= %s"""
    assert dev_database.execute(asked, (started_at,)).fetchall() == []
