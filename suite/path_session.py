"""Runs one compared path as its own pytest session, and sends its test reports to the controller session."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from rollout.config.options import CONDUCTOR
from suite import stash
from suite.checks import Check, check_of
from suite.terminal_codes import without_codes

REPORTS = "tests.jsonl"
_WATCH_SECONDS = 1.0


def pytest_configure(config: pytest.Config) -> None:
    options = config.stash.get(stash.OPTIONS, None)
    if stash.RUN in config.stash and options is not None and options.folder is not None:
        config.pluginmanager.register(_ReportSender(config, options.folder / REPORTS), "rollout-path-session")
        _end_with_controller()


def as_line(config: pytest.Config, report: pytest.TestReport) -> str:
    """A report and its check as one line of JSON."""
    check = check_of(report)
    data = config.hook.pytest_report_to_serializable(config=config, report=_bare(report))
    return json.dumps({"report": data, "check": dataclasses.asdict(check) if check else None}, default=str)


def from_line(config: pytest.Config, line: str) -> pytest.TestReport | int:
    """The report that `as_line` wrote. The first line of a session gives the number of collected tests instead."""
    data = json.loads(line)
    if "collected" in data:
        return int(data["collected"])
    report: pytest.TestReport = config.hook.pytest_report_from_serializable(config=config, data=data["report"])
    reason: Any = report.longrepr
    if isinstance(reason, list):  # the place and reason of a skip; JSON has no tuples
        report.longrepr = (str(reason[0]), int(reason[1]), str(reason[2]))
    report.longrepr = without_codes(report.longrepr)
    if data["check"]:
        report.check = Check(**data["check"])  # type: ignore[attr-defined]
    return report


def _bare(report: pytest.TestReport) -> pytest.TestReport:
    """The report without attributes that cannot be serialised."""
    bare = object.__new__(type(report))
    bare.__dict__.update({name: value for name, value in report.__dict__.items() if name not in {"check", "extras"}})
    return bare


class _ReportSender:
    def __init__(self, config: pytest.Config, path: Path) -> None:
        self._config = config
        self._file = path.open("a", encoding="utf-8")
        config.add_cleanup(self._file.close)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self._write(json.dumps({"collected": len(session.items)}))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._write(as_line(self._config, report))

    def _write(self, line: str) -> None:
        self._file.write(line + "\n")
        self._file.flush()


def _end_with_controller() -> None:
    """If the controller session is killed, roll back and end this session."""
    parent = int(os.environ.get(CONDUCTOR, os.getppid()))  # the parent may have been killed before this line

    def watch(*_: Any) -> None:
        while os.getppid() == parent:
            time.sleep(_WATCH_SECONDS)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="controller-watch", daemon=True).start()
