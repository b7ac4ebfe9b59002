"""Several paths in one run, each in its own session, with one report; ended in every possible way."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.e2e.conftest import Rehearsed
from tests.e2e.world import PATIENCE, World, finish, free_port

TWO = ("--path=realistic,incremental", "--through=worktree")

pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def world(world: World) -> World:
    """A world with two consecutive free ports, one for each path."""
    world.port = next(port for port in iter(free_port, 0) if port < 65000)
    return world


def _wait_for(world: World, event: str) -> None:
    """Wait until the journals of both paths have this event."""
    until = time.monotonic() + 300
    while time.monotonic() < until:
        journals = [path.read_text() for path in world.reports.glob("[0-9]*/paths/*/journal.jsonl")]  # not "latest"
        if len(journals) == 2 and all(f'"event": "{event}"' in text for text in journals):
            return
        time.sleep(0.2)
    raise AssertionError(f"no {event} in both journals")


def test_two_paths_side_by_side_make_one_report(world: World) -> None:
    """Sites, ports and journals are separate, reports are merged, and nothing is left."""
    before = world.seen()
    ended = world.run(*TWO, "--jobs=2")
    assert ended.code == 0, ended.output[-4000:]
    verdict = world.verdict()
    assert list(verdict["paths"]) == ["realistic", "incremental"]
    assert {path["outcome"] for path in verdict["paths"].values()} == {"deployed"}
    assert all(path["checks"]["passed"] >= 25 for path in verdict["paths"].values())
    folder = world.reports / "latest"
    cases = [case.get("classname", "") for case in ElementTree.parse(folder / "junit.xml").iter("testcase")]
    assert {name.split(".")[0] for name in cases} == {"realistic", "incremental"}
    events = [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]
    assert [event["event"] for event in events].count("run.started") == 1
    ports = {event["port"] for event in _of_the_controller(events, world)}
    assert ports == {world.port, world.port + 1}
    assert before == world.seen(), ended.output[-2000:]


def _of_the_controller(events: list[dict[str, object]], world: World) -> list[dict[str, object]]:
    assert [event for event in events if event["event"] == "path.run"] == []  # the paths' own events are in
    journals = [path.read_text() for path in sorted((world.reports / "latest/paths").glob("*/journal.jsonl"))]
    return [{"port": int(json.loads(text.splitlines()[0])["options"]["port"])} for text in journals]


def test_the_gate_decides_and_the_other_path_is_only_compared(world: World) -> None:
    """The incremental path fails. The run fails only if that path is in the gate."""
    broken = {"SABOTAGE": "incremental/worktree:fail:end:1"}
    ended = world.run(*TWO, **broken)
    assert ended.code == 0, ended.output[-4000:]
    paths = world.verdict()["paths"]
    assert (paths["realistic"]["outcome"], paths["incremental"]["outcome"]) == ("deployed", "rolled_back")
    assert world.run(*TWO, "--gate=all", **broken).code == 1


def test_a_signal_to_the_run_rolls_back_every_path(world: World) -> None:
    before = world.seen()
    process = world.start(*TWO, "--jobs=2", SABOTAGE="worktree:wait:end:1")
    _wait_for(world, "phase.started")
    process.send_signal(signal.SIGTERM)
    ended = finish(process)
    assert ended.code == 2, ended.output[-4000:]
    verdict = world.verdict()
    assert verdict["interrupted"] is True
    assert {path["outcome"] for path in verdict["paths"].values()} <= {"rolled_back", "refused"}
    assert before == world.seen(), ended.output[-2000:]


def test_paths_of_a_killed_conductor_roll_back(world: World) -> None:
    before = world.seen()
    process = world.start(*TWO, "--jobs=2", SABOTAGE="worktree:wait:end:1")
    _wait_for(world, "phase.started")
    process.send_signal(signal.SIGKILL)
    finish(process)
    _wait_for(world, "run.finished")
    assert world.run("--recover").code == 0
    assert before == world.seen()


def test_a_killed_path_is_recovered_and_the_other_continues(world: World) -> None:
    before = world.seen()
    ended = world.run(*TWO, SABOTAGE="incremental/worktree:kill:command.running:1")
    assert ended.code == 0, ended.output[-4000:]
    paths = world.verdict()["paths"]
    assert (paths["realistic"]["outcome"], paths["incremental"]["outcome"]) == ("deployed", "rolled_back")
    assert before == world.seen(), ended.output[-2000:]


@pytest.mark.timeout(1500)
def test_all_paths_are_rehearsed_in_one_run(world: World, rehearsed: Rehearsed) -> None:
    """The residue of the ambitious path is listed, and removed from the machine."""
    rehearsed.needs("server")
    before = world.seen()
    ended = finish(world.start("--path=all"), patience=2 * PATIENCE)
    assert ended.code == 0, ended.output[-4000:]
    verdict = world.verdict()
    assert set(verdict["paths"]) == {"realistic", "incremental", "ambitious"}
    assert verdict["paths"]["realistic"]["outcome"] == "deployed"
    page = Path(world.reports / "latest" / "report.html").read_text()
    assert all(name in page for name in verdict["paths"])
    assert before == world.seen(), ended.output[-2000:]
