"""Prints progress, blocked checks and a summary of each path to the terminal."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Mapping
from typing import Any, TextIO

import pytest

from rollout.report.console import Console
from rollout.report.view import FailureView, PathView, view
from rollout.report.wording import (
    checks_words,
    phase_words,
    rehearsal_words,
    rollback_words,
)
from rollout.text.plain import duration, line
from suite.checks import is_blocked, is_not_attempted
from suite.report import PLUGIN, finished_events
from suite.stash import RUN

_COLOURS: Mapping[str, Mapping[str, bool]] = {
    "passed": {"green": True},
    "failed": {"red": True},
    "refused": {"red": True},
    "interrupted": {"red": True},
}

_KEPT = (
    ("folder", "directory"),
    ("manage", "manage"),
    ("first operator", "first_operator"),
    ("enter the forge", "forge"),
    ("enter the database", "database"),
    ("remove", "remove"),
)


def pytest_report_teststatus(report: object) -> tuple[str, str, tuple[str, Mapping[str, bool]]] | None:
    if is_blocked(report):
        return "blocked", "b", ("BLOCKED", {"yellow": True})
    if is_not_attempted(report):
        return "not attempted", "-", ("NOT ATTEMPTED", {})
    return None


@pytest.hookimpl(tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, exitstatus: int, config: pytest.Config) -> None:
    if RUN not in config.stash or not config.pluginmanager.has_plugin(PLUGIN):
        return
    run = config.stash[RUN]
    events = finished_events(run, int(exitstatus))
    if not events:
        return
    shown = view(events)
    terminalreporter.section("deployment", "=")
    if shown.verdict.rehearsal:
        terminalreporter.write_line(rehearsal_words(shown.verdict.application), yellow=True, bold=True)
    for recovered in shown.recovered:
        terminalreporter.write_line(f"Recovered first: {recovered}")
    for path in shown.paths:
        terminalreporter.write_line(f"{path.verdict.name}: {checks_words(path.verdict)}", bold=True)
        _phases(terminalreporter, path)
        if path.failures:
            _failure(terminalreporter, path.failures[0])
        for thing in path.verdict.residue[:20]:
            terminalreporter.write_line(f"left behind: {line(thing)}", red=True)
        if path.kept:
            _kept(terminalreporter, path.kept)


def open_console(config: pytest.Config) -> Console:
    """The live view on pytest's terminal. The caller subscribes it to the journal.

    It writes to a copy of standard output. Call it during configuration, before pytest redirects standard output.
    """
    stream = _terminal()

    def fresh_line() -> None:
        # pytest has started a line ("test_x.py ..") and would continue it.
        reporter = config.pluginmanager.getplugin("terminalreporter")
        if reporter is not None and getattr(reporter, "currentfspath", None):
            stream.write("\n")
            reporter.currentfspath = None

    console = Console(stream, fresh_line=fresh_line, colour=config.option.color != "no")
    if stream is not sys.stdout:
        config.add_cleanup(lambda: _close(stream))
    config.add_cleanup(console.close)
    config.pluginmanager.register(_Interleaving(console), "rollout-console")
    return console


class _Interleaving:
    """Ends the live line before pytest prints a check, because another path may still be running."""

    def __init__(self, console: Console) -> None:
        self._console = console

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self) -> None:
        self._console.clear_view()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self) -> None:
        self._console.clear_view()


def _terminal() -> TextIO:
    try:
        own = os.dup(sys.stdout.fileno())
        return os.fdopen(own, "w", encoding=sys.stdout.encoding, errors=sys.stdout.errors, buffering=1)
    except (OSError, ValueError):
        return sys.stdout


def _close(stream: TextIO) -> None:
    with contextlib.suppress(OSError):  # a full disk may reject the rest of the buffer
        stream.close()


def _phases(terminal: pytest.TerminalReporter, path: PathView) -> None:
    width = max((len(phase.name) for phase in path.verdict.phases), default=0)
    for phase in path.verdict.phases:
        ran = phase.outcome not in {"blocked", "not_reached"}
        time = duration(phase.seconds) if ran else "–"
        back = f"; rollback: {rollback_words(phase)}" if phase.rollback else ""
        terminal.write_line(
            f"  {phase.name:<{width}}  {time:>11}  {phase_words(phase)}{back}",
            **_COLOURS.get(phase.outcome, {"yellow": True}),
        )


def _failure(terminal: pytest.TerminalReporter, failure: FailureView) -> None:
    package = f" ({failure.package})" if failure.package else ""
    terminal.write_line(f"{failure.phase or 'run'}: {failure.cause}{package}: {line(failure.message, 1000)}", red=True)
    if failure.advice:
        terminal.write_line(f"What to do: {failure.advice}")
    if failure.log:
        terminal.write_line(f"Log: {failure.log}")


def _kept(terminal: pytest.TerminalReporter, kept: Mapping[str, Any]) -> None:
    terminal.write_line("kept:" if kept.get("url") else "kept, without a server:", green=True)
    for label, key in _KEPT:
        if value := kept.get(key):
            terminal.write_line(f"  {label}: {value}")
