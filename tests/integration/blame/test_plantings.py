"""Blame finds planted culprits: twenty seeds, Hex's solver, real compilations of tiny packages."""

from __future__ import annotations

import pytest

from rollout.packages.blame import Symptom, blame
from rollout.site.store.manifest import scan
from tests.integration.blame.conftest import SEEDS, BlameSite
from tests.integration.blame.plantings import Planting, plant

CAUSES = {"missing": "package_missing", "conflict": "version_conflict", "compile": "compile_error", "none": "unknown"}


@pytest.mark.parametrize("planting", [plant(seed) for seed in SEEDS], ids=str)
def test_the_planted_culprit_is_named(blame_site: BlameSite, planting: Planting) -> None:
    """No other set and no innocent package is named, and the site is unchanged."""
    before = scan(blame_site.site.directory, None)
    failure = Symptom(cause=CAUSES[planting.kind], package=None, message="it failed")
    found = blame(blame_site.site, blame_site.plan(planting.plan), failure, phase="installing")

    assert (planting.kind, planting.culprits) == (found.kind, {frozenset(each.packages) for each in found.sets}), found
    assert planting.against == {name for each in found.sets for name in each.against}
    assert planting.near in found.sentence
    assert all(name in found.sentence for name in found.culprits)
    assert before.entries == scan(blame_site.site.directory, None).entries
    event = blame_site.events("blame.finished")[-1]
    assert [planting.kind, list(found.culprits)] == [event["kind"], event["culprits"]]
