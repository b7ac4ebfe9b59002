"""Several paths in one invocation: each is a session of its own, and this one conducts.

A path's chain of phases must be left before the next path's begins, and paths side by side cannot share a process. So
every path is a pytest in a process of its own, on a site of its own, with a journal of its own; its test reports are
replayed here (as pytest-xdist does), so that terminal, junit.xml and pytest-html show one session.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from rollout import environment
from rollout.campaign import newest_results
from rollout.config import comparison
from rollout.config.comparison import Seat, refuse_unknown_groups, seats
from rollout.config.options import CONDUCTOR, PATH_NAME, RUN_FOLDER, Options
from rollout.config.plan import load_plan
from rollout.config.run import Run
from rollout.deployment.interrupts import Interrupts
from rollout.environment.subprocesses import WORDS_TO_PYTEST
from rollout.errors import UsageError
from rollout.hex.sources import is_rehearsal
from rollout.journal import read_events
from rollout.journal.merging import JOURNAL, adopt
from rollout.journal.query import Event
from rollout.results import history
from rollout.results.verdict import as_json, verdict
from rollout.text.plain import tail
from suite import stash
from suite.path_session import REPORTS, from_line
from suite.preparation import choose, make_way, recover_first, run_facts, tell_recovered
from suite.report import configure_reports
from suite.terminal import open_console

_POLL_SECONDS = 0.1
_OUTPUT = "pytest.log"


@dataclass(kw_only=True)
class _Player:
    """A path's session while it runs: its process, and how far its reports and its journal have been read."""

    seat: Seat
    folder: Path
    process: subprocess.Popen[bytes] | None = None
    reports: _Tail = field(init=False)
    events: _Tail = field(init=False)

    def __post_init__(self) -> None:
        self.reports = _Tail(self.folder / REPORTS)
        self.events = _Tail(self.folder / JOURNAL)

    @property
    def is_playing(self) -> bool:
        return self.process is not None and self.process.poll() is None


@dataclass(kw_only=True)
class Conductor:
    """The session over several paths."""

    options: Options
    run: Run
    seats: tuple[Seat, ...]
    interrupts: Interrupts
    tell: Any
    began: float = field(default_factory=time.monotonic)

    def play(self, config: pytest.Config) -> Iterator[pytest.TestReport | int]:
        """Run every path, at most `--jobs` at once; yields how many tests each has, and their reports as they come."""
        waiting = [_Player(seat=seat, folder=self.run.folder / seat.folder) for seat in self.seats]
        playing: list[_Player] = []
        try:
            while waiting or playing:
                while waiting and len(playing) < self.options.jobs:
                    playing.append(self._begin(waiting.pop(0), config))
                time.sleep(_POLL_SECONDS)
                for player in tuple(playing):
                    over = not player.is_playing  # asked first: what it wrote last is then there
                    yield from self._heard(player, config)
                    if over:
                        playing.remove(player)
                        self._ended(player)
        except BaseException:
            self._stop(playing)
            for player in playing:
                self._ended(player)
            raise

    def _begin(self, player: _Player, config: pytest.Config) -> _Player:
        seat, folder = player.seat, player.folder
        folder.mkdir(parents=True)
        self.run.parts[seat.name] = folder
        self.run.journal.record("path.run", path=seat.name, folder=str(seat.folder), site=seat.site, port=seat.port)
        arguments = (
            *map(str, config.invocation_params.args),
            *(f"--path={seat.path}", f"--gate={seat.path}", "--jobs=1", f"--keep={seat.keep}"),
            *(f"--name={seat.site}", f"--directory={seat.directory}", f"--port={seat.port}"),
            *(f"--html={folder / 'tests.html'}", "--self-contained-html", f"--junitxml={folder / 'junit.xml'}"),
            *("--color=no", "-p", "no:cacheprovider"),
        )
        with (folder / _OUTPUT).open("wb") as output:
            player.process = subprocess.Popen(
                [sys.executable, "-m", "pytest", *arguments],
                cwd=config.invocation_params.dir,
                env=environment.suite(
                    also=WORDS_TO_PYTEST,
                    **{RUN_FOLDER: str(folder), PATH_NAME: seat.name, CONDUCTOR: str(os.getpid())},
                ),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for this process, which passes it on once
            )
        return player

    def _heard(self, player: _Player, config: pytest.Config) -> Iterator[pytest.TestReport | int]:
        events = [event for line in player.events.lines() for event in _parsed(line)]
        for event in adopt(events, player.seat.name, player.seat.folder, run=self.run.id):
            self.tell(event)
        for line in player.reports.lines():
            report = from_line(config, line)
            if isinstance(report, pytest.TestReport):
                report.nodeid = f"{player.seat.name}/{report.nodeid}"
            yield report

    def _ended(self, player: _Player) -> None:
        """A session that was killed, or never began, has said nothing of its path's end: say it for it."""
        journal = player.folder / JOURNAL
        if not comparison.ended(read_events(journal) if journal.is_file() else ()):
            code = player.process.returncode if player.process else None
            recover_first(self.options)
            printed = (player.folder / _OUTPUT).read_text(encoding="utf-8", errors="replace")
            self.run.journal.record("path.aborted", path=player.seat.name, exit_code=code,
                                    message=tail(printed, lines=20, size=4000))  # fmt: skip

    def _stop(self, playing: Sequence[_Player]) -> None:
        """Have every session unwind, and wait for it: what it has done is being undone."""
        with self.interrupts.shielded():
            for player in playing:
                if player.is_playing and player.process is not None:
                    player.process.terminate()
            for player in playing:
                if player.process is not None:
                    player.process.wait()

    def interrupted(self) -> None:
        self.run.journal.tell("run.interrupted", signal=self.interrupts.received or "SIGINT")

    def end(self, exit_code: int) -> int:
        """Journal the end; returns the exit code: 0 only where every path of the gate is met."""
        gate = [seat.name for seat in self.seats if seat.path in self.options.gate]
        judged = as_json(verdict(self.run.events()))["paths"]
        if exit_code in {0, int(pytest.ExitCode.TESTS_FAILED), int(pytest.ExitCode.NO_TESTS_COLLECTED)}:
            exit_code = 0 if comparison.is_met(judged, gate) else int(pytest.ExitCode.TESTS_FAILED)
        outcomes = ", ".join(f"{name}: {path['outcome']}" for name, path in judged.items())
        self.run.journal.tell("run.finished", exit_code=exit_code, seconds=round(time.monotonic() - self.began, 3),
                              reason=f"{outcomes}; the gate is {', '.join(gate)}")  # fmt: skip
        history.update(self.run.journal, self.options.state, self.run.events())
        newest_results.journal_newest(self.run)
        self.interrupts.uninstall()
        return exit_code


