"""Real packages from the default bundle deploy without a network."""

from __future__ import annotations

from pathlib import Path

import pytest

from rollout.config.options import parse_options
from rollout.errors import RolloutError
from rollout.hex.bundle import Bundle, open_bundle
from rollout.hex.upstreams import default_bundle
from tests.e2e.world import Ended, World, engine_answers, finish

pytestmark = pytest.mark.timeout(3600)

LEAST = 300  # checks that the whole of XAVOS passes; without Chromium or advisories some are skipped


@pytest.fixture(scope="module")
def real_bundle() -> Path:
    """The bundle of real packages in this machine's cache folder, if there is one."""
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


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that is empty at first. Later runs reuse the builds of earlier ones."""
    return tmp_path_factory.mktemp("real-cache")


def test_real_packages_deploy_from_the_default_bundle_without_a_network(
    real_bundle: Path, filled: Path, tmp_path: Path
) -> None:
    """The whole real path with an empty cache on an isolated network: deployed, no failed check, nothing left."""
    world = World(home=tmp_path, cache=filled)
    ended = finish(world.start(f"--source=bundle:{real_bundle}", "--offline"), patience=3000.0)
    verdict = world.verdict()
    path = verdict["paths"]["realistic"]
    assert ended.code == 0, ended.output[-4000:]
    assert ("bundle", False) == (verdict["source"]["kind"], verdict["rehearsal"])
    assert ("deployed", []) == (path["outcome"], path["residue"])
    assert 0 == path["checks"]["failed"] == path["checks"]["blocked"]
    assert path["checks"]["passed"] >= LEAST


@pytest.mark.parametrize("spec", ["accounts:fail:command.finished:2", "swarm:fail:command.running:3"])
def test_a_phase_of_real_packages_that_fails_halfway_leaves_nothing(
    real_bundle: Path, filled: Path, tmp_path: Path, spec: str
) -> None:
    """Phases that no rehearsal has: one failure, every rollback proven, and nothing changed."""
    phase = spec.partition(":")[0]
    world = World(home=tmp_path, cache=filled)
    before = world.seen()
    ended = _struck(world, real_bundle, phase, spec)
    path = world.verdict()["paths"]["realistic"]
    assert ended.code == 1, ended.output[-4000:]
    assert before == world.seen()
    assert ("rolled_back", [], phase) == (path["outcome"], path["residue"], path["failure"]["phase"])
    entered = [each for each in path["phases"] if each["outcome"] in {"passed", "failed"}]
    assert {each["rollback"]["outcome"] for each in entered} == {"restored"}


def test_a_run_killed_in_a_phase_of_real_packages_is_recovered_completely(
    real_bundle: Path, filled: Path, tmp_path: Path
) -> None:
    world = World(home=tmp_path, cache=filled)
    before = world.seen()
    killed = _struck(world, real_bundle, "features", "features:kill:command.running:2")
    assert killed.code == -9, killed.output[-4000:]
    recovered = world.run("--recover")
    assert recovered.code == 0, recovered.output[-3000:]
    assert before == world.seen()


def _struck(world: World, bundle: Path, phase: str, spec: str) -> Ended:
    """A run up to `phase`, which is interrupted. The phases before it are restored from the cache."""
    arguments = (f"--source=bundle:{bundle}", "-k", "phase_passed", f"--through={phase}")
    return finish(world.start(*arguments, SABOTAGE=spec), patience=1500.0)
