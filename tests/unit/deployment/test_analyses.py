"""Blame and matrix run once, while the site exists, and never disturb the deployment."""

from __future__ import annotations

import types
from pathlib import Path
from typing import Any

import pytest

from rollout.config.plan import PhasePlan, Plan
from rollout.deployment import analyses
from rollout.deployment.analyses import Analyses
from rollout.errors import PhaseFailed, RolloutError
from rollout.journal.events.phases import PhaseNote
from rollout.phases.phase import PhaseResult

PHASES = tuple(PhasePlan(name=name) for name in ("prerequisites", "generation", "server"))
PLAN = Plan(name="ambitious", description="", phases=PHASES, file=Path("x.toml"))


class Asked:
    """A fake of `rollout.packages.blame` and the journal. It collects calls and notes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, broken: bool = False) -> None:
        self.questions: list[tuple[str, str]] = []
        self.notes: list[str] = []
        self._broken = broken
        monkeypatch.setattr(analyses, "blame", self._blame)
        monkeypatch.setattr(analyses, "matrix", self._matrix)

    def _blame(self, site: Any, plan: Plan, error: BaseException, *, phase: str) -> None:
        self.questions.append(("blame", phase))

    def _matrix(self, site: Any, plan: Plan, *, phase: str, minutes: float) -> None:
        self.questions.append(("matrix", phase))
        if self._broken:
            raise RolloutError("The solver ended.")

    def record(self, event: PhaseNote) -> None:
        self.notes.append(event.text)


def asked(inquired: Asked, results: tuple[tuple[str, str], ...], *, stands: bool = True, **options: bool) -> None:
    chosen = types.SimpleNamespace(**{"blame": False, "matrix": False, "matrix_minutes": 1, **options})
    there = object() if stands else None
    site: Any = types.SimpleNamespace(options=chosen, forge=there, gateway=there,
                                      run=types.SimpleNamespace(journal=inquired))  # fmt: skip
    analyses_of_path = Analyses(site, PLAN)
    for name, outcome in results:
        error = PhaseFailed("No.", cause="version_conflict", advice="") if outcome == "failed" else None
        analyses_of_path.after(PhaseResult(name=name, outcome=outcome, error=error, site=site, plan=PLAN.phase(name)))


def test_without_the_options_nothing_is_analysed(monkeypatch: pytest.MonkeyPatch) -> None:
    inquired = Asked(monkeypatch)
    asked(inquired, (("generation", "failed"),))
    assert inquired.questions == []


def test_the_first_failure_is_blamed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    inquired = Asked(monkeypatch)
    asked(inquired, (("prerequisites", "passed"), ("generation", "failed"), ("server", "failed")), blame=True)
    assert inquired.questions == [("blame", "generation")]


@pytest.mark.parametrize(
    ("results", "phase"),
    [
        ((("prerequisites", "passed"), ("generation", "passed"), ("server", "passed")), "server"),
        ((("prerequisites", "passed"), ("generation", "failed")), "generation"),
    ],
)
def test_the_matrix_runs_once_at_the_end_of_the_path(
    monkeypatch: pytest.MonkeyPatch, results: tuple[tuple[str, str], ...], phase: str
) -> None:
    inquired = Asked(monkeypatch)
    asked(inquired, results, matrix=True)
    assert inquired.questions == [("matrix", phase)]


def test_a_site_without_a_forge_is_not_analysed(monkeypatch: pytest.MonkeyPatch) -> None:
    inquired = Asked(monkeypatch)
    asked(inquired, (("prerequisites", "failed"),), stands=False, blame=True, matrix=True)
    assert inquired.questions == []


def test_a_matrix_that_fails_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    inquired = Asked(monkeypatch, broken=True)
    asked(inquired, (("generation", "failed"),), matrix=True)
    assert inquired.notes == ["The grid of packages could not be drawn: The solver ended."]
