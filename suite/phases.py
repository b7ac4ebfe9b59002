"""Checks and phases: the order of the plan, and one failure for a broken phase instead of many."""

from __future__ import annotations

import pytest

from rollout.phase import PhaseResult
from suite import keys

PASSED = "phase_passed"


def phase_of(item: pytest.Item) -> str | None:
    """The phase a check belongs to (its module's `phase` mark)."""
    mark = item.get_closest_marker("phase")
    return str(mark.args[0]) if mark else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give every check its place (pytest-order does the rest) and leave out those of phases beyond --through."""
    session = config.stash.get(keys.SESSION, None)
    if session is None:
        return
    places = {name: number for number, name in enumerate(session.plan.phase_names, 1)}
    beyond = [item for item in items if (phase_of(item) or "") not in places]
    items[:] = [item for item in items if item not in beyond]
    if beyond:
        config.hook.pytest_deselected(items=beyond)
    for item in items:
        item.add_marker(pytest.mark.order(places[phase_of(item) or ""]))


@pytest.fixture(autouse=True)
def _blocked(request: pytest.FixtureRequest) -> None:
    """Skip a check whose phase did not pass; only the phase's own first check fails for it."""
    name = phase_of(request.node)
    if name is None:
        return
    result: PhaseResult = request.getfixturevalue(name)
    own = request.node.name.endswith(PASSED)
    if result.passed or (own and result.outcome != "blocked"):
        return
    culprit = result.culprit
    cause = getattr(culprit.error, "cause", None) or "unknown"
    pytest.skip(f"blocked by {culprit.name}: {cause}")
