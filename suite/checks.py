"""Adds the name, path, phase and outcome of each check to the reports and the journal."""

from __future__ import annotations

import inspect
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from rollout.errors import RolloutError
from rollout.journal import Redactor
from rollout.journal.query import mapping, text
from rollout.text.plain import TAIL_BYTES, line, tail
from suite.phases import NOT_ATTEMPTED, group_of
from suite.stash import RUN, SESSION
from suite.terminal_codes import without_codes

BLOCKED = "blocked by "
_MESSAGE = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A check as the reports show it. `cause` is "" for a passed check; `by` is the phase that blocks it."""

    path: str
    phase: str
    sentence: str
    doc: str
    outcome: str
    cause: str = ""
    message: str = ""
    by: str = ""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if RUN in config.stash:
        for item in items:
            item.user_properties += [("path", _place(item)[0]), ("phase", group_of(item))]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if RUN in item.config.stash:
        check = _check(item, call, report, item.config.stash[RUN].journal.events())
        if check.cause and ("cause", check.cause) not in item.user_properties:
            item.user_properties.append(("cause", check.cause))
        report.user_properties = list(item.user_properties)
        report.check = check  # type: ignore[attr-defined]
        _bound(report, item.config.stash[RUN].journal.redactor)
    return report


class CheckRecorder:
    """Journals the result of every check, and a failed teardown as well."""

    def __init__(self, config: pytest.Config) -> None:
        self._journal = config.stash[RUN].journal

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        check = check_of(report)
        if check is None or not (report.when == "call" or report.outcome != "passed"):
            return
        if check.message == NOT_ATTEMPTED:
            return
        details = {"message": check.message, "by": check.by, "doc": check.doc}
        # `tell` raises nothing on a full disk: an error in this hook would end pytest before the reports.
        self._journal.tell(
            "check.finished",
            nodeid=report.nodeid,
            path=check.path,
            phase=check.phase,
            check=check.sentence,
            outcome=check.outcome,
            seconds=round(report.duration, 3),
            **{key: value for key, value in details.items() if value},
        )


def check_of(report: object) -> Check | None:
    """The check of a report; None for another report."""
    check = getattr(report, "check", None)
    return check if isinstance(check, Check) else None


def sentence_of(item: pytest.Item) -> str:
    """`test_page_answers_200[en]` → `page answers 200 (en)`."""
    name, _, parameters = item.name.partition("[")
    sentence = line(name.removeprefix("test_").replace("_", " "), 200)
    return f"{sentence} ({line(parameters.removesuffix(']'), 100)})" if parameters else sentence


def is_blocked(report: object) -> bool:
    """Whether the failure of a phase blocked the check of a report."""
    return getattr(report, "outcome", "") == "skipped" and reason_of(report).startswith(BLOCKED)


def _check(
    item: pytest.Item,
    call: pytest.CallInfo[None],
    report: pytest.TestReport,
    events: Sequence[Mapping[str, Any]],
) -> Check:
    phase, outcome, cause, message, by = group_of(item), str(report.outcome), "", "", ""
    path, answering = _place(item)
    if outcome == "failed":
        error = call.excinfo.value if call.excinfo else None
        known = error.cause if isinstance(error, RolloutError) else None
        cause = known or _cause(events, answering) or "check_failed"
        message = _crash(report)
    elif outcome == "skipped":
        message = reason_of(report)
        if is_blocked(report):
            outcome = "blocked"
            by = message.removeprefix(BLOCKED).partition(":")[0].split()[0] if message != BLOCKED else ""
            cause = f"{BLOCKED}{by}"
    documentation = inspect.getdoc(getattr(item, "function", None)) or ""
    return Check(
        path=path,
        phase=phase,
        sentence=sentence_of(item),
        doc=line(documentation.partition("\n\n")[0]),
        outcome=outcome,
        cause=line(cause, 60),
        message=message,
        by=line(by, 60),
    )


def is_not_attempted(report: object) -> bool:
    """Whether the path turned out not to do what the check of a report is about."""
    return getattr(report, "outcome", "") == "skipped" and reason_of(report) == NOT_ATTEMPTED


def _place(item: pytest.Item) -> tuple[str, str]:
    """The name of the session's path, and the phase that the check is about."""
    config, group = item.config, group_of(item)
    if SESSION not in config.stash:
        return config.stash[RUN].options.path, group
    plan = config.stash[SESSION].plan
    answering = plan.phase_for(group)
    return plan.name, answering.name if answering else group


def _cause(events: Sequence[Mapping[str, Any]], phase: str) -> str:
    for event in reversed(events):
        if event.get("event") == "phase.finished" and event.get("phase") == phase:
            return text(mapping(event, "failure"), "cause") if event.get("outcome") != "passed" else ""
    return ""


def _crash(report: pytest.TestReport) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    return tail(getattr(crash, "message", None) or report.longreprtext, lines=40, size=_MESSAGE)


def reason_of(report: object) -> str:
    """Why a test was skipped; "" without a reason."""
    skip = getattr(report, "longrepr", None)
    reason = skip[2] if isinstance(skip, tuple) and len(skip) == 3 else getattr(report, "wasxfail", "") or ""
    return tail(str(reason).removeprefix("Skipped: "), lines=20, size=_MESSAGE)


def _bound(report: pytest.TestReport, redactor: Redactor) -> None:
    """Limit a report: at most 20 KB of traceback and captured output, no secret of the run, no terminal codes."""
    report.longrepr = without_codes(report.longrepr)
    if report.outcome == "failed":
        masked = redactor.text(report.longreprtext)
        if masked != report.longreprtext or len(masked) > TAIL_BYTES:
            report.longrepr = tail(masked)
    report.sections = [(name, tail(redactor.text(content))) for name, content in report.sections]
