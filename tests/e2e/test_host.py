"""Without an engine: `--forge=host --database=embedded` runs the same path, as a plain user and as root."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from rollout.config.plan import load_plan
from rollout.site.engine.client import NoEngine
from rollout.site.engine.discovery import find_engine
from tests.e2e.machine import Machine, machine
from tests.e2e.world import Ended

PHASES = [phase.name for phase in load_plan("realistic", rehearsal=True).phases]
OPTIONS = ("--forge=host", "--database=embedded", "--source=rehearsal", "--keep=never")

pytestmark = pytest.mark.timeout(900)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """`make deploy` on the fresh machine: exit, verdict, and the machine before and after."""

    machine: Machine
    ended: Ended
    verdict: dict[str, Any]
    before: frozenset[str]
    after: frozenset[str]


@pytest.fixture(scope="module")
def fresh() -> Iterator[Machine]:
    """One machine for all tests here. Each test leaves it unchanged."""
    engine = find_engine()
    if isinstance(engine, NoEngine):
        pytest.skip(f"no container engine to make a machine in: {engine.reason}")
    with machine(engine) as made:
        yield made


@pytest.fixture(scope="module")
def deployed(fresh: Machine) -> Deployed:
    """The first run on it, without a checkpoint."""
    before = fresh.seen()
    ended = fresh.run("dev", "make", "deploy", f"ARGS={' '.join(OPTIONS)}")
    return Deployed(machine=fresh, ended=ended, verdict=fresh.verdict(), before=before, after=fresh.seen())


def _assert_deployed(ended: Ended, verdict: dict[str, Any]) -> None:
    path = verdict["paths"]["realistic"]
    assert ended.code == 0, ended.output[-4000:]
    assert (verdict["forge"]["kind"], verdict["database"]["kind"]) == ("host", "embedded")
    assert path["outcome"] == "deployed"
    assert path["residue"] == []
    assert path["checks"]["failed"] == 0
    assert path["checks"]["passed"] >= 45
    assert [phase["name"] for phase in path["phases"]] == PHASES
    assert {(phase["outcome"], phase["rollback"]["outcome"]) for phase in path["phases"]} == {("passed", "restored")}


def test_make_deploy_on_a_fresh_machine_builds_the_path_with_its_own_elixir(deployed: Deployed) -> None:
    """A plain user, no network, Elixir from a version manager: every phase passes and is rolled back."""
    _assert_deployed(deployed.ended, deployed.verdict)


def test_nothing_of_the_run_is_left_on_the_machine(deployed: Deployed) -> None:
    """Processes, listeners and all files on the disk are as before, and the decoys are still there."""
    assert any("sleep 86400" in fact for fact in deployed.before)
    assert deployed.before == deployed.after, deployed.ended.output[-2000:]


def test_root_deploys_too_with_a_server_that_runs_as_nobody(deployed: Deployed) -> None:
    """PostgreSQL refuses root, so it runs as another user in another folder. It is removed at the end."""
    before = deployed.machine.seen()
    ended = deployed.machine.run("root", "make", "deploy", f"ARGS={' '.join(OPTIONS)}")
    _assert_deployed(ended, deployed.machine.verdict())
    assert "/var/tmp/xavos-rollout-" in deployed.machine.journal()  # noqa: S108 - a folder that the user nobody can reach
    assert before == deployed.machine.seen(), ended.output[-2000:]


@pytest.mark.parametrize(
    ("user", "moment", "options"),
    [
        ("dev", "server:kill:end:1", ("--source=rehearsal",)),
        ("root", "authentication:kill:command.running:2", OPTIONS),
    ],
)
def test_a_killed_run_is_recovered_completely(
    deployed: Deployed, user: str, moment: str, options: tuple[str, ...]
) -> None:
    """Server, commands and embedded PostgreSQL outlive the killed run. `--recover` ends and removes them."""
    there = deployed.machine
    before = there.seen()
    killed = there.pytest(user, "-k", "phase_passed", *options, SABOTAGE=moment)
    assert killed.code == 137, killed.output[-4000:]
    assert any("postgres" in fact for fact in there.seen() - before)
    recovered = there.pytest(user, "--recover")
    assert recovered.code == 0, recovered.output[-4000:]
    assert before == there.seen(), recovered.output
    verdict = there.verdict()
    assert verdict["killed"] is True
    assert (verdict["forge"]["kind"], verdict["database"]["kind"]) == ("host", "embedded")  # for dev by `auto`
    assert verdict["paths"]["realistic"]["outcome"] == "rolled_back"
    assert there.pytest(user, "--recover").output.strip() == "No undo is pending."
