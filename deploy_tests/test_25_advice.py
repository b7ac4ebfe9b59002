"""Checks of advice from Claude, against a local stand-in for Anthropic's API.

That a viewer who sends the events of the operators' buttons is refused can only be asked through LiveView: XAVOS' own
tests do (intelligence_live_test.exs).
"""

from __future__ import annotations

import json
import secrets
import threading
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy_tests.support import messages_api as claude
from deploy_tests.support.records import PREFIX, CreatedRecords, run_in_forge
from rollout.deployment.deployment import Deployment
from rollout.site import postgres
from rollout.site.views import CheckedSite
from suite.phases import require

pytestmark = [
    pytest.mark.phase("server"),
    pytest.mark.needs("accounts", "features", "swarm"),
    pytest.mark.timeout(180),
    pytest.mark.usefixtures("records_deleted"),
]

Advice = dict[str, Any]
PROPOSED, OTHER = f"{PREFIX}advised", f"{PREFIX}advised-too"  # an item that stays unchanged, and one for each check
SUMMARY = "The checks would do it first."
OUTPUT = "log/advice.txt"  # a file in the site, where the output is not masked
# Prices per million tokens are in app/lib/xavos/settings/advice.ex.
COST = Decimal(claude.USAGE["input_tokens"] * 3 + claude.USAGE["output_tokens"] * 15) / 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The result of asking for advice: the printed advice, and the requests that the server got."""

    advice: Advice
    questions: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Adviser:
    """Asks Claude for advice on priorities, in the forge, with a key of these checks."""

    deployment: Deployment
    key: str
    created: CreatedRecords

    def ask(
        self,
        *answers: claude.Answer,
        more: str = "",
        key: str = "",
        env: Mapping[str, str] | None = None,
        before: Callable[[], None] | None = None,
        output: str = OUTPUT,
    ) -> Asked:
        """Ask with the right key or another one. `before` is called before the first answer.

        The output goes into a file first, so it is not masked.
        """
        file = self.deployment.site.file(output)
        command = f"umask 077; mix xavos.advise priority --json {more} >{output} 2>&1"
        try:
            with claude.messages_api(self.key, *answers, before=before) as api:
                env = {**(env or {}), "ANTHROPIC_BASE_URL": api.url, "ANTHROPIC_API_KEY": key or self.key}
                ended = run_in_forge(self.deployment, "sh", "-c", command, label="mix xavos.advise", env=env)
            text = file.read_text(encoding="utf-8")
        finally:
            file.unlink(missing_ok=True)
        assert self.key not in text, "the key was printed"
        assert ended.ok, text[-2000:]
        advice: Advice = json.loads(next(line for line in text.splitlines() if line.startswith("{")))
        self.created.advices.append(uuid.UUID(advice["id"]))
        return Asked(advice=advice, questions=tuple(api.asked))


@pytest.fixture(scope="module")
def adviser(request: pytest.FixtureRequest, deployment: Deployment, created: CreatedRecords) -> Adviser:
    require(request, "server")
    site = deployment.site
    if site.options.offline:
        pytest.skip("the forge has its own network and cannot reach this server")
    inserted = f"sk-ant-{secrets.token_urlsafe(24)}"
    site.run.redactor.add(inserted)
    return Adviser(deployment=deployment, key=inserted, created=created)


def _wait(database: postgres.Connection, name: str) -> None:
    """Insert a pending item of high priority."""
    database.execute("DELETE FROM work_items WHERE work_item_id = %s", (name,))
    database.execute(
        """INSERT INTO work_items (id, work_item_id, type, description, priority)
           VALUES (gen_random_uuid(), %s, 'check', 'Claude is asked about it', 'high')""",
        (name,),
    )


@pytest.fixture
def waiting(dev_database: postgres.Connection) -> str:
    """A pending item of high priority."""
    _wait(dev_database, OTHER)
    return OTHER


@pytest.fixture(scope="module")
def proposed(adviser: Adviser) -> Asked:
    """Advice that nobody has decided about."""
    site = adviser.deployment.site
    with site.database.connect(site.databases["dev"]) as connection:
        _wait(connection, PROPOSED)
    return adviser.ask(claude.suggestion(SUMMARY, _critical(PROPOSED)))


@pytest.fixture(scope="module")
def refused(adviser: Adviser, proposed: Asked) -> Asked:
    """A request with a key that the server does not accept."""
    return adviser.ask(claude.suggestion(SUMMARY, _critical(PROPOSED)), key=f"{adviser.key}-of-somebody-else")


def _critical(name: str) -> dict[str, str]:
    return {"work_item_id": name, "priority": "critical", "reason": "a check waits for it"}


def _priority(database: postgres.Connection, name: str) -> object:
    row = database.execute("SELECT priority FROM work_items WHERE work_item_id = %s", (name,)).fetchone()
    return row and row[0]


def _kept(database: postgres.Connection, advice: Advice) -> dict[str, Any]:
    """The advice in the database."""
    row = database.execute("SELECT to_jsonb(a) FROM advices a WHERE id = %s", (advice["id"],)).fetchone()
    assert row is not None, f"the advice {advice['id']} was not stored"
    return dict(row[0])


def test_advice_is_stored_with_its_cost(proposed: Asked, dev_database: postgres.Connection) -> None:
    """The server checked key, version and format of the request. The request contains the item."""
    advice = proposed.advice
    assert (advice["source"], advice["model"], advice["trouble"]) == ("claude", claude.MODEL, None)
    assert len(proposed.questions) == 1
    assert PROPOSED in proposed.questions[0]["messages"][0]["content"]
    kept = _kept(dev_database, advice)
    assert (kept["source"], kept["summary"], kept["refused"]) == ("claude", SUMMARY, [])
    assert {name: kept[name] for name in claude.USAGE} == claude.USAGE
    assert Decimal(str(kept["cost"])) == COST


def test_advice_is_proposed_and_not_applied(proposed: Asked, dev_database: postgres.Connection) -> None:
    assert [each["outcome"] for each in proposed.advice["suggestions"]] == ["open"]
    assert _kept(dev_database, proposed.advice)["status"] == "proposed"
    assert _priority(dev_database, PROPOSED) == "high"


def test_only_operators_can_apply_advice(proposed: Asked, sessions: Callable[[str], httpx.Client]) -> None:
    card, button = f'id="advice-{proposed.advice["id"]}"', 'phx-click="apply"'
    for role, may in (("viewer", False), ("operator", True)):
        page = sessions(role).get("/intelligence").text
        assert (card in page, button in page) == (True, may), role


def test_valid_suggestions_can_be_applied(
    adviser: Adviser, waiting: str, dev_database: postgres.Connection
) -> None:
    """By the command, as the administrator. Invented suggestions are refused."""
    made_up = _critical(f"{PREFIX}made-up")
    no_priority = {**_critical(waiting), "priority": "utmost"}
    answer = claude.suggestion(SUMMARY, made_up, no_priority, _critical(waiting))
    advice = adviser.ask(answer, more="--apply").advice
    assert (advice["status"], [each["outcome"] for each in advice["suggestions"]]) == ("applied", ["applied"])
    assert len(advice["refused"]) == 2
    assert _kept(dev_database, advice)["decided_by"]
    assert _priority(dev_database, waiting) == "critical"


def test_requests_are_retried_when_the_service_is_overloaded(adviser: Adviser, waiting: str) -> None:
    asked = adviser.ask(claude.error(529), claude.suggestion(SUMMARY, _critical(waiting)))
    assert (asked.advice["source"], asked.advice["trouble"], len(asked.questions)) == ("claude", None, 2)
    assert asked.questions[0] == asked.questions[1]


def test_two_instances_share_one_daily_limit(adviser: Adviser, waiting: str, dev_database: postgres.Connection) -> None:
    """While one waits for Claude, another asks. The daily limit has one request left for both."""
    row = dev_database.execute(
        """SELECT coalesce(sum(cost), 0) FROM (
             SELECT cost, inserted_at FROM advices UNION ALL SELECT amount, inserted_at FROM advice_reservations
           ) AS spent WHERE inserted_at >= date_trunc('day', now() AT TIME ZONE 'utc')"""
    ).fetchone()
    assert row is not None
    # One request can cost about 7 cents; see Claude.bound.
    bounds = {"XAVOS_ADVICE_MAX_COST_PER_DAY": str(Decimal(str(row[0])) + Decimal("0.1")), "XAVOS_ADVICE_ITEMS": "1"}
    good = claude.suggestion(SUMMARY, _critical(waiting))
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        held.set()
        release.wait(60)

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(adviser.ask, good, env=bounds, before=hold, output="log/advice-first.txt")
        try:
            assert held.wait(60), "the first request was never sent"
            second = adviser.ask(good, env=bounds)
        finally:
            release.set()
        asked = first.result()
    assert (asked.advice["source"], len(asked.questions)) == ("claude", 1)
    assert (second.advice["source"], second.questions) == ("heuristic", ())
    assert "are left" in second.advice["trouble"]
    assert dev_database.execute("SELECT * FROM advice_reservations").fetchall() == []


def test_a_refused_key_falls_back_to_the_heuristic(
    refused: Asked, dev_database: postgres.Connection
) -> None:
    """It is not retried, and it cost nothing."""
    assert (refused.advice["source"], len(refused.questions)) == ("heuristic", 1)
    assert "401" in refused.advice["trouble"]
    kept = _kept(dev_database, refused.advice)
    assert (kept["source"], kept["trouble"]) == ("heuristic", refused.advice["trouble"])
    assert Decimal(str(kept["cost"])) == Decimal(0)


@pytest.mark.usefixtures("proposed", "refused")
def test_the_api_key_is_in_no_file(adviser: Adviser, site: CheckedSite, dev_database: postgres.Connection) -> None:
    """Not in logs, the run's folder, the advice or the output."""
    assert [str(file) for place in (site.file("log"), site.run.folder) for file in _holding(place, adviser.key)] == []
    kept = [str(row[0]) for row in dev_database.execute("SELECT a::text FROM advices a")]
    assert kept
    assert [text for text in kept if adviser.key in text] == []


def _holding(folder: Path, secret: str) -> list[Path]:
    """The files that contain the key."""
    files = [file for file in folder.rglob("*") if file.is_file() and not file.is_symlink()]
    assert files, f"{folder} is empty: this check searches nothing"
    return [file for file in files if secret.encode() in file.read_bytes()]
