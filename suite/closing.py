"""Prints the end of pytest's output: skipped tests grouped by reason, then the result of the deployment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterable

import pytest

from rollout.report.console_summary import console_summary
from rollout.report.view import view
from rollout.report.writer import PAGE
from rollout.text.plain import line
from suite.checks import BLOCKED, reason_of
from suite.report import PLUGIN, finished_events
from suite.stash import RUN

_TONES = {"good": {"green": True, "bold": True}, "bad": {"red": True, "bold": True}}
_REASON = 200


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, exitstatus: int, config: pytest.Config
) -> Generator[None, None, None]:
    """Runs after all other plugins, so that these lines are the last on the screen."""
    yield
    for word in ("skipped", "blocked"):
        for reason, count in grouped(terminalreporter.stats.get(word, ())):
            terminalreporter.write_line(f"{word.upper()} [{count}] {reason}", yellow=True)
    if RUN in config.stash and config.pluginmanager.has_plugin(PLUGIN):
        _close(terminalreporter, int(exitstatus), config)


def _close(terminal: pytest.TerminalReporter, exit_code: int, config: pytest.Config) -> None:
    run = config.stash[RUN]
    events = finished_events(run, exit_code)
    if not events:
        return
    terminal.section("result", "=")
    for row in console_summary(view(events), run.folder / PAGE):
        terminal.write_line(row.text, **_TONES.get(row.tone, {}))


def grouped(reports: Iterable[object]) -> list[tuple[str, int]]:
    """Each reason with its number of tests, most frequent first."""
    return Counter(
        line(reason_of(report).removeprefix(BLOCKED) or "no reason given", _REASON) for report in reports
    ).most_common()
