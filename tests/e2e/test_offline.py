"""Real packages from the default bundle, offline: what `make bundle` recorded deploys without a network."""

from __future__ import annotations

from pathlib import Path

import pytest

from rollout.errors import RolloutError
from rollout.hex.bundle import Bundle, open_bundle
from rollout.hex.choosing import default_bundle
from rollout.options import parse_options
from tests.e2e.world import World, engine_answers, finish

pytestmark = pytest.mark.timeout(3600)


@pytest.fixture(scope="module")
def real_bundle() -> Path:
    """The bundle of real packages in this machine's own cache folder, where there is one."""
    cache = parse_options(lambda name: None).cache
    place = default_bundle(cache)
    for candidate in (place, place.with_suffix(".tar")):
        if not candidate.exists():
            continue
        if _opened(candidate, cache).source_kind == "rehearsal":
            pytest.skip(f"the bundle {candidate} holds stand-ins, not real packages")
        if not engine_answers():
            pytest.skip("no container engine answers on this machine")
        return candidate
    pytest.skip(f"no bundle of real packages at {place} (`make bundle` records one)")


def _opened(place: Path, cache: Path) -> Bundle:
    try:
        return open_bundle(place, unpack_into=cache / "bundles" / "unpacked")
    except RolloutError as error:
        raise AssertionError(f"the default bundle is there and cannot be used: {error}") from error


def test_every_file_of_the_default_bundle_is_sound(real_bundle: Path) -> None:
    cache = parse_options(lambda name: None).cache
    assert _opened(real_bundle, cache).verify() > 100


def test_real_packages_deploy_from_the_default_bundle_without_a_network(real_bundle: Path, tmp_path: Path) -> None:
    """The real path, whole, with an empty cache on a network of its own: deployed, no failed check, nothing left."""
    world = World(home=tmp_path, cache=tmp_path / "cache")
    ended = finish(world.start(f"--source=bundle:{real_bundle}", "--offline"), patience=3000.0)
    verdict = world.verdict()
    path = verdict["paths"]["realistic"]
    assert ended.code == 0, ended.output[-4000:]
    assert ("bundle", False) == (verdict["source"]["kind"], verdict["rehearsal"])
    assert ("deployed", []) == (path["outcome"], path["residue"])
    assert 0 == path["checks"]["failed"] == path["checks"]["blocked"]
    assert path["checks"]["passed"] >= 45
