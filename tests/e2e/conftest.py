"""One cache for all runs, warmed by one whole rehearsal; a fresh world for each test."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rollout.site.engine import NoEngine, find_engine, sockets
from tests.e2e.world import Ended, World


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed:
    """A whole rehearsal of a path: where, how it ended, its verdict, how long it took."""

    world: World
    ended: Ended
    verdict: dict[str, Any]
    seconds: float
    path: str = "realistic"

    def needs(self, phase: str) -> None:
        """Fail, in one line, where the rehearsal does not get as far as `phase`."""
        phases = {each["name"]: each["outcome"] for each in self.verdict["paths"][self.path]["phases"]}
        if phases.get(phase) != "passed":
            pytest.fail(f"the rehearsal itself does not pass {phase}: {phases.get(phase)}", pytrace=False)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shared by all runs; XAVOS_E2E_CACHE names one to keep between sessions.

    Skips only where there is no engine, looked for as the suite does, and again where a busy one was too slow.
    """
    found = find_engine()
    for _ in range(3):
        if isinstance(found, NoEngine) and sockets(os.environ):
            time.sleep(2)
            found = find_engine()
    if isinstance(found, NoEngine):
        pytest.skip(f"no container engine: {found.reason}")
    named = os.environ.get("XAVOS_E2E_CACHE")
    return Path(named) if named else tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def rehearsed(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Rehearsed:
    """One rehearsal of the whole path, from whatever the cache holds."""
    world = World(home=tmp_path_factory.mktemp("first"), cache=cache)
    began = time.monotonic()
    ended = world.run()
    return Rehearsed(world=world, ended=ended, verdict=world.verdict(), seconds=time.monotonic() - began)


@pytest.fixture
def world(cache: Path, tmp_path: Path) -> Iterator[World]:
    """A place with things of somebody else in it, whose names are like ours; whatever a test leaves is recovered."""
    world = World(home=tmp_path, cache=cache)
    for decoy in ("sites/xavos2", "sites/xavo", "sites/.xavos2.git", "sites/xavos.old"):
        (tmp_path / decoy).mkdir(parents=True)
        (tmp_path / decoy / "precious.txt").write_text(decoy)
    yield world
    if any((world.state / "open").glob("*")):
        world.command("undeploy")
        world.run("--recover")
