"""A roll without a drain, on a real engine with the real proxy: requests in flight fail, and a check says so.

The server ends at once on SIGTERM. So whether requests survive a roll depends on the drain alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy_tests import test_36_upgrade as checks
from rollout import environment
from rollout.load.generator import Load
from rollout.load.profile import Profile, RequestKind
from rollout.production import fleet as fleets
from rollout.production.load_outcome import Loaded, ServiceInterrupted, require_untouched
from rollout.production.load_plan import LoadPlan
from rollout.production.rolling import roll
from rollout.results.load import LoadSummary, summarise
from tests.integration.production.application import World
from tests.integration.production.test_faults import here, image, site, world

__all__ = ["here", "image", "site", "world"]

# Each takes a second, so several are in flight on every instance at any moment.
PROFILE = Profile(requests=(RequestKind(name="slow", path="/slow", rate=10, deadline=30, fresh=1.0),))
PLAN = LoadPlan(requests=PROFILE.requests, sessions=(), proofs=(), setup="")


def _rolled(world: World, folder: Path) -> tuple[Loaded, LoadSummary]:
    """What became of the requests while B replaced A."""
    load = Load(PROFILE, url=f"http://127.0.0.1:{world.site.options.port}", folder=folder, env=environment.program())
    with load:
        roll(world.fleet, world.a, world.b, migrates=False, observe=0.5)
        result = load.stop()
    summary = summarise(result, name="roll")
    return Loaded(plan=PLAN, load=load, result=result, summary=summary), summary


def test_a_roll_with_a_drain_loses_nothing_although_instances_end_at_once(world: World, tmp_path: Path) -> None:
    loaded, summary = _rolled(world, tmp_path / "load")
    require_untouched(loaded)
    checks.test_no_request_was_lost(summary)
    checks.test_no_request_failed(summary)


@pytest.fixture
def undrained(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """The proxy is not told, and nobody waits for what is in flight."""
    proxy: Any = world.fleet.proxy
    with monkeypatch.context() as changed:
        changed.setattr(proxy, "drain", lambda name: None)
        changed.setattr(fleets, "DRAIN_WITHIN", 0.0)
        yield world


def test_a_roll_without_a_drain_is_caught_by_the_phase_and_by_a_check(undrained: World, tmp_path: Path) -> None:
    loaded, summary = _rolled(undrained, tmp_path / "load")
    assert summary.totals.lost + summary.totals.failed > 0
    with pytest.raises(ServiceInterrupted, match=r"request\(s\) (?:lost|failed)"):
        require_untouched(loaded)
    check = checks.test_no_request_was_lost if summary.totals.lost else checks.test_no_request_failed
    with pytest.raises(AssertionError):
        check(summary)
