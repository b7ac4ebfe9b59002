"""Golden journals: for each way in which a run can go, a function that returns its events.

RECORDED are journals of real runs (see recording.py). WRITTEN are written by hand, for cases that a rehearsal cannot
produce. test_recorded.py proves that their events have the keys of recorded ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rollout.journal import read_events
from rollout.journal.events import REQUIRED
from tests.unit.report import loads
from tests.unit.report.recording import FOLDER

PHASES = ("prerequisites", "packages", "worktree", "phoenix_app", "database", "ash_core", "extras", "server")
PACKAGES = {"ash_core": ("ash", "ash_postgres"), "extras": ("ash_admin",)}
CHANGING = PHASES[2:]
RUN = "20261123-120000-a1b2"
Events = tuple[dict[str, Any], ...]


class Story:
    """Builds a journal. Every event is some seconds after the one before."""

    def __init__(self, *, source: str = "hexpm", through: str | None = None, run: str = RUN) -> None:
        self.events: list[dict[str, Any]] = []
        self.clock = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
        self.began = self.clock
        self.run = run
        self.path = "realistic"
        self.say(
            "run.started",
            pid=4711,
            argv=["pytest"],
            options={"path": "realistic"},
            paths=["realistic"],
            source={"kind": source, "detail": "https://repo.hex.pm", "why": "it answers"},
            forge={"kind": "container", "detail": "xavos-forge", "why": "Docker answers"},
            database={
                "kind": "container",
                "detail": "postgres:17",
                "why": "Docker answers",
                "version": "17.6",
            },
            host={"os": "Debian 13", "cpus": 2, "memory": 25_000_000_000},
            versions={"elixir": "1.18.3", "otp": "27", "postgres": "17.6"},
            plan={
                "realistic": [
                    {
                        "name": name,
                        "description": f"The {name} step",
                        "optional": name == "extras",
                        "packages": [{"name": p, "requirement": "~> 3.0"} for p in PACKAGES.get(name, ())],
                    }
                    for name in PHASES
                ]
            },
        )
        selected = PHASES[: PHASES.index(through) + 1] if through else PHASES
        self.say("path.started", path=self.path, phases=list(selected), through=through)

    def say(self, event: str, after: float = 0.1, **facts: Any) -> None:
        assert not REQUIRED[event] - facts.keys(), (event, REQUIRED[event] - facts.keys())
        self.clock += timedelta(seconds=after)
        self.events.append(
            {
                "v": 1,
                "seq": len(self.events) + 1,
                "t": self.clock.isoformat(timespec="milliseconds"),
                "mono": (self.clock - self.began).total_seconds(),
                "run": self.run,
                "event": event,
                **facts,
            }
        )

    def begin(self, phase: str) -> None:
        self.say("phase.started", path=self.path, phase=phase, before="b2:0")
        if phase in CHANGING:
            self.say(
                "act.intent",
                id=f"a-{phase}",
                path=self.path,
                phase=phase,
                text=f"files of {phase}",
                undo={"kind": "worktree"},
            )
            self.command(phase)

    def command(self, phase: str, tail: str = "ok\n", exit_code: int = 0) -> None:
        self.say(
            "command.started",
            id=f"c-{phase}",
            path=self.path,
            phase=phase,
            label=f"mix {phase}",
            argv=["mix", phase],
            cwd="/srv/xavos",
            deadline=600,
            log=f"logs/{phase}.log",
        )
        self.say(
            "command.finished",
            4,
            id=f"c-{phase}",
            exit_code=exit_code,
            seconds=4.0,
            timed_out=False,
            tail=tail,
        )

    def passes(self, phase: str, *, restored: bool = False, seconds: float = 9, attempts: int = 1) -> None:
        if restored:
            self.say("checkpoint.restored", 0.8, path=self.path, phase=phase, key="k", seconds=0.8, files=900)
        self.say(
            "phase.finished",
            seconds,
            path=self.path,
            phase=phase,
            outcome="passed",
            seconds=seconds + 4,
            restored=restored,
            attempts=attempts,
        )
        for package in PACKAGES.get(phase, ()):
            self.say(
                "phase.packages",
                0,
                path=self.path,
                phase=phase,
                packages=[
                    {
                        "name": package,
                        "requirement": "~> 3.0",
                        "version": "3.32.0",
                        "seconds": 4.2,
                        "size": 2_400_000,
                        "licences": ["MIT"],
                    }
                ],
            )
        self.check(phase, f"{phase}_phase_passed")

    def check(self, phase: str, name: str, outcome: str = "passed", **facts: Any) -> None:
        self.say(
            "check.finished",
            0.3,
            nodeid=f"deploy_tests/test_{phase}.py::test_{name}",
            path=self.path,
            phase=phase,
            check=name.replace("_", " "),
            outcome=outcome,
            seconds=0.3,
            **facts,
        )

    def fails(self, phase: str, *, outcome: str = "failed", **failure: Any) -> None:
        told = {
            "cause": "registry_unreachable",
            "package": "ash",
            "message": "The registry did not answer.",
            "advice": "Check the network, then run again.",
            "log": f"logs/{phase}.log",
            "tail": "** (Mix) No package\n",
        }
        self.say(
            "phase.finished",
            6,
            path=self.path,
            phase=phase,
            outcome=outcome,
            seconds=10,
            restored=False,
            attempts=1,
            failure=told | failure,
        )

    def rolls_back(self, phase: str, why: str, residue: tuple[str, ...] = (), outcome: str | None = None) -> None:
        self.say("rollback.started", path=self.path, phase=phase, why=why)
        if phase in CHANGING and not residue:
            self.say("undo.done", id=f"a-{phase}", seconds=0.2, text=f"removed files of {phase}")
        self.say(
            "rollback.finished",
            1.5,
            path=self.path,
            phase=phase,
            why=why,
            seconds=1.5,
            outcome=outcome or ("dirty" if residue else "restored"),
            residue=list(residue),
        )

    def blocks(self, after: str) -> None:
        for phase in PHASES[PHASES.index(after) + 1 :]:
            self.say("phase.blocked", 0, path=self.path, phase=phase, by=after)
            self.check(phase, f"{phase}_phase_passed", "blocked", by=after, message=f"blocked by {after}")

    def all_pass_before(self, phase: str | None, *, restored: bool = False) -> None:
        for name in PHASES[: PHASES.index(phase)] if phase else PHASES:
            self.begin(name)
            self.passes(name, restored=restored and name in CHANGING, seconds=0.5 if restored else 9)

    def ends(self, outcome: str, exit_code: int, reason: str = "done") -> Events:
        seconds = (self.clock - self.began).total_seconds()
        self.say("path.finished", path=self.path, outcome=outcome, seconds=seconds)
        self.say("run.finished", exit_code=exit_code, seconds=seconds, reason=reason)
        return tuple(self.events)


def passed(source: str = "hexpm") -> Events:
    story = Story(source=source)
    story.say("phase.note", path="realistic", phase="phoenix_app", text="assets: plain, because npm does not answer")
    story.all_pass_before(None)
    story.say(
        "kept",
        path="realistic",
        url="http://127.0.0.1:4001",
        directory="deployments/xavos",
        manage="deployments/xavos/manage_xavos.sh status",
        remove="make undeploy",
    )
    return story.ends("deployed", 0)


def rehearsal() -> Events:
    return passed("rehearsal")


def restored() -> Events:
    story = Story()
    story.all_pass_before(None, restored=True)
    for phase in reversed(CHANGING):
        story.rolls_back(phase, "teardown")
    return story.ends("deployed", 0)


def retried() -> Events:
    story = Story()
    story.all_pass_before("ash_core")
    story.begin("ash_core")
    story.say(
        "phase.retry",
        8,
        path="realistic",
        phase="ash_core",
        attempt=1,
        cause="registry_unreachable",
        wait=5,
        message="connection refused",
    )
    story.command("ash_core")
    story.passes("ash_core", attempts=2)
    for phase in ("extras", "server"):
        story.begin(phase)
        story.passes(phase)
    return story.ends("deployed", 0)


def failed(tail: str = "** (Mix) No package with name ash\n", message: str = "The registry did not answer.") -> Events:
    story = Story()
    story.all_pass_before("ash_core")
    story.begin("ash_core")
    story.fails("ash_core", tail=tail, message=message)
    story.rolls_back("ash_core", "failed")
    story.check("ash_core", "ash_core_phase_passed", "failed", message=message)
    story.blocks("ash_core")
    for phase in ("database", "phoenix_app", "worktree"):
        story.rolls_back(phase, "teardown")
    return story.ends("rolled_back", 1, "1 failed")


def dirty() -> Events:
    story = Story()
    story.all_pass_before("database")
    story.begin("database")
    story.fails("database", cause="database_denied", package=None, message="permission denied to create database")
    story.rolls_back("database", "failed", residue=("role xavos still exists", "database xavos_dev still exists"))
    story.check("database", "database_phase_passed", "failed", message="permission denied")
    story.blocks("database")
    story.rolls_back("phoenix_app", "teardown")
    story.rolls_back("worktree", "teardown")
    return story.ends("dirty", 1)


def refused() -> Events:
    story = Story()
    story.say("phase.started", path="realistic", phase="prerequisites", before="b2:0")
    story.fails(
        "prerequisites",
        outcome="refused",
        cause="port_taken",
        package=None,
        log=None,
        tail=None,
        message="Port 4001 is already in use (nginx, pid 99).",
        advice="Choose another port with --port.",
    )
    story.check("prerequisites", "prerequisites_phase_passed", "failed", message="Port 4001 is already in use.")
    story.blocks("prerequisites")
    return story.ends("refused", 1)


def killed() -> Events:
    story = Story()
    story.all_pass_before("ash_core")
    story.begin("ash_core")
    return tuple(story.events)


def recovered() -> Events:
    story = Story()
    story.events.extend(killed()[2:])
    story.clock += timedelta(minutes=4)
    story.rolls_back("", "recovery")
    return tuple(story.events)


def recovering() -> Events:
    """A successful run that first recovered an earlier one."""
    story = Story()
    story.say("recovery.finished", of="20261122-080000-dead", outcome="dirty", residue=["port 4001 is still open"])
    story.all_pass_before(None)
    return story.ends("deployed", 0)


def extras_failed() -> Events:
    story = Story()
    story.all_pass_before("extras")
    story.begin("extras")
    story.fails("extras", cause="version_conflict", package="ash_admin", message="ash_admin wants phoenix ~> 1.7.")
    story.rolls_back("extras", "failed")
    story.check("extras", "extras_phase_passed", "failed", message="ash_admin wants phoenix ~> 1.7.")
    story.begin("server")
    story.passes("server")
    return story.ends("deployed", 1)


def interrupted() -> Events:
    story = Story()
    story.all_pass_before("ash_core")
    story.begin("ash_core")
    story.say("run.interrupted", 3, signal="SIGTERM")
    for phase in ("ash_core", "database", "phoenix_app", "worktree"):
        story.rolls_back(phase, "interrupted")
    return story.ends("rolled_back", 2, "interrupted by SIGTERM")


def check_failed() -> Events:
    story = Story()
    story.all_pass_before(None)
    story.check("server", "page_answers_200", "failed", message="expected 200, found 503")
    return story.ends("deployed", 1)


def _recorded(path: Path) -> Callable[[], Events]:
    return lambda: tuple(dict(event) for event in read_events(path))


RECORDED: Mapping[str, Callable[[], Events]] = {path.stem: _recorded(path) for path in sorted(FOLDER.glob("*.jsonl"))}
def upgraded() -> Events:
    """An upgrade under load, one that lost requests, and one whose generator was too slow."""
    story = Story()
    story.all_pass_before(None)
    for made in (
        loads.summary(),
        loads.summary(loads.badly, name="Upgrade without a drain"),
        loads.summary(name="Slow generator", late=0.3),
    ):
        story.say("load.finished", **loads.event(made))
    return story.ends("deployed", 0)


WRITTEN: Mapping[str, Callable[[], Events]] = {
    story.__name__: story
    for story in (
        passed,
        rehearsal,
        restored,
        retried,
        failed,
        dirty,
        refused,
        killed,
        recovered,
        recovering,
        upgraded,
        extras_failed,
        interrupted,
        check_failed,
    )
}
STORIES: Mapping[str, Callable[[], Events]] = {**WRITTEN, **RECORDED}
