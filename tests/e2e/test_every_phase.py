"""Phases of every kind fail halfway or are killed at the worst moments. The machine is as before."""

from __future__ import annotations

from typing import Any

import pytest

from rollout.config.plan import load_plan
from tests.e2e.conftest import Rehearsed
from tests.e2e.world import World

PHASES = load_plan("realistic", rehearsal=True).phases
# Where a phase is interrupted: halfway, during a command, or between an announcement and its act.
# Every kind of phase: folder, files, packages, databases, a process. Campaigns cover the others.
FAILS = {
    "prerequisites": "act.done:3",
    "worktree": "act.done:2",
    "phoenix_app": "command.finished:3",
    "database": "act.done:2",
    "ash_core": "command.finished:5",
    "server": "end:1",
}
OPTIONAL_FAILS = {"extras": "command.finished:3"}
# A campaign kills at random moments (tests/e2e/test_campaign.py), which rarely hit these.
KILLS = {
    "prerequisites": "act.intent:2",
    "phoenix_app": "command.running:4",
    "database": "act.done:2",
    "extras": "command.running:5",
    "server": "act.done:2",
}
# Between the first announcement and the last action of a start, where a kill is most likely to leave residue.
MORE_KILLS = ("prerequisites:act.intent:3", "prerequisites:command.running:1", "server:act.intent:2")
# While a checkpoint is restored: its files, its databases.
RESTORATION_KILLS = ("ash_core:file.restored:20", "migrations:wait.finished:1")

pytestmark = pytest.mark.timeout(600)


def _phases(verdict: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {phase["name"]: phase for phase in verdict["paths"]["realistic"]["phases"]}


@pytest.mark.parametrize("phase", FAILS)
def test_a_phase_that_fails_halfway_is_one_failure_and_leaves_nothing(
    rehearsed: Rehearsed, world: World, phase: str
) -> None:
    """The phase fails, all later ones are blocked, every rollback is `restored`, and nothing has changed."""
    rehearsed.needs(phase)
    before = world.seen()
    ended = world.run("-k", "phase_passed", SABOTAGE=f"{phase}:fail:{FAILS[phase]}")
    verdict = world.verdict()
    path, phases = verdict["paths"]["realistic"], _phases(verdict)
    names = list(phases)
    place = names.index(phase)
    assert ended.code == 1, ended.output[-3000:]
    assert before == world.seen()
    assert path["outcome"] == "rolled_back"
    assert path["residue"] == []
    assert path["failure"]["phase"] == phase
    assert path["checks"]["failed"] == 1
    assert [phases[name]["outcome"] for name in names[:place]] == ["passed"] * place
    assert phases[phase]["outcome"] == "failed"
    assert {phases[name]["outcome"] for name in names[place + 1 :]} <= {"blocked"}
    assert {phases[name]["rollback"]["outcome"] for name in names[: place + 1]} == {"restored"}


@pytest.mark.parametrize("phase", OPTIONAL_FAILS)
def test_a_failed_optional_phase_is_undone_and_the_path_continues(
    rehearsed: Rehearsed, world: World, phase: str
) -> None:
    """The failure is reported, blocks nothing, and leaves nothing."""
    rehearsed.needs(phase)
    names = [each.name for each in PHASES]
    following = names[names.index(phase) + 1]
    before = world.seen()
    ended = world.run("-k", "phase_passed", f"--through={following}", SABOTAGE=f"{phase}:fail:{OPTIONAL_FAILS[phase]}")
    phases = _phases(world.verdict())
    assert before == world.seen(), ended.output[-3000:]
    assert phases[phase]["outcome"] == "failed"
    assert phases[phase]["rollback"]["outcome"] == "restored"
    assert phases[following]["outcome"] == "passed", ended.output[-3000:]


@pytest.mark.parametrize(
    "spec",
    [f"{phase}:{moment}" for phase, moment in KILLS.items()] + list(MORE_KILLS + RESTORATION_KILLS),
)
def test_a_run_killed_in_a_phase_is_recovered_completely(rehearsed: Rehearsed, world: World, spec: str) -> None:
    """After SIGKILL the next `--recover` leaves nothing, and the one after that finds no pending undo."""
    phase, moment = spec.split(":", 1)
    rehearsed.needs(phase)
    before = world.seen()
    killed = world.run("-k", "phase_passed", SABOTAGE=f"{phase}:kill:{moment}")
    assert killed.code == -9, killed.output[-3000:]
    recovered = world.run("--recover")
    assert recovered.code == 0, recovered.output[-3000:]
    assert before == world.seen()
    verdict = world.verdict()
    assert verdict["killed"] is True
    assert verdict["paths"]["realistic"]["outcome"] == "rolled_back"
    again = world.run("--recover")
    assert (again.code, again.output.strip()) == (0, "No undo is pending.")


@pytest.mark.parametrize(
    "spec", ["phoenix_app:int:command.running:3", "database:again:command.running:1", "server:term:act.done:2"]
)
def test_a_signal_midway_rolls_back_completely(rehearsed: Rehearsed, world: World, spec: str) -> None:
    """SIGINT and SIGTERM roll everything back. Another Ctrl-C does not interrupt the rollback."""
    rehearsed.needs(spec.split(":", 1)[0])
    before = world.seen()
    ended = world.run("-k", "phase_passed", SABOTAGE=spec)
    verdict = world.verdict()
    assert ended.code not in (0, -9), ended.output[-3000:]
    assert before == world.seen(), ended.output[-3000:]
    assert verdict["interrupted"] is True
    assert verdict["paths"]["realistic"]["residue"] == []
    assert world.run("--recover").output.strip() == "No undo is pending."
