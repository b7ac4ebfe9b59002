"""Runs several paths in one run: starts a pytest process for each path and shows their tests as one session.

Paths that run side by side cannot share a process, and the phases of one path must be rolled back before those of the
next start. So each path has its own process, site and journal. This session is the controller (as in pytest-xdist):
it replays the test reports of the paths for terminal, junit.xml and pytest-html.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from rollout import environment
from rollout.campaign import newest_results
from rollout.config import comparison
from rollout.config.comparison import PathRun, path_runs, refuse_unknown_groups
from rollout.config.flags import arguments
from rollout.config.options import CONDUCTOR, PATH_NAME, RUN_FOLDER, Options
from rollout.config.plan import load_plan
from rollout.config.run import Run
from rollout.deployment.interrupts import Interrupts
from rollout.environment.subprocesses import PYTEST_VARIABLES
from rollout.errors import UsageError
from rollout.hex.sources import is_rehearsal
from rollout.installation import INTERPRETER
from rollout.journal import read_events
from rollout.journal.merging import JOURNAL, adopt
from rollout.journal.query import Event
from rollout.process import Background, start
from rollout.results import history
from rollout.results.verdict import as_json, verdict
from rollout.text.plain import tail
from suite import baseline, stash
from suite.path_session import REPORTS, from_line
from suite.preparation import journal_recovered, make_choices, recover_and_check, recover_first, run_facts
from suite.report import configure_reports
from suite.terminal import open_console

_POLL_SECONDS = 0.1
_OUTPUT = "pytest.log"


@dataclass(kw_only=True)
class _PathProcess:
    """The process of one path, and the positions up to which its reports and its journal were read."""

    part: PathRun
    folder: Path
    program: Background | None = None
    reports: _Tail = field(init=False)
    events: _Tail = field(init=False)

    def __post_init__(self) -> None:
        self.reports = _Tail(self.folder / REPORTS)
        self.events = _Tail(self.folder / JOURNAL)

    @property
    def is_running(self) -> bool:
        return self.program is not None and self.program.is_running


@dataclass(kw_only=True)
class Controller:
    """Runs all paths of a comparison."""

    options: Options
    run: Run
    parts: tuple[PathRun, ...]
    interrupts: Interrupts
    tell: Any
    began: float = field(default_factory=time.monotonic)

    def run_all(self, config: pytest.Config) -> Iterator[pytest.TestReport | int]:
        """Run every path, at most `--jobs` at once. Yields the number of tests of each path, and their reports."""
        waiting = [_PathProcess(part=part, folder=self.run.folder / part.folder) for part in self.parts]
        running: list[_PathProcess] = []
        try:
            while waiting or running:
                while waiting and len(running) < self.options.jobs:
                    running.append(self._start(waiting.pop(0), config))
                time.sleep(_POLL_SECONDS)
                for process in tuple(running):
                    has_ended = not process.is_running  # before the reading, so that its last lines are read
                    yield from self._new_reports(process, config)
                    if has_ended:
                        running.remove(process)
                        self._conclude(process)
        except BaseException:
            self._stop(running)
            for process in running:
                self._conclude(process)
            raise

    def _start(self, process: _PathProcess, config: pytest.Config) -> _PathProcess:
        part, folder = process.part, process.folder
        folder.mkdir(parents=True)
        self.run.parts[part.name] = folder
        self.run.journal.record("path.run", path=part.name, folder=str(part.folder), site=part.site, port=part.port)
        command = (
            *map(str, config.invocation_params.args),
            *arguments(path=part.path, gate=part.path, jobs=1, keep=part.keep, name=part.site, port=part.port,
                       directory=part.directory),
            *(f"--html={folder / 'tests.html'}", "--self-contained-html", f"--junitxml={folder / 'junit.xml'}"),
            *("--color=no", "-p", "no:cacheprovider"),
        )  # fmt: skip
        own = {RUN_FOLDER: str(folder), PATH_NAME: part.name, CONDUCTOR: str(os.getpid())}
        process.program = start(
            (*INTERPRETER, "-m", "pytest", *command), cwd=config.invocation_params.dir, log=folder / _OUTPUT,
            env=environment.suite(also=PYTEST_VARIABLES, **own),
        )  # fmt: skip
        return process

    def _new_reports(self, process: _PathProcess, config: pytest.Config) -> Iterator[pytest.TestReport | int]:
        events = [event for line in process.events.lines() for event in _parsed(line)]
        for event in adopt(events, process.part.name, process.part.folder, run=self.run.id):
            self.tell(event)
        for line in process.reports.lines():
            report = from_line(config, line)
            if isinstance(report, pytest.TestReport):
                report.nodeid = f"{process.part.name}/{report.nodeid}"
            yield report

    def _conclude(self, process: _PathProcess) -> None:
        """Recover a path whose session was killed or did not start, and journal its end."""
        journal = process.folder / JOURNAL
        if not comparison.has_ended(read_events(journal) if journal.is_file() else ()):
            code = process.program.exit_code if process.program else None
            recover_first(self.options)
            printed = (process.folder / _OUTPUT).read_text(encoding="utf-8", errors="replace")
            self.run.journal.record("path.aborted", path=process.part.name, exit_code=code,
                                    message=tail(printed, lines=20, size=4000))  # fmt: skip

    def _stop(self, running: Sequence[_PathProcess]) -> None:
        """Interrupt every session, and wait until it has rolled back."""
        with self.interrupts.shielded():
            for process in running:
                if process.is_running and process.program is not None:
                    process.program.signal(signal.SIGTERM)
            for process in running:
                if process.program is not None:
                    process.program.wait()

    def interrupted(self) -> None:
        self.run.journal.tell("run.interrupted", signal=self.interrupts.received or "SIGINT")

    def end(self, exit_code: int) -> int:
        """Journal the end. Returns the exit code: 0 only if the gate is passed."""
        gate = [part.name for part in self.parts if part.path in self.options.gate]
        judged = as_json(verdict(self.run.events()))["paths"]
        if exit_code in {0, int(pytest.ExitCode.TESTS_FAILED), int(pytest.ExitCode.NO_TESTS_COLLECTED)}:
            exit_code = 0 if comparison.is_gate_passed(judged, gate) else int(pytest.ExitCode.TESTS_FAILED)
            exit_code = baseline.excused(self.run, self.options, exit_code, gate)
        outcomes = ", ".join(f"{name}: {path['outcome']}" for name, path in judged.items())
        self.run.journal.tell("run.finished", exit_code=exit_code, seconds=round(time.monotonic() - self.began, 3),
                              reason=f"{outcomes}; the gate is {', '.join(gate)}")  # fmt: skip
        history.update(self.run.journal, self.options.state, self.run.events())
        newest_results.journal_newest(self.run)
        self.interrupts.uninstall()
        return exit_code


class _Tail:
    """Reads the lines that are appended to a file. The file may not exist yet."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0

    def lines(self) -> tuple[str, ...]:
        """The whole lines since the last call."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._read)
                data = file.read()
        except FileNotFoundError:
            return ()
        whole = data[: data.rfind(b"\n") + 1]
        self._read += len(whole)
        return tuple(whole.decode("utf-8", "replace").splitlines())


def _parsed(line: str) -> Iterator[Event]:
    with contextlib.suppress(ValueError):
        event = json.loads(line)
        if isinstance(event, dict) and "event" in event:
            yield event


def run_paths(config: pytest.Config, options: Options) -> None:
    """Make this session the controller of all paths of `options`. Raises RolloutError."""
    if options.record_bundle:
        raise UsageError("--record-bundle records the packages of one path.", advice="Name one path with --path.")
    parts = path_runs(options)
    for part in parts:
        load_plan(part.path, stage=options.stage).through(
            options.through
        )  # invalid options are rejected before recovery starts
    refuse_unknown_groups(options)
    baseline.refuse_invalid(options)
    recovered = recover_and_check(options)
    chosen = make_choices(options, ())  # the session of each path rejects what that path cannot do
    rehearsal = is_rehearsal(chosen.upstreams.hex)
    plans = tuple(
        load_plan(part.path, stage=options.stage, rehearsal=rehearsal, name=part.name).through(options.through)
        for part in parts
    )
    run = Run(options)
    console = open_console(config)
    run.journal.subscribe(console)
    gate = [part.name for part in parts if part.path in options.gate]
    run.journal.record("run.started", **run_facts(options, chosen, plans), gate=gate)
    journal_recovered(run.journal, recovered)
    controller = Controller(options=options, run=run, parts=parts, interrupts=Interrupts(), tell=console)
    config.stash[stash.RUN] = run
    configure_reports(config, records=False)
    config.pluginmanager.register(_Hooks(controller), "rollout-controller")


class _Hooks:
    """pytest hooks that run the paths instead of tests of this session."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> bool:
        """Collect nothing: the sessions of the paths collect their tests."""
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        hook = session.config.hook
        self._controller.interrupts.install()
        for report in self._controller.run_all(session.config):
            if isinstance(report, int):
                session.testscollected += report
                continue
            if report.when == "setup":
                hook.pytest_runtest_logstart(nodeid=report.nodeid, location=report.location)
            hook.pytest_runtest_logreport(report=report)
            if report.when == "teardown":
                hook.pytest_runtest_logfinish(nodeid=report.nodeid, location=report.location)
        return True

    def pytest_keyboard_interrupt(self) -> None:
        self._controller.interrupted()

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        session.exitstatus = self._controller.end(int(session.exitstatus))

    def pytest_unconfigure(self) -> None:
        self._controller.run.close(settled=True)  # pending undos are in the journals of the paths
