"""Checks release B, which replaces A: both can serve side by side."""

from __future__ import annotations

import json

import pytest

from deploy_tests.support.production import is_of_another_build
from rollout.application import APPLICATION
from rollout.deployment.deployment import Deployment
from rollout.phases.phase import PhaseResult
from rollout.production import bad_releases
from rollout.production.deployed import Deployed
from rollout.production.release import Release, digests

pytestmark = [pytest.mark.phase("next_release"), pytest.mark.timeout(180)]


def test_next_release_phase_passed(phase: PhaseResult) -> None:
    phase.require()


def test_has_every_migration_of_a_and_newer_ones_after_them(released: Deployed, deployment: Deployment) -> None:
    a, b = (released.releases[label].migrations for label in "ab")
    assert b[: len(a)] == a
    if deployment.site.options.predecessor is None:
        assert len(b) > len(a)


def test_still_serves_the_static_files_of_a(released: Deployed) -> None:
    a, b = (_static(released.releases[label]) for label in "ab")
    assert a
    assert not a - b


def test_differs_from_a_only_in_the_application(released: Deployed) -> None:
    """A release that replaces another must not change dependencies unasked."""
    if is_of_another_build(released):
        pytest.skip("release A is an image of another build")
    a, b = (digests(released.releases[label].folder) for label in "ab")
    changed = {name for name in a.keys() | b.keys() if a.get(name) != b.get(name)}
    own = (f"lib/{APPLICATION.app}-", "releases/")
    assert changed
    assert not sorted(name for name in changed if not name.startswith(own))


@pytest.mark.parametrize("kind", bad_releases.DEFECTS, ids=lambda kind: kind.name)
def test_bad_release_is_built(released: Deployed, kind: bad_releases.Defect) -> None:
    bad = bad_releases.instance_of(kind, released.releases)
    assert bad.migrations[: len(released.releases["b"].migrations)] == released.releases["b"].migrations
    assert bool(kind.migration) == (bad.migrations != released.releases["b"].migrations)


def test_nothing_bad_is_in_the_next_release(released: Deployed) -> None:
    folder = released.releases["b"].folder
    assert not list(folder.rglob("*RolloutBadRelease*"))
    assert not [file for file in folder.glob("releases/*/runtime.exs") if b"ROLLOUT_BAD_RELEASE" in file.read_bytes()]


def _static(release: Release) -> set[str]:
    """Names of the digested static files."""
    (static,) = release.folder.glob(f"lib/{APPLICATION.app}-*/priv/static")
    return set(json.loads((static / "cache_manifest.json").read_text(encoding="utf-8"))["digests"])