class _Tail:
    """Whole lines, as they are appended to a file that may not be there yet."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0

    def lines(self) -> tuple[str, ...]:
        """Those that have come since the last time."""
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


def conduct(config: pytest.Config, options: Options) -> None:
    """Make this session the one over all paths of `options`. Raises RolloutError."""
    if options.record_bundle:
        raise UsageError("--record-bundle records what one path fetches.", advice="Name one with --path.")
    seated = seats(options)
    for seat in seated:
        load_plan(seat.path).through(options.through)  # refused before anything is looked at or undone
    refuse_unknown_groups(options)
    recovered = make_way(options)
    chosen = choose(options, ())  # what a path cannot do, its own session refuses
    rehearsal = is_rehearsal(chosen.upstreams.hex)
    plans = tuple(
        load_plan(seat.path, rehearsal=rehearsal, called=seat.name).through(options.through) for seat in seated
    )
    run = Run(options)
    console = open_console(config)
    run.journal.subscribe(console)
    gate = [seat.name for seat in seated if seat.path in options.gate]
    run.journal.record("run.started", **run_facts(options, chosen, plans), gate=gate)
    tell_recovered(run.journal, recovered)
    conductor = Conductor(options=options, run=run, seats=seated, interrupts=Interrupts(), tell=console)
    config.stash[stash.RUN] = run
    configure_reports(config, records=False)
    config.pluginmanager.register(_Conducting(conductor), "rollout-conductor")


class _Conducting:
    """The hooks by which pytest runs the paths in place of tests of its own."""

    def __init__(self, conductor: Conductor) -> None:
        self._conductor = conductor

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> bool:
        """The paths' own sessions collect."""
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        hook = session.config.hook
        self._conductor.interrupts.install()
        for report in self._conductor.play(session.config):
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
        self._conductor.interrupted()

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        session.exitstatus = self._conductor.end(int(session.exitstatus))

    def pytest_unconfigure(self) -> None:
        self._conductor.run.close(settled=True)  # pending undos of the paths are in their own journals
