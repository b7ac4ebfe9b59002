"""`--campaign`: runs the trials of a campaign, and reports each trial as a test."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import pytest

from rollout.campaign.campaign import Campaign, campaign_facts, start_campaign
from rollout.campaign.design import check_options, design, is_warm_up
from rollout.campaign.executors import check_cluster
from rollout.campaign.trial_log import FILE as LEDGER
from rollout.config.options import Options
from rollout.config.plan import load_plan
from rollout.config.run import Run
from rollout.deployment.interrupts import Interrupts
from rollout.errors import RolloutError
from rollout.journal.query import Event, last
from rollout.report.campaign.wording import expected_words
from rollout.report.campaign.writer import SUMMARY, read_campaign, write_campaign
from rollout.report.writer import write_whole
from rollout.results.campaign.trials import CONTROL, KILLS, Result, Specification
from rollout.results.verdict import as_json, verdict
from rollout.text.plain import duration, line
from suite import stash
from suite.checks import Check
from suite.preparation import journal_recovered, make_choices, recover_and_check, run_facts
from suite.report import configure_reports

_Outcome = Literal["passed", "failed", "skipped"]
_PROMISED: Final = "passed"
_BROKEN: Final = "failed"
_VOID: Final = "skipped"


@dataclass(kw_only=True)
class CampaignSession:
    """The session of a campaign."""

    campaign: Campaign
    run: Run
    interrupts: Interrupts
    began: float = field(default_factory=time.monotonic)
    earlier: Mapping[str, Any] = field(default_factory=dict)  # campaign.json of the previous session

    @property
    def seconds(self) -> float:
        """The duration of all sessions of the campaign. Sessions that were killed are not counted."""
        before = self.earlier.get("seconds")
        return round((before if isinstance(before, int | float) else 0.0) + time.monotonic() - self.began, 1)

    def end(self, exit_code: int) -> int:
        self.run.journal.tell("run.finished", exit_code=exit_code, seconds=round(time.monotonic() - self.began, 3),
                              reason=f"{len(self.campaign.results)} trials")  # fmt: skip
        self.interrupts.uninstall()
        return exit_code

    def journal(self, result: Result) -> None:
        trial = result.specification
        self.run.journal.record(
            "trial.finished",
            key=trial.key, kind=trial.kind, trial=trial.number, path=trial.path, fault=trial.fault, phase=trial.phase,
            form=trial.form, seed=trial.seed, outcome=result.outcome, settled=result.settled, bites=result.bites,
            promised=self.campaign.design.is_as_promised(result), seconds=result.seconds,
        )  # fmt: skip


def campaign(config: pytest.Config, options: Options) -> None:
    """Make this session a campaign. Raises RolloutError."""
    check_options(options)
    recovered = recover_and_check(options)
    chosen = make_choices(options, tuple(load_plan(path) for path in options.campaign_paths))
    designed = design(options, is_rehearsal=chosen.is_rehearsal, means=chosen.means)
    if options.cluster is not None:
        check_cluster(options.cluster)
    run = Run(options)
    config.stash[stash.RUN] = run
    run.journal.record("run.started", **run_facts(options, chosen, ()), gate=[])
    journal_recovered(run.journal, recovered)
    found = start_campaign(designed, run.folder)
    found.trial_log.link_from(run.folder)
    session = CampaignSession(campaign=found, run=run, interrupts=Interrupts(), earlier=read_campaign(found.folder))
    configure_reports(config, records=False, write=lambda events: _write(session, events))
    config.pluginmanager.register(_Hooks(session, config), "rollout-campaign")


def _write(session: CampaignSession, events: Sequence[Event]) -> str:
    """Write the reports of the campaign. Returns the summary."""
    folder, judged = session.campaign.folder, verdict(events)
    started = last(events, "run.started")
    data = {
        "run": folder.name,
        "started": session.earlier.get("started") or started.get("t"),
        "source": {"kind": judged.source_kind, "detail": judged.source_detail},
        "forge": judged.forge_kind,
        "database": judged.database_kind,
        "rehearsal": judged.rehearsal,
        "seconds": session.seconds,
        **campaign_facts(session.campaign),
    }
    for place in {folder, session.run.folder}:  # a resumed campaign has its own folder
        write_whole(place / "verdict.json", json.dumps(as_json(judged), indent=2, ensure_ascii=False) + "\n")
        write_campaign(place, data)
    return (folder / SUMMARY).read_text(encoding="utf-8")


class _Hooks:
    """pytest hooks that run trials instead of tests."""

    def __init__(self, session: CampaignSession, config: pytest.Config) -> None:
        self._session = session
        self._config = config

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> bool:
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self._session.interrupts.install()
        try:
            self._run_trials(session)
        except RolloutError as error:  # for example, the cluster is gone
            raise pytest.UsageError(str(error)) from None
        return True

    def _run_trials(self, session: pytest.Session) -> None:
        campaign = self._session.campaign
        printed: set[str] = set()
        for result in campaign.trial_log.results:  # those of earlier sessions are reported too
            self._report(session, result)
        self._print_left_out(printed)
        with contextlib.closing(campaign.run_trials()) as results:  # closing it interrupts running trials
            for result in results:
                self._print_left_out(printed)
                self._session.journal(result)
                self._print_result(result)
                self._report(session, result)

    def _report(self, session: pytest.Session, result: Result) -> None:
        session.testscollected += 1
        for report in _reports(self._session.campaign, result):
            self._config.hook.pytest_runtest_logreport(report=report)
            session.testsfailed += report.failed

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: object) -> tuple[str, str, str] | None:
        """Print no dot: a trial has its own line."""
        outcome = str(getattr(report, "outcome", ""))
        return (outcome if getattr(report, "when", "") == "call" else "", "", "")

    def pytest_keyboard_interrupt(self) -> None:
        self._session.run.journal.tell("run.interrupted", signal=self._session.interrupts.received or "SIGINT")

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        session.exitstatus = self._session.end(int(session.exitstatus))

    def pytest_unconfigure(self) -> None:
        self._session.run.close(settled=True)  # pending undos are in the journals of the trials

    def _print_left_out(self, printed: set[str]) -> None:
        """Print each left-out path once. Some are known only after the warm-up."""
        for name, why in self._session.campaign.left_out.items():
            if name not in printed:
                self._line(f"left out: {name}: {why}")
            printed.add(name)

    def _print_result(self, result: Result) -> None:
        campaign = self._session.campaign
        count = f"{len(campaign.results)}/{campaign.planned}" if campaign.planned is not None else len(campaign.results)
        remaining = campaign.remaining()
        left = f", about {duration(remaining)} left" if remaining is not None else ""
        good = _outcome(campaign, result)
        colour = {"passed": "green", "failed": "red"}.get(good, "yellow")
        self._line(f"[{count}{left}] {trial_name(result.specification)}: {describe_result(result)}", **{colour: True})

    def _line(self, text: str, **markup: bool) -> None:
        reporter = self._config.pluginmanager.getplugin("terminalreporter")
        if reporter is not None:
            reporter.write_line(text, **markup)


def trial_name(trial: Specification) -> str:
    """A trial in words: `realistic registry_503@ash_core:transient`."""
    if is_warm_up(trial):
        return f"{trial.path} {trial.arm}"
    if trial.kind == CONTROL:
        return f"{trial.path} control {trial.arm}"
    return f"{trial.path} {KILLS} at {trial.at:g} s" if trial.kind == KILLS else f"{trial.path} {trial.fault_option}"


def describe_result(result: Result) -> str:
    """The result of a trial, in words."""
    bite = f", bit {result.bites}x" if result.bites else ""
    settled = f", then {result.settled}" if result.settled != result.outcome else ""
    cause = f" ({result.cause})" if result.cause and result.outcome != "deployed" else ""
    left = f"; LEFT: {line('; '.join((*result.owed, *result.changed)), 300)}" if result.owed or result.changed else ""
    return f"{result.outcome}{settled}{cause}{bite}, {duration(result.seconds)}{left}"


def _outcome(campaign: Campaign, result: Result) -> _Outcome:
    if not campaign.design.is_as_promised(result):
        return _BROKEN
    return _PROMISED if result.bit else _VOID


def _reports(campaign: Campaign, result: Result) -> Iterator[pytest.TestReport]:
    """The test reports of a trial: set-up, call and teardown."""
    trial = result.specification
    outcome = _outcome(campaign, result)
    nodeid = f"{LEDGER}::{trial.path}::{trial.fault_option or trial.kind}{trial.arm}[{trial.seed}]"
    expected = expected_words(campaign.design.expected(trial))
    message = f"{describe_result(result)}; expected: {expected}. {result.message}"
    explanation: Any = None
    if outcome == _BROKEN:
        explanation = message
    elif outcome == _VOID:
        explanation = (LEDGER, trial.number, "Skipped: void: the fault never bit")
    common: dict[str, Any] = {"nodeid": nodeid, "location": (LEDGER, trial.number, trial_name(trial)), "keywords": {}}
    for when in ("setup", "call", "teardown"):
        is_call = when == "call"
        report = pytest.TestReport(
            **common, when=when, outcome=outcome if is_call else _PROMISED, longrepr=explanation if is_call else None,
            duration=result.seconds if is_call else 0.0,
            user_properties=[("path", trial.path), ("phase", trial.phase), ("fault", trial.fault), ("key", trial.key)],
        )  # fmt: skip
        report.check = Check(  # type: ignore[attr-defined]
            path=trial.path, phase=trial.phase or trial.kind, sentence=trial_name(trial), doc=f"Expected: {expected}.",
            outcome=report.outcome, cause=result.cause or "", message=message,
        )  # fmt: skip
        yield report
