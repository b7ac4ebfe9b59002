"""Reports a run that may not start: the first check of each path fails with the reason."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from rollout.config.comparison import path_names
from rollout.config.options import Options
from rollout.config.plan import Plan, load_plan
from rollout.config.run import Run, forget
from rollout.deployment.preflight import RunRefused
from rollout.errors import RolloutError
from rollout.journal import JournalUnwritable
from rollout.phases.phase import describe
from suite import stash
from suite.checks import Check
from suite.phases import PASSED
from suite.preparation import refused_facts
from suite.report import configure_reports
from suite.terminal import open_console

_FILE = "deploy_tests/test_01_prerequisites.py"


def show_refusal(config: pytest.Config, options: Options, refused: RunRefused) -> None:
    """Make this session report why the run is refused. It writes reports and nothing else."""
    try:
        names, rehearsal = path_names(options), options.source == "rehearsal"
        plans = tuple(
            load_plan(path, stage=options.stage, rehearsal=rehearsal, name=names[path]).through(options.through)
            for path in options.paths
        )
        run = Run(options)
    except RolloutError as error:
        raise pytest.UsageError(f"{refused} {error}") from None
    gate = [plan.name for path, plan in zip(options.paths, plans, strict=True) if path in options.gate]
    run.journal.subscribe(open_console(config))
    try:
        run.journal.record("run.started", **refused_facts(options, plans), gate=gate)
    except JournalUnwritable as error:
        run.close(settled=True)
        forget(options.state, run.id)  # nothing was done, so no undo is pending
        raise pytest.UsageError(f"{refused} {error}") from None
    config.stash[stash.RUN] = run
    errors = {refusal.plan: refusal.error for refusal in refused.refusals}
    for plan in plans:
        _journal(run, plan, errors.get(plan.name, _error_of_other_paths(refused)))
    configure_reports(config)
    config.pluginmanager.register(_Refused(run, plans, errors), "rollout-refused")


def _error_of_other_paths(refused: RunRefused) -> RolloutError:
    """The error for a path that is refused because another path is."""
    first = refused.refusals[0]
    error = RolloutError(f"Not started, because the path {first.plan} cannot start: {first.error.message}",
                         advice=first.error.advice)  # fmt: skip
    error.cause = first.error.cause
    return error


def _journal(run: Run, plan: Plan, error: RolloutError) -> None:
    """Journal the path: its first phase is refused, the others are blocked by it. No act is announced."""
    first, *others = plan.phase_names
    tell = run.journal.tell
    tell("path.started", path=plan.name, phases=list(plan.phase_names), through=plan.phase_names[-1],
         attempts=list(plan.groups))  # fmt: skip
    tell("phase.started", path=plan.name, phase=first, before="")
    tell("phase.finished", path=plan.name, phase=first, outcome="refused", seconds=0.0, restored=False, attempts=0,
         failure=describe(error, run.folder), key=None)  # fmt: skip
    for phase in others:
        tell("phase.blocked", path=plan.name, phase=phase, by=first)
    tell("path.finished", path=plan.name, outcome="refused", seconds=0.0)


class _Refused:
    """pytest hooks that show the refusal in place of tests."""

    def __init__(self, run: Run, plans: tuple[Plan, ...], errors: dict[str, RolloutError]) -> None:
        self._run = run
        self._plans = plans
        self._errors = errors
        self._began = time.monotonic()

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self, session: pytest.Session) -> bool:
        session.testscollected = len(self._errors)
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        hook = session.config.hook
        for plan in self._plans:
            if plan.name not in self._errors:
                continue
            for report in _reports(plan, self._errors[plan.name], is_alone=len(self._plans) == 1):
                if report.when == "setup":
                    hook.pytest_runtest_logstart(nodeid=report.nodeid, location=report.location)
                hook.pytest_runtest_logreport(report=report)
                if report.when == "teardown":
                    hook.pytest_runtest_logfinish(nodeid=report.nodeid, location=report.location)
        return True

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        reason = ", ".join(f"path {plan.name}: refused" for plan in self._plans)
        self._run.journal.tell("run.finished", exit_code=int(session.exitstatus), reason=reason,
                               seconds=round(time.monotonic() - self._began, 3))  # fmt: skip

    def pytest_unconfigure(self) -> None:
        self._run.close(settled=True)


def _reports(plan: Plan, error: RolloutError, *, is_alone: bool) -> Iterator[pytest.TestReport]:
    """The reports of the path's first check, which fails with the obstacle."""
    phase = plan.phase_names[0]
    name = f"test_{phase}_{PASSED}"
    nodeid = f"{_FILE}::{name}" if is_alone else f"{plan.name}/{_FILE}::{name}"
    common: dict[str, Any] = {"nodeid": nodeid, "location": (_FILE, 0, name), "keywords": {}}
    cause = error.cause or "unknown"
    for when in ("setup", "call", "teardown"):
        is_call = when == "call"
        report = pytest.TestReport(
            **common, when=when, outcome="failed" if is_call else "passed", longrepr=str(error) if is_call else None,
            user_properties=[("path", plan.name), ("phase", phase), ("cause", cause)],
        )  # fmt: skip
        report.check = Check(  # type: ignore[attr-defined]
            path=plan.name, phase=phase, sentence=name.removeprefix("test_").replace("_", " "), doc="",
            outcome=report.outcome, cause=cause if is_call else "", message=str(error) if is_call else "",
        )  # fmt: skip
        yield report
