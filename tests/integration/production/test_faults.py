"""Faults of production on a real engine, with real instances and the real proxy: outcome, bite, and nothing left."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from rollout.production import fleet as fleets
from rollout.production.rolling import BadRelease, roll
from rollout.site.engine.client import Engine
from rollout.site.engine.images import image_present
from rollout.site.engine.selection import find_sharing
from tests.integration.engines.conftest import here, image, place
from tests.integration.production.application import World

__all__ = ["here", "image"]


@pytest.fixture(scope="module")
def site(here: Engine, image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    if not all(image_present(here, name) for name in ("release", "proxy")):
        pytest.skip("the images of releases and of the proxy are not on this engine")
    folder = tmp_path_factory.mktemp("production")
    world = World(folder / "world", here, find_sharing(here, image=image, options=place(folder)))
    try:
        world.start()
        yield world
    finally:
        left = world.left()
    assert left == []


@pytest.fixture
def world(site: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Two instances of A serve. Afterwards they do again."""
    monkeypatch.setattr(fleets, "READY_WITHIN", 12.0)
    yield site
    if site.fleet.serving(site.b):
        roll(site.fleet, site.b, site.a, migrates=False, observe=0.0)
    assert _answering(site) == {"a1", "a2"}


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("new_instance_killed", "transient"),
        ("new_instance_out_of_memory", "transient"),
        ("proxy_restarted", "persistent"),
        ("migration_killed", "transient"),
        ("image_gone", "transient"),
    ],
)
def test_the_roll_survives(world: World, name: str, form: str) -> None:
    with world.fault(name, form) as fault:
        roll(world.fleet, world.a, world.b, observe=0.3)
        assert fault.witness.bites
    assert world.running() == {"b1", "b2"}
    assert _answering(world) == {"b1", "b2"}


@pytest.mark.parametrize(
    ("name", "step"), [("new_instance_killed", "observation"), ("image_gone", "start"), ("new_instance_slow", "start")]
)
def test_the_roll_is_taken_back(world: World, name: str, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleets, "READY_WITHIN", 3.0)
    with world.fault(name, "persistent") as fault:
        with pytest.raises(BadRelease) as error:
            roll(world.fleet, world.a, world.b, observe=0.3)
        assert error.value.step == step
        assert fault.witness.bites
    assert world.running() == {"a1", "a2"}


def test_an_instance_that_hangs_is_taken_back(world: World) -> None:
    """It has accepted requests, and no check of it succeeds."""
    with world.fault("new_instance_hangs", "persistent"), pytest.raises(BadRelease, match="not ready any more"):
        roll(world.fleet, world.a, world.b, observe=20)


def test_a_session_is_lost_where_the_secret_differs(world: World) -> None:
    with world.fault("settings_changed", "transient") as fault:
        roll(world.fleet, world.a, world.b, observe=0.0)
        assert fault.witness.evidence == ["b1 runs with another SECRET_KEY_BASE: a session of a1 is not known there"]


def _answering(world: World) -> set[str]:
    """The instances that answer ten requests through the proxy, all of them with 200."""
    found = set()
    for _ in range(10):
        answer = httpx.get(f"http://127.0.0.1:{world.site.options.port}/", timeout=10, trust_env=False)
        assert answer.status_code == 200
        found.add(answer.headers["x-rollout-instance"])
    return found
