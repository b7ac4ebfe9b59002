"""One cache for all runs, filled by one whole rehearsal. Each test gets a new world."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import filelock
import pytest

from rollout.journal import read_events
from rollout.journal.query import Event
from rollout.site.engine.client import NoEngine
from rollout.site.engine.discovery import find_busy_engine
from tests.e2e.surroundings import hostile
from tests.e2e.world import Ended, World


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed:
    """A whole rehearsal of a path: its world, exit, verdict and duration."""

    world: World
    ended: Ended
    verdict: dict[str, Any]
    seconds: float
    path: str = "realistic"

    def needs(self, phase: str) -> None:
        """Fail in one line if the rehearsal does not reach `phase`."""
        phases = {each["name"]: each["outcome"] for each in self.verdict["paths"][self.path]["phases"]}
        if phases.get(phase) != "passed":
            pytest.fail(f"the rehearsal itself does not pass {phase}: {phases.get(phase)}", pytrace=False)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shared by all runs; XAVOS_E2E_CACHE names one to keep between sessions.

    Skips only where there is no engine, looked for as the suite does, and again where a busy one was too slow.
    """
    found = find_busy_engine()
    if isinstance(found, NoEngine):
        pytest.skip(f"no container engine: {found.reason}")
    named = os.environ.get("XAVOS_E2E_CACHE")
    return Path(named) if named else _common(tmp_path_factory, "cache")


@pytest.fixture(scope="session")
def rehearsed(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Rehearsed:
    """One rehearsal of the whole path, with the checkpoints in the cache. The first process that needs it runs it.

    In surroundings that would stop it, if they reached in.
    """
    home = _common(tmp_path_factory, "first")
    world, result = World(home=home, cache=cache), home.with_name("first.json")
    with filelock.FileLock(result.with_suffix(".lock")):
        if not result.is_file():
            began = time.monotonic()
            ended = world.run(**hostile(_common(tmp_path_factory, "docker")))
            seconds = time.monotonic() - began
            result.write_text(json.dumps({"code": ended.code, "output": ended.output, "seconds": seconds}))
        facts = json.loads(result.read_text())
    ended = Ended(code=facts["code"], output=facts["output"])
    return Rehearsed(world=world, ended=ended, verdict=world.verdict(), seconds=facts["seconds"])


@pytest.fixture(scope="session")
def built_phases(rehearsed: Rehearsed, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Event]]:
    """Phase → its events in a run of this session that built it, for each phase of the realistic path.

    The rehearsal may restore a phase from a checkpoint of another test's run. Runs with a fault are left out. So are
    events after the end of the phase: they come from its checks.
    """
    found: dict[str, list[Event]] = {}
    own = rehearsed.world.reports / "latest" / "journal.jsonl"
    for journal in (own, *sorted(_base(tmp_path_factory).rglob("journal.jsonl"))):
        events = [event for event in read_events(journal) if event.get("path") == rehearsed.path]
        if any(event["event"].startswith("fault.") for event in events):
            continue
        for number, event in enumerate(events):
            if event["event"] == "phase.finished" and event["outcome"] == "passed" and not event["restored"]:
                phase = event["phase"]
                found.setdefault(phase, [event for event in events[:number] if event.get("phase") == phase])
    return found


def _base(factory: pytest.TempPathFactory) -> Path:
    """The folder of the whole session (pytest-xdist gives each of its processes a folder below it)."""
    base = factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


def _common(factory: pytest.TempPathFactory, name: str) -> Path:
    """A folder that all processes of the session share."""
    folder = _base(factory) / name
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture
def world(cache: Path, tmp_path: Path) -> Iterator[World]:
    """A world with decoys, whose names are like ours. Recovery removes what a test leaves."""
    world = World(home=tmp_path, cache=cache)
    for decoy in ("sites/xavos2", "sites/xavo", "sites/.xavos2.git", "sites/xavos.old"):
        (tmp_path / decoy).mkdir(parents=True)
        (tmp_path / decoy / "precious.txt").write_text(decoy)
    yield world
    if any((world.state / "open").glob("*")):
        world.command("undeploy")
        world.run("--recover")
