"""The main pytest plugin: prepares and opens a run, and ends it. It also runs --plan, --doctor and --recover."""

from __future__ import annotations

import gc
import sys
import time

import pytest

from rollout import environment
from rollout.campaign import newest_results
from rollout.cli import doctor, plan_preview
from rollout.config.comparison import path_names, refuse_unknown_groups
from rollout.config.flags import LIST
from rollout.config.options import ROOT, Options
from rollout.config.plan import Plan, load_plan
from rollout.config.run import Run
from rollout.deployment.deployment import Deployment
from rollout.deployment.interrupts import Interrupts
from rollout.deployment.preflight import RunRefused
from rollout.errors import RolloutError, UsageError
from rollout.faults import FaultSpec, aim
from rollout.faults.catalogue import listing, refuse_unfit
from rollout.results import history
from rollout.rollback import recovery
from rollout.text.standard_streams import make_outputs_safe, restart_with_open_outputs
from suite import baseline, stash
from suite.campaign import campaign
from suite.controller import run_paths
from suite.options import options_of, refuse_what_breaks_phases
from suite.phases import PASSED, group_of
from suite.preparation import (
    Choices,
    is_main_job,
    journal_recovered,
    make_choices,
    only_prints,
    recover_and_check,
    run_facts,
    selects_checks,
    store,
)
from suite.project import fitted, phase_modules, project_in
from suite.refusal import show_refusal
from suite.report import configure_reports
from suite.session import Session
from suite.terminal import open_console


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> int | None:
    """Run `--plan`, `--doctor`, `--recover` and `--fault=list`, which deploy nothing."""
    if config.getoption("help") or config.getoption("version"):
        return None
    restart_with_open_outputs()
    make_outputs_safe()
    try:
        environment.refuse_few_files()
    except UsageError as error:
        raise pytest.UsageError(str(error)) from None
    options = options_of(config)
    for line in () if hasattr(config, "workerinput") else environment.warnings():
        print(line, file=sys.stderr)
    if config.getoption("setuponly") and selects_checks(config):
        config.option.setupplan = True  # setting phases up would deploy, so pytest only shows the set-up
    try:
        if options.doctor:
            return doctor.print_report(options)
        if options.plan:
            # `auto` is not resolved here, so it means the plan for real packages.
            rehearsal = options.source == "rehearsal"
            names = path_names(options)
            plans = [
                fitted(load_plan(path, stage=options.stage, rehearsal=rehearsal, name=names[path]), options).through(
                    options.through
                )
                for path in options.paths
            ]
            print("\n\n".join(plan_preview.describe(plan, options) for plan in plans))
            return 0
        if options.fault == LIST:
            print(listing())
            return 0
        if options.recover:
            done = recovery.recover(options.state, options.reports, store(options), print)
            left = [line for item in done for line in item.left]
            print("No undo is pending." if not left else f"{len(left)} undo(s) still pending.")
            return 1 if left else 0
    except RolloutError as error:
        print(f"ERROR: {options.as_given(error)}", file=sys.stderr)
        return 4
    return None


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Open the run before a reporting plugin needs its folder."""
    options = config.stash[stash.OPTIONS] = options_of(config)
    if not is_main_job(config) or options.only_prints:
        return
    refuse_what_breaks_phases(config)
    if config.pluginmanager.has_plugin("hypothesispytest"):
        # It would import all of Hypothesis at the end for an empty report.
        config.pluginmanager.unregister(name="hypothesispytest")
    gc.freeze()  # imported objects stay; collecting them again and again would take long
    try:
        if options.campaign:
            campaign(config, options)
            return
        if len(options.paths) > 1:
            run_paths(config, options)
            return
        session = _begin(config, options)
    except RunRefused as refused:
        show_refusal(config, options, refused)
        return
    except RolloutError as error:
        raise pytest.UsageError(str(options.as_given(error))) from None
    for module in phase_modules(session.plan):
        config.pluginmanager.import_plugin(module)  # its fixtures replace those of the same name
    config.stash[stash.SESSION] = session
    config.stash[stash.RUN] = session.run
    configure_reports(config)


def pytest_report_header(config: pytest.Config) -> str | None:
    if config.getoption("setupplan") and selects_checks(config):
        return "Preview only: nothing is deployed, no check runs."
    return None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """End the plan with the last selected phase, after -k and similar options have deselected checks."""
    session = config.stash.get(stash.SESSION, None)
    if session is None:
        if any(group_of(item) for item in items) and not only_prints(config) and stash.RUN not in config.stash:
            raise pytest.UsageError(f"Checks of {ROOT / 'deploy_tests'} were selected, but this pytest opens no run. "
                                    "Name their files or folder by path.")  # fmt: skip
        return
    # If a fault strikes a phase, and the checks need only the results of phases, no check reads a state between them.
    struck = session.spec is not None and session.spec.phase is not None
    session.defers_restoring = struck and all(item.name.endswith(PASSED) for item in items)
    names = [name for item in items for mark in item.iter_markers("phase") for name in mark.args]
    known = [phase.name for phase in session.plan.phases if not set(phase.groups).isdisjoint(names)]
    if known:
        session.plan = session.plan.through(known[-1])


def pytest_sessionstart(session: pytest.Session) -> None:
    active = session.config.stash.get(stash.SESSION, None)
    if active is not None:
        active.interrupts.install()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.failed and _current is not None and _current.deployment is not None:
        _current.deployment.failed_checks += 1


def pytest_keyboard_interrupt() -> None:
    if _current is not None:
        _current.run.journal.tell("run.interrupted", signal=_current.interrupts.received or "SIGINT")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Journal the end of the run, after the last rollback and before the reports."""
    active = session.config.stash.get(stash.SESSION, None)
    if active is not None:
        session.exitstatus = _end(active, int(session.exitstatus))


