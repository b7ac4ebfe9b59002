"""The production stage, rehearsed: releases, instances, an upgrade under load, bad releases, and nothing left."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.conftest import Rehearsed
from tests.e2e.world import World

PHASES = ("release", "next_release", "instances", "assessment", "upgrade", "bad_release")

pytestmark = pytest.mark.timeout(1200)


def test_the_production_stage_is_deployed_and_leaves_nothing(rehearsed: Rehearsed, world: World) -> None:
    """Every check of the production stage runs. Those of development run in the other tests."""
    rehearsed.needs("server")
    before = world.seen()
    ended = world.run("--stage=production", "-k", " or ".join(("phase_passed", *(f"test_3{n}" for n in range(2, 8)))))
    path = world.verdict()["paths"]["realistic"]
    phases: dict[str, Any] = {phase["name"]: phase for phase in path["phases"]}
    assert ended.code == 0, ended.output[-5000:]
    assert path["outcome"] == "deployed"
    assert path["residue"] == []
    assert [phases[name]["outcome"] for name in PHASES] == ["passed"] * len(PHASES)
    assert [phases[name]["rollback"]["outcome"] for name in PHASES] == ["restored"] * len(PHASES)
    assert path["checks"]["passed"] > 100
    assert before == world.seen()


def test_without_the_stage_no_phase_of_production_is_run(rehearsed: Rehearsed) -> None:
    names = [phase["name"] for phase in rehearsed.verdict["paths"]["realistic"]["phases"]]
    assert set(names).isdisjoint(PHASES)
