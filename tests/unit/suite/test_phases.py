"""Fixtures of a wider scope are not made for a failed phase."""

from __future__ import annotations

import types
from pathlib import Path
from typing import Any, cast

import pytest

from rollout.config.plan import PhasePlan, Plan
from rollout.errors import PhaseFailed
from rollout.phases.phase import PhaseResult
from suite import stash
from suite.phases import require


def _request(outcome: str, **more: Any) -> pytest.FixtureRequest:
    phase = PhasePlan(name="server")
    plan = Plan(name="realistic", description="", phases=(phase,), file=Path("realistic.toml"))
    result = PhaseResult(name="server", outcome=outcome, site=cast("Any", None), plan=phase, **more)
    config = types.SimpleNamespace(stash={stash.SESSION: types.SimpleNamespace(plan=plan)})
    asked = types.SimpleNamespace(config=config, getfixturevalue=lambda name: {"server": result}[name])
    return cast("pytest.FixtureRequest", asked)


def test_a_fixture_is_made_if_its_phase_passed() -> None:
    """Nothing is skipped."""
    require(_request("passed"), "server")


def test_a_fixture_is_blocked_by_the_first_failed_phase() -> None:
    """Checks with the fixture are blocked by that phase, like other checks."""
    error = PhaseFailed("It broke.", cause="compile_error", advice="Mend it.")
    culprit = PhaseResult(name="accounts", outcome="failed", site=cast("Any", None), plan=PhasePlan(name="accounts"),
                          error=error)  # fmt: skip
    with pytest.raises(pytest.skip.Exception, match=r"^blocked by accounts: compile_error$"):
        require(_request("blocked", by=culprit), "server")
