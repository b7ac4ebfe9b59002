"""Blame finds planted culprits: twenty seeds, Hex's solver, real compilations of tiny packages."""

from __future__ import annotations

import pytest

from rollout.packages.blame import Symptom, blame
from rollout.site.store.manifest import scan
from tests.integration.blame.conftest import SEEDS, Ground
from tests.integration.blame.plantings import Planting, plant

CAUSES = {"missing": "package_missing", "conflict": "version_conflict", "compile": "compile_error", "none": "unknown"}


@pytest.mark.parametrize("planting", [plant(seed) for seed in SEEDS], ids=str)
def test_the_planted_culprit_is_named(ground: Ground, planting: Planting) -> None:
    """No other set and no innocent package is named, and the site is unchanged."""
    before = scan(ground.site.directory, None)
    failure = Symptom(cause=CAUSES[planting.kind], package=None, message="it failed")
    found = blame(ground.site, ground.plan(planting.plan), failure, phase="installing")

    assert (planting.kind, planting.culprits) == (found.kind, {frozenset(each.packages) for each in found.sets}), found
    assert planting.against == {name for each in found.sets for name in each.against}
    assert planting.near in found.sentence
    assert all(name in found.sentence for name in found.culprits)
    assert before.entries == scan(ground.site.directory, None).entries
    told = ground.told("blame.finished")[-1]
    assert [planting.kind, list(found.culprits)] == [told["kind"], told["culprits"]]
