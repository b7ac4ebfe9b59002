"""Production viability: of which attempts it is known, and what it says."""

from __future__ import annotations

from typing import Any

import pytest

from rollout.journal.events import encode, production
from rollout.journal.events.base import JournalEvent
from rollout.results import history
from rollout.results.attempts import Attempt, attempts
from rollout.results.measures import measure


def _told(happened: JournalEvent) -> dict[str, Any]:
    name, keys = encode(happened)
    return {"event": name, **keys}


def _load(**totals: int) -> dict[str, Any]:
    return {"event": "load.finished", "path": "realistic", "phase": "upgrade", "name": "upgrade", "totals": totals}


def _bad(outcome: str) -> dict[str, Any]:
    return _told(production.BadReleaseTried(path="realistic", phase="bad_release", kind="never_ready", outcome=outcome,
                                            noticed="start", seconds=1.0))  # fmt: skip


def _proven(*missing: str) -> dict[str, Any]:
    return _told(production.DataProven(path="realistic", phase="upgrade", load="upgrade", acknowledged=9,
                                       missing=missing, doubled=()))  # fmt: skip


def _attempt(*events: dict[str, Any], phases: tuple[str, ...] = ("instances", "upgrade")) -> Attempt:
    started: dict[str, Any] = {
        "event": "run.started",
        "paths": ["realistic"],
        "plan": {"realistic": [{"name": name} for name in phases]},
        "source": {"kind": "hexpm"},
    }
    path: dict[str, Any] = {"event": "path.started", "path": "realistic", "phases": [], "through": "bad_release"}
    told = [
        started,
        path,
        *events,
        {"event": "path.finished", "path": "realistic", "outcome": "deployed", "seconds": 1},
    ]
    (found,) = attempts([{"v": 1, "seq": n, "mono": float(n), "t": "2026-11-28T08:00:00", "run": "r", **event}
                         for n, event in enumerate(told)])  # fmt: skip
    return found


GOOD = (_load(lost=0, failed=0), _proven(), _bad("taken_back"))


def test_an_upgrade_without_harm_and_bad_releases_taken_back_are_viable() -> None:
    assert _attempt(*GOOD).viable is True


@pytest.mark.parametrize(
    "events",
    [
        (_load(lost=1, failed=0), _proven(), _bad("taken_back")),
        (_load(lost=0, failed=1), _proven(), _bad("taken_back")),
        (_load(lost=0, failed=0), _proven("k1"), _bad("taken_back")),
        (_load(lost=0, failed=0), _proven(), _bad("taken_back"), _bad("accepted")),
        (_load(lost=0, failed=0), _proven()),
        (_proven(), _bad("taken_back")),
        (),
    ],
    ids=["lost", "failed", "missing", "accepted", "none tried", "no upgrade", "nothing reached"],
)
def test_anything_less_is_not(events: tuple[dict[str, Any], ...]) -> None:
    assert _attempt(*events).viable is False


def test_a_plan_without_an_upgrade_says_nothing() -> None:
    assert _attempt(*GOOD, phases=("server",)).viable is None


def test_the_measure_counts_runs_of_the_production_stage_only() -> None:
    found = measure("production", [_attempt(*GOOD), _attempt(_bad("accepted")), _attempt(*GOOD, phases=("server",))])
    assert found.rate is not None
    assert (found.n, found.rate.share) == (2, 0.5)


def test_without_such_a_run_there_is_a_reason() -> None:
    assert measure("production", [_attempt(phases=("server",))]).reason == "no run of the production stage yet"


def test_a_line_of_the_history_keeps_it() -> None:
    kept = history.from_row(history.as_row(_attempt(*GOOD)))
    assert kept is not None
    assert kept.viable is True


def test_a_line_of_an_older_release_of_the_suite_is_still_read() -> None:
    row = history.as_row(_attempt(*GOOD))
    del row["viable"]
    kept = history.from_row(row)
    assert kept is not None
    assert kept.viable is None