def pytest_unconfigure(config: pytest.Config) -> None:
    active = config.stash.get(stash.SESSION, None)
    if active is not None:
        active.run.close(settled=active.deployment is None or active.deployment.is_settled)
        del config.stash[stash.SESSION]


def _end(session: Session, exit_code: int) -> int:
    """Journal the end of the run. Returns the exit code: 0 only if the path is deployed and every check passed."""
    deployment = session.deployment
    outcome = deployment.outcome() if deployment else "refused"
    unmet = deployment.unmet if deployment else ()
    if exit_code == 0 and (outcome != "deployed" or unmet):
        exit_code = 1
    exit_code = baseline.excused(session.run, session.options, exit_code, [session.plan.name])
    session.run.journal.tell(
        "run.finished",
        exit_code=exit_code,
        seconds=round(time.monotonic() - session.began, 3),
        reason=_reason(outcome, deployment, unmet),
    )
    # A comparison records its paths in the history itself. Runs with a fault are not recorded.
    if session.options.folder is None and session.spec is None:
        history.update(session.run.journal, session.options.state)
        newest_results.journal_newest(session.run)
    session.interrupts.uninstall()
    return exit_code


def _reason(outcome: str, deployment: Deployment | None, unmet: tuple[str, ...]) -> str:
    if deployment is None:
        return "no check needed a deployment"
    failed = f", {deployment.failed_checks} check(s) failed" if deployment.failed_checks else ""
    missing = f", required groups without a passed check: {', '.join(unmet)}" if unmet else ""
    return f"path {deployment.plan.name}: {outcome}{failed}{missing}"


_current: Session | None = None


def _aimed(options: Options, plan: Plan, chosen: Choices) -> FaultSpec | None:
    """The fault of `--fault`. Raises UsageError if it is invalid or cannot be injected on this site."""
    if not options.fault:
        return None
    spec = aim(options.fault, plan, seed=options.seed)
    refuse_unfit(spec, chosen.means)
    return spec


def _begin(config: pytest.Config, options: Options) -> Session:
    global _current  # noqa: PLW0603 - hooks without a config argument need it
    project = project_in(options)
    whole = load_plan(options.path, stage=options.stage)
    fitted(whole, options).through(options.through)  # invalid options are rejected before recovery starts
    refuse_unknown_groups(options)
    baseline.refuse_invalid(options)
    recovered = recover_and_check(options)
    chosen = make_choices(options, (whole,))
    name = path_names(options)[options.path]
    plan = load_plan(options.path, stage=options.stage, rehearsal=chosen.is_rehearsal, name=name)
    plan = fitted(plan, options).through(options.through)
    spec = _aimed(options, plan, chosen)
    run = Run(options)
    _current = Session(options=options, plan=plan, run=run, chosen=chosen, interrupts=Interrupts(), project=project,
                       spec=spec)  # fmt: skip
    run.journal.subscribe(open_console(config))
    gate = [plan.name] if options.path in options.gate else []
    run.journal.record("run.started", **run_facts(options, chosen, (plan,)), gate=gate)
    journal_recovered(run.journal, recovered)
    return _current
