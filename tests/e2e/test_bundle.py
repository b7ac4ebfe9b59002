"""A bundle that one deployment recorded is enough for another one on an isolated network."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from rollout.hex.bundle import MANIFEST
from tests.e2e.world import Ended, World

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def bundle(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle that a rehearsal recorded, up to the last phase that fetches anything."""
    home = tmp_path_factory.mktemp("recording")
    recorder = World(home=home, cache=cache)
    ended = recorder.run("-k", "phase_passed", "--through=extras", f"--record-bundle={home / 'bundle'}")
    assert ended.code == 0, ended.output[-3000:]
    return home / "bundle"


@pytest.fixture(scope="module")
def offline(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[World, Ended]:
    """The whole path from the bundle, isolated, with an empty cache: only the bundle can serve packages."""
    home = tmp_path_factory.mktemp("offline")
    world = World(home=home, cache=home / "cache")
    return world, world.run(f"--source=bundle:{bundle}", "--offline", "--assets=plain")


def _checks(world: World) -> dict[str, str]:
    journal = (world.reports / "latest" / "journal.jsonl").read_text().splitlines()
    events: list[dict[str, Any]] = [json.loads(line) for line in journal]
    return {event["check"]: event["outcome"] for event in events if event["event"] == "check.finished"}


def test_a_bundle_names_every_file_with_its_sum(bundle: Path) -> None:
    """The bundle has exactly the files of its manifest, each with the right SHA-256."""
    manifest = json.loads((bundle / MANIFEST).read_text())
    sums = {each["file"]: each["sha256"] for each in manifest["files"]}
    assert sums == {
        str(path.relative_to(bundle)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (bundle / "files").rglob("*")
        if path.is_file()
    }
    assert any(name.endswith(".tar") for name in sums)


def test_the_whole_path_deploys_from_a_bundle_without_a_network(offline: tuple[World, Ended]) -> None:
    world, ended = offline
    verdict = world.verdict()
    path = verdict["paths"]["realistic"]
    assert ended.code == 0, ended.output[-4000:]
    assert ("bundle", "deployed", []) == (verdict["source"]["kind"], path["outcome"], path["residue"])
    assert path["checks"]["failed"] == path["checks"]["blocked"] == 0
    assert path["checks"]["passed"] >= 45
    assert "server" == path["through"]


def test_the_forge_was_proven_to_be_cut_off(offline: tuple[World, Ended]) -> None:
    world, _ = offline
    assert "passed" == _checks(world)["an offline forge reaches nothing outside"]


def test_a_bundle_of_stand_ins_stays_a_rehearsal(offline: tuple[World, Ended]) -> None:
    """Verdict and console say that XAVOS has not been deployed."""
    world, _ = offline
    assert world.verdict()["rehearsal"] is True


def test_the_isolated_network_is_gone_afterwards(offline: tuple[World, Ended]) -> None:
    world, _ = offline
    assert not [fact for fact in world.seen() if fact.startswith(("container", "network", "process", "listener"))]


def test_a_damaged_bundle_is_refused_by_name(bundle: Path, world: World) -> None:
    """One byte of a tarball changed: the run fails with the file's name, and everything is rolled back."""
    tarball = next(path for path in sorted((bundle / "files").rglob("*.tar")) if "phx_new" in path.name)
    sound = tarball.read_bytes()
    tarball.write_bytes(sound[:-1] + bytes([sound[-1] ^ 1]))
    before = world.seen()
    try:
        ended = world.run("-k", "phase_passed", "--through=phoenix_app", f"--source=bundle:{bundle}")
    finally:
        tarball.write_bytes(sound)
    assert ended.code == 1
    assert "checksum_mismatch" in ended.output
    assert tarball.name.removeprefix("tarballs%2F") in ended.output
    assert before == world.seen()
