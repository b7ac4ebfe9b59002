"""The main job: recovers earlier runs, makes the choices, opens the run. Also --plan, --doctor, --recover."""

from __future__ import annotations

import gc
import sys
import time

import pytest

from rollout import environment
from rollout.campaign import newest_results
from rollout.cli import doctor, plan_preview
from rollout.config.comparison import path_names, refuse_unknown_groups
from rollout.config.options import LIST, ROOT, Options
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
from rollout.text.standard_streams import accept_everything, restart_with_open_outputs
from suite import stash
from suite.campaign import campaign
from suite.conductor import conduct
from suite.options import options_of, refuse_what_breaks_phases
from suite.phases import PASSED, group_of
from suite.preparation import (
    Chosen,
    choose,
    is_main_job,
    make_way,
    only_tells,
    run_facts,
    selects_checks,
    store,
    tell_recovered,
)
from suite.refusal import show_refusal
from suite.report import configure_reports
from suite.session import Session
from suite.terminal import open_console


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> int | None:
    """`--plan`, `--doctor` and `--recover` answer and stop."""
    if config.getoption("help") or config.getoption("version"):
        return None
    restart_with_open_outputs()
    accept_everything()
    try:
        environment.refuse_few_files()
    except UsageError as error:
        raise pytest.UsageError(str(error)) from None
    options = options_of(config)
    for line in () if hasattr(config, "workerinput") else environment.warnings():
        print(line, file=sys.stderr)
    if config.getoption("setuponly") and selects_checks(config):
        config.option.setupplan = True  # setting up phases is deploying; what would be set up is shown instead
    try:
        if options.doctor:
            return doctor.print_report(options)
        if options.plan:
            # What `auto` will find is not looked at: then it is the plan for real packages.
            rehearsal = options.source == "rehearsal"
            names = path_names(options)
            plans = [
                load_plan(path, rehearsal=rehearsal, called=names[path]).through(options.through)
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
    """Open the run before any reporting plugin looks for its folder."""
    options = config.stash[stash.OPTIONS] = options_of(config)
    if not is_main_job(config) or options.only_tells:
        return
    refuse_what_breaks_phases(config)
    if config.pluginmanager.has_plugin("hypothesispytest"):
        # It imports all of Hypothesis at the end, to find that it has nothing to say.
        config.pluginmanager.unregister(name="hypothesispytest")
    gc.freeze()  # what is imported stays; to look through it again and again would take long
    try:
        if options.campaign:
            campaign(config, options)
            return
        if len(options.paths) > 1:
            conduct(config, options)
            return
        session = _begin(config, options)
    except RunRefused as refused:
        show_refusal(config, options, refused)
        return
    except RolloutError as error:
        raise pytest.UsageError(str(options.as_given(error))) from None
    config.stash[stash.SESSION] = session
    config.stash[stash.RUN] = session.run
    configure_reports(config)


def pytest_report_header(config: pytest.Config) -> str | None:
    if config.getoption("setupplan") and selects_checks(config):
        return "Shown only: nothing is deployed, no check is asked."
    return None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The last selected phase, after -k and its like have deselected, is where the path stops."""
    session = config.stash.get(stash.SESSION, None)
    if session is None:
        if any(group_of(item) for item in items) and not only_tells(config) and stash.RUN not in config.stash:
            raise pytest.UsageError(f"Checks of {ROOT / 'deploy_tests'} were selected, but this pytest opens no run. "
                                    "Name their files or folder by path.")  # fmt: skip
        return
    # Where a fault strikes a phase and no check asks for more than that phases pass, nobody looks between them.
    struck = session.spec is not None and session.spec.phase is not None
    session.defers_restoring = struck and all(item.name.endswith(PASSED) for item in items)
    names = [name for item in items for mark in item.iter_markers("phase") for name in mark.args]
    known = [phase.name for phase in session.plan.phases if not set(phase.groups).isdisjoint(names)]
    if known:
        session.plan = session.plan.through(known[-1])


def pytest_sessionstart(session: pytest.Session) -> None:
    begun = session.config.stash.get(stash.SESSION, None)
    if begun is not None:
        begun.interrupts.install()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.failed and _current is not None and _current.deployment is not None:
        _current.deployment.failed_checks += 1


def pytest_keyboard_interrupt() -> None:
    if _current is not None:
        _current.run.journal.tell("run.interrupted", signal=_current.interrupts.received or "SIGINT")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """After the last rollback, before the reports: how the run ended."""
    begun = session.config.stash.get(stash.SESSION, None)
    if begun is not None:
        session.exitstatus = _end(begun, int(session.exitstatus))


def pytest_unconfigure(config: pytest.Config) -> None:
    begun = config.stash.get(stash.SESSION, None)
    if begun is not None:
        begun.run.close(settled=begun.deployment is None or begun.deployment.is_settled)
        del config.stash[stash.SESSION]


def _end(session: Session, exit_code: int) -> int:
    """Journal the end of the run; returns the exit code: 0 only where the path is deployed and every check passed."""
    deployment = session.deployment
    outcome = deployment.outcome() if deployment else "refused"
    unmet = deployment.unmet if deployment else ()
    if exit_code == 0 and (outcome != "deployed" or unmet):
        exit_code = 1
    session.run.journal.tell(
        "run.finished",
        exit_code=exit_code,
        seconds=round(time.monotonic() - session.began, 3),
        reason=_reason(outcome, deployment, unmet),
    )
    # A comparison remembers its paths itself; what a fault did to a path says nothing about the path alone.
    if session.options.folder is None and session.spec is None:
        history.update(session.run.journal, session.options.state)
        newest_results.journal_newest(session.run)
    session.interrupts.uninstall()
    return exit_code


def _reason(outcome: str, deployment: Deployment | None, unmet: tuple[str, ...]) -> str:
    if deployment is None:
        return "no check asked for a deployment"
    failed = f", {deployment.failed_checks} check(s) failed" if deployment.failed_checks else ""
    missing = f", required groups without a passed check: {', '.join(unmet)}" if unmet else ""
    return f"path {deployment.plan.name}: {outcome}{failed}{missing}"


_current: Session | None = None


def _aimed(options: Options, plan: Plan, chosen: Chosen) -> FaultSpec | None:
    """The fault of `--fault`. Raises UsageError where it is invalid or cannot be injected on this site."""
    if not options.fault:
        return None
    spec = aim(options.fault, plan, seed=options.seed)
    refuse_unfit(spec, chosen.means)
    return spec


def _begin(config: pytest.Config, options: Options) -> Session:
    global _current  # noqa: PLW0603 - hooks without a config argument need it
    whole = load_plan(options.path)
    whole.through(options.through)  # invalid options are refused before anything is looked at or undone
    refuse_unknown_groups(options)
    recovered = make_way(options)
    chosen = choose(options, (whole,))
    called = path_names(options)[options.path]
    plan = load_plan(options.path, rehearsal=chosen.is_rehearsal, called=called).through(options.through)
    spec = _aimed(options, plan, chosen)
    run = Run(options)
    _current = Session(options=options, plan=plan, run=run, chosen=chosen, interrupts=Interrupts(), spec=spec)
    run.journal.subscribe(open_console(config))
    gate = [plan.name] if options.path in options.gate else []
    run.journal.record("run.started", **run_facts(options, chosen, (plan,)), gate=gate)
    tell_recovered(run.journal, recovered)
    return _current
