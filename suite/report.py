"""Writes all reports of a run, and the summary on pytest-html's page."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Generator, Mapping, MutableSequence, Sequence
from html import escape
from typing import Any

import pytest

from rollout.config.run import Run
from rollout.journal.query import Event, last, texts
from rollout.report import append_step_summary, panel, summary, write_reports
from rollout.report.page import title
from rollout.report.pytest_html_head import STYLE, script
from rollout.report.view import FailureView, failure_of
from rollout.report.wording import rollback_words
from rollout.report.writer import TESTS_PAGE
from rollout.results.rates import preload
from rollout.results.verdict import verdict
from rollout.text.plain import line, tail
from suite.checks import Check, CheckRecorder, check_of
from suite.stash import RUN

PLUGIN = "rollout-report"
_RECORDER = "rollout-check-recorder"
_COLUMNS = (
    ("Result", "result"),
    ("Phase", "phase"),
    ("Check", "testId"),
    ("Cause", "cause"),
    ("Duration", "duration"),
)
_ROLLBACK = re.compile(r'<td class="col-rollback" data-phase="([^"]*)">.*</td>', re.DOTALL)


def configure_reports(
    config: pytest.Config, *, records: bool = True, write: Callable[[Sequence[Event]], str] | None = None
) -> None:
    """Set the files of pytest-html and junit.xml to the run's folder. Call it as soon as RUN is in the stash.

    `records`: journal the checks in this session. In a comparison the sessions of the paths do that.
    `write` writes other reports and returns the summary. A campaign uses it, because its reports are about trials.
    A `--html` or `--junitxml` of the user is not changed. `-p no:rollout-report` switches all reports off.
    """
    run = config.stash[RUN]
    run.folder.mkdir(parents=True, exist_ok=True)
    option, draws = config.option, not config.pluginmanager.is_blocked(PLUGIN)
    if draws and getattr(option, "htmlpath", "absent") is None:
        option.htmlpath = str(run.folder / TESTS_PAGE)
        option.self_contained_html = True
        option.css = [*(option.css or ()), str(STYLE)]
    if draws and getattr(option, "xmlpath", "absent") is None:
        option.xmlpath = str(run.folder / "junit.xml")
    plugins = config.pluginmanager
    if draws and not plugins.has_plugin(PLUGIN):
        preload()
        plugins.register(_Report(run, write), PLUGIN)
    if records and not plugins.has_plugin(_RECORDER):
        plugins.register(CheckRecorder(config), _RECORDER)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    if RUN in config.stash:
        configure_reports(config)


def finished_events(run: Run, exit_code: int) -> tuple[Mapping[str, Any], ...]:
    """All events so far, with an end of the run if it has none yet. For reports that are written before that event."""
    events = tuple(run.events())
    if not events or last(events, "run.finished"):
        return events
    end = {**events[-1], "event": "run.finished", "exit_code": int(exit_code), "seconds": None, "reason": ""}
    return (*events, {key: value for key, value in end.items() if key not in {"path", "phase"}})


class _Report:
    """Hooks that fill pytest-html's page and write the other reports."""

    def __init__(self, run: Run, write: Callable[[Sequence[Event]], str] | None) -> None:
        self._run = run
        self._write = write
        self._data: Any = None

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_report_title(self, report: Any) -> None:
        report.title = f"{title(self._run.folder.name, verdict(self._run.journal.events()).application)}, test by test"
        self._data = report
        # pytest-html puts these values (CI variables among them) into its page as they are.
        environment = report.data["environment"]
        environment.update({k: escape(line(v, 500)) for k, v in environment.items() if isinstance(v, str)})

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_table_header(self, cells: MutableSequence[str]) -> None:
        sortable = '<th scope="col" class="sortable" tabindex="0" data-column-type="{}">{}</th>'
        cells[:] = [sortable.format(name, label) for label, name in _COLUMNS]
        cells += ['<th scope="col">Rollback</th>', '<th scope="col">Log</th>']

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_table_row(self, report: Any, cells: MutableSequence[str]) -> None:
        found = re.search(r">(\w+)<", cells[0])
        result = found.group(1) if found else "Error"
        check = check_of(report) or Check(
            path="", phase="", sentence=line(report.nodeid) or "collection", doc="", outcome=result.lower()
        )
        shown = "Blocked" if check.outcome == "blocked" else result
        # The page filters and sorts by the first <td>, here inside a comment; it shows the second.
        cells[:] = [
            f'<!--<td class="col-result">{result}</td>--><td class="col-result" tabindex="0">{shown}</td>',
            _cell("phase", f"{check.path}: {check.phase}" if self._of_several else check.phase),
            f'<!--<td class="col-testId">{_identity(report)}</td>-->{_cell("testId", check.sentence)}',
            _cell("cause", check.cause),
            _cell("duration", _clock(report.duration)),
            f'<td class="col-rollback" data-phase="{_place(check.path, check.phase)}"></td>',
            f'<td class="col-links">{self._log(check)}</td>',
        ]

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_table_html(self, report: Any, data: MutableSequence[str]) -> None:
        check = check_of(report)
        printed = [tail(part) for part in data if part != "No log output captured."]
        data[:] = [*self._details(check, report.outcome), *printed] or ["Nothing was printed."]

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_summary(self, prefix: MutableSequence[str], session: pytest.Session) -> None:
        if self._write is not None:
            return
        events = finished_events(self._run, int(session.exitstatus))
        self._fill_in_rollbacks(events)
        prefix.insert(0, panel(events) + script())

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, None, None]:
        try:
            return (yield)
        finally:
            events = finished_events(self._run, int(session.exitstatus))
            append_step_summary(self._written(events), os.environ)

    def _written(self, events: Sequence[Event]) -> str:
        """Write the reports. Returns the summary."""
        if self._write is not None:
            return self._write(events)
        write_reports(self._run.folder, events)
        return summary(events)

    @property
    def _of_several(self) -> bool:
        """Whether the run has several paths, so that each row needs the name of its path."""
        return len(texts(last(self._run.journal.events(), "run.started"), "paths")) > 1

    def _details(self, check: Check | None, outcome: str) -> list[str]:
        """Lines about a check and the failure of its phase, from the journal, escaped."""
        if check is None:
            return []
        lines = [check.doc, check.message if check.outcome == "blocked" else ""]
        failure = self._failure(check) if outcome == "failed" else None
        if failure:
            facts = {"Cause": failure.cause, "What to do": failure.advice, "Log": failure.log}
            lines += [failure.message, *(f"{label}: {value}" for label, value in facts.items() if value)]
            lines.append(f"--- the end of its output ---\n{failure.tail}\n---" if failure.tail else "")
        return [escape(text) for text in lines if text]

    def _log(self, check: Check) -> str:
        failure = self._failure(check) if check.outcome == "failed" else None
        return f'<a href="{escape(failure.log_link)}">log</a>' if failure and failure.log_link else ""

    def _failure(self, check: Check) -> FailureView | None:
        events = self._run.events()
        place = (check.path, check.phase)
        finished = last([e for e in events if (e.get("path"), e.get("phase")) == place], "phase.finished")
        return failure_of(finished, events) if finished and finished.get("outcome") != "passed" else None

    def _fill_in_rollbacks(self, events: Sequence[Mapping[str, Any]]) -> None:
        """Fill in how each phase was rolled back. This is known only after the last teardown."""
        words = {
            _place(path.name, phase.name): escape(rollback_words(phase))
            for path in verdict(events).paths
            for phase in path.phases
        }
        for tests in (self._data.data["tests"] if self._data else {}).values():
            for test in tests:
                test["resultsTableRow"] = [
                    _ROLLBACK.sub(lambda m: f'<td class="col-rollback">{words.get(m.group(1), "")}</td>', cell)
                    for cell in test["resultsTableRow"]
                ]


def _place(path: str, phase: str) -> str:
    return escape(f"{path}/{phase}")


def _cell(name: str, value: str) -> str:
    return f'<td class="col-{name}">{escape(line(value))}</td>'


def _identity(report: Any) -> str:
    when = "" if report.when == "call" else f"::{report.when}"
    return escape(line(report.nodeid + when)).replace("--", "-&#45;")


def _clock(seconds: float) -> str:
    """A duration in the two forms that pytest-html's page can sort: `812 ms`, `00:01:05`."""
    if seconds < 1:
        return f"{round(seconds * 1000)} ms"
    whole = round(seconds)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"
