"""The incremental path in a rehearsal: whole, from checkpoints, failing and killed during an installer."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Rehearsed
from tests.e2e.world import World

PATH = "--path=incremental"
# Phases that differ from the realistic path. They fail right after an installer has finished (ash_authentication), or
# are killed while it runs (ash_postgres).
FAILS = {"authentication": "command.finished:1"}
KILLS = {"ash_core": "command.running:8"}

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def incremental(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Rehearsed:
    """One rehearsal of the whole path, with the checkpoints in the cache."""
    world = World(home=tmp_path_factory.mktemp("incremental"), cache=cache)
    began = time.monotonic()
    ended = world.run(PATH)
    return Rehearsed(
        world=world, ended=ended, verdict=world.verdict(), seconds=time.monotonic() - began, path="incremental"
    )


def _path(verdict: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = verdict["paths"]["incremental"]
    return found


def _phases(verdict: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {phase["name"]: phase for phase in _path(verdict)["phases"]}


def test_the_path_deploys_with_every_check_passed(incremental: Rehearsed) -> None:
    """All checks ran, none failed or was blocked, and everything was rolled back at the end."""
    path = _path(incremental.verdict)
    assert 0 == incremental.ended.code, incremental.ended.output[-4000:]
    assert "deployed" == path["outcome"]
    assert path["checks"]["passed"] >= 100
    assert (0, 0) == (path["checks"]["failed"], path["checks"]["blocked"])
    assert {"restored"} == {phase["rollback"]["outcome"] for phase in path["phases"]}
    assert () == tuple(fact for fact in incremental.world.seen() if "state/keys" not in fact)


def test_a_second_run_restores_and_runs_all_checks(incremental: Rehearsed, world: World) -> None:
    """No installer runs again. No check is skipped."""
    incremental.needs("server")
    ended = world.run(PATH)
    path = _path(world.verdict())
    assert 0 == ended.code, ended.output[-4000:]
    assert {"phoenix_app", "ash_core", "authentication", "extras", "foundation", "migrations"} <= {
        phase["name"] for phase in path["phases"] if phase["restored"]
    }
    assert _path(incremental.verdict)["checks"] == path["checks"]


@pytest.mark.parametrize("phase", FAILS)
def test_a_phase_that_fails_in_an_installer_is_undone(incremental: Rehearsed, world: World, phase: str) -> None:
    """mix.exs, generated code and lock are as before the phase. The following phases are blocked."""
    incremental.needs(phase)
    before = world.seen()
    ended = world.run(PATH, "-k", "phase_passed", f"--through={phase}", SABOTAGE=f"{phase}:fail:{FAILS[phase]}")
    phases = _phases(world.verdict())
    assert before == world.seen(), ended.output[-3000:]
    assert ("failed", "restored") == (phases[phase]["outcome"], phases[phase]["rollback"]["outcome"])
    assert [] == _path(world.verdict())["residue"]


@pytest.mark.parametrize("phase", KILLS)
def test_a_run_killed_in_an_installer_is_recovered_completely(incremental: Rehearsed, world: World, phase: str) -> None:
    """After SIGKILL the next `--recover` leaves nothing, and the one after that finds no pending undo."""
    incremental.needs(phase)
    before = world.seen()
    killed = world.run(PATH, "-k", "phase_passed", SABOTAGE=f"{phase}:kill:{KILLS[phase]}")
    assert -9 == killed.code, killed.output[-3000:]
    recovered = world.run("--recover")
    assert 0 == recovered.code, recovered.output[-3000:]
    assert before == world.seen()
    assert "rolled_back" == _path(world.verdict())["outcome"]
    assert "No undo is pending." == world.run("--recover").output.strip()
