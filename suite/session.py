"""The main job: recover what is owed, choose source, forge and database, open the run; and the verbs that only tell."""

from __future__ import annotations

import os
import platform
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

import rollout
from rollout import doctor, planning, recovery
from rollout.deployment import Deployment
from rollout.errors import RolloutError
from rollout.hex.choosing import Upstreams, choose_git, choose_npm, choose_source
from rollout.hex.errors import SourceUnavailable
from rollout.hex.sources import RehearsalSource, is_rehearsal
from rollout.hex.transport import make_client
from rollout.interrupts import Interrupts
from rollout.options import ROOT, Options
from rollout.plan import Plan, load_plan
from rollout.rehearsal import load_scenario, registry_folder
from rollout.run import Run
from rollout.site.choice import Choice, choose_database, choose_forge, refuse_what_cannot_be_offline
from rollout.site.engine import Engine, find_engine
from rollout.site.site import Site
from rollout.site.store import Store
from suite import keys
from suite.options import options_of, refuse_what_breaks_phases
from suite.report import configure_reports
from suite.terminal import open_console

_ONLY_TELLS = ("collectonly", "help", "version", "markers", "showfixtures", "show_fixtures_per_test", "setupplan")


@dataclass(kw_only=True)
class Session:
    """What was chosen for this invocation, and the run that was opened for it."""

    options: Options
    plan: Plan
    run: Run
    upstreams: Upstreams
    forge: Choice
    database: Choice
    engine: Engine | None
    interrupts: Interrupts
    deployment: Deployment | None = None
    began: float = field(default_factory=time.monotonic)

    def deploy(self) -> Deployment:
        """Put the path on a site. Called once, by the `deployment` fixture."""
        site = Site(
            self.options,
            self.run,
            engine=self.engine,
            upstreams=self.upstreams,
            forge=self.forge.kind,
            database=self.database.kind,
        )
        self.deployment = Deployment(self.run, site, self.plan, self.interrupts)
        return self.deployment


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> int | None:
    """`--plan`, `--doctor` and `--recover` answer and stop."""
    if config.getoption("help") or config.getoption("version"):
        return None
    options = options_of(config)
    try:
        if options.doctor:
            return doctor.print_report(options)
        if options.plan:
            print(planning.describe(load_plan(options.path).through(options.through), options))
            return 0
        if options.recover:
            done = recovery.recover(options.state, options.reports, _store(options), print)
            left = [line for item in done for line in item.left]
            print("Nothing is owed." if not left else f"{len(left)} thing(s) still owed.")
            return 1 if left else 0
    except RolloutError as error:
        print(f"ERROR: {error}", file=sys.stderr)
        return 4
    return None


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Open the run before any reporting plugin looks for its folder."""
    options = config.stash[keys.OPTIONS] = options_of(config)
    if not is_main_job(config) or options.doctor or options.plan or options.recover:
        return
    refuse_what_breaks_phases(config)
    try:
        session = _begin(config, options)
    except RolloutError as error:
        raise pytest.UsageError(str(error)) from None
    config.stash[keys.SESSION] = session
    config.stash[keys.RUN] = session.run
    configure_reports(config)


def is_main_job(config: pytest.Config) -> bool:
    """True where this invocation deploys: it selects checks of deploy_tests/ and is not one of those that only tell."""
    if any(config.getoption(name, False) for name in _ONLY_TELLS):
        return False
    checks = ROOT / "deploy_tests"
    selected = [Path(argument.split("::")[0]).absolute() for argument in config.args]
    return config.rootpath == ROOT and any(
        path == checks or checks in path.parents or path in checks.parents for path in selected
    )


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The last selected phase, after -k and its like have deselected, is where the path stops."""
    session = config.stash.get(keys.SESSION, None)
    if session is None:
        return
    names = [name for item in items for mark in item.iter_markers("phase") for name in mark.args]
    known = [name for name in session.plan.phase_names if name in names]
    if known:
        session.plan = session.plan.through(known[-1])


def pytest_sessionstart(session: pytest.Session) -> None:
    begun = session.config.stash.get(keys.SESSION, None)
    if begun is not None:
        begun.interrupts.install()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.failed and _current is not None and _current.deployment is not None:
        _current.deployment.failed_checks += 1


def pytest_keyboard_interrupt() -> None:
    if _current is not None:
        _current.run.journal.record("run.interrupted", signal=_current.interrupts.received or "SIGINT")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """After the last rollback, before the reports: how the run ended."""
    begun = session.config.stash.get(keys.SESSION, None)
    if begun is not None:
        session.exitstatus = _end(begun, int(session.exitstatus))


def pytest_unconfigure(config: pytest.Config) -> None:
    begun = config.stash.get(keys.SESSION, None)
    if begun is not None:
        begun.run.close(settled=begun.deployment is None or begun.deployment.is_settled)
        del config.stash[keys.SESSION]


def _end(session: Session, exit_code: int) -> int:
    """Journal the end of the run; returns the exit code: 0 only where the path is deployed and every check passed."""
    deployment = session.deployment
    outcome = deployment.outcome() if deployment else "refused"
    if exit_code == 0 and outcome != "deployed":
        exit_code = 1
    session.run.journal.record(
        "run.finished",
        exit_code=exit_code,
        seconds=round(time.monotonic() - session.began, 3),
        reason=_reason(outcome, deployment),
    )
    session.interrupts.uninstall()
    return exit_code


def _reason(outcome: str, deployment: Deployment | None) -> str:
    if deployment is None:
        return "no check asked for a deployment"
    failed = f", {deployment.failed_checks} check(s) failed" if deployment.failed_checks else ""
    return f"path {deployment.plan.name}: {outcome}{failed}"


_current: Session | None = None


def _begin(config: pytest.Config, options: Options) -> Session:
    global _current  # noqa: PLW0603 - hooks without a config argument need it
    plan = load_plan(options.path).through(options.through)
    recovery.recover(options.state, options.reports, _store(options), print)
    found = find_engine()
    engine = found if isinstance(found, Engine) else None
    forge, database = choose_forge(options.forge, found), choose_database(options, found)
    refuse_what_cannot_be_offline(options, forge, database)
    upstreams, why = _upstreams(options)
    run = Run(options)
    _current = Session(
        options=options,
        plan=plan,
        run=run,
        upstreams=upstreams,
        forge=forge,
        database=database,
        engine=engine,
        interrupts=Interrupts(),
    )
    run.journal.subscribe(open_console(config))
    run.journal.record("run.started", **_facts(_current, source_why=why))
    return _current


def _upstreams(options: Options) -> tuple[Upstreams, str]:
    """What stands behind the gateway, and why. A source that is asked for by name has to answer."""
    client = make_client()
    chosen = choose_source(
        options.source,
        client=client,
        cache=options.cache,
        state=options.state,
        rehearsal=registry_folder(load_scenario(options.scenario), options.cache / "rehearsal"),
        key_file=options.source_key,
        ci=options.ci,
    )
    if not isinstance(chosen.source, RehearsalSource):
        reach = chosen.source.probe()
        if not reach.is_reachable:
            raise SourceUnavailable(source=chosen.source.description, reason=reach.reason or reach.state)
    git = choose_git(options.git_source, source=chosen.source)
    return Upstreams(hex=chosen.source, npm=choose_npm(chosen.source, client=client), git=git), chosen.why


def _facts(session: Session, *, source_why: str) -> dict[str, Any]:
    options, plan, source, engine = session.options, session.plan, session.upstreams.hex, session.engine
    forge, database = session.forge, session.database
    in_engine = f"{engine.kind} {engine.version}" if engine and forge.kind == "container" else ""
    return {
        "pid": os.getpid(),
        "argv": sys.argv,
        "options": {name: str(getattr(options, name)) for name in Options.__slots__},
        "source": {
            "kind": source.kind,
            "detail": source.description,
            "why": source_why,
            "rehearsal": is_rehearsal(source),
        },
        "forge": {"kind": forge.kind, "detail": in_engine, "why": forge.why},
        "database": {"kind": database.kind, "detail": "", "why": database.why},
        "host": {
            "os": platform.platform(),
            "cpus": os.cpu_count(),
            "memory": psutil.virtual_memory().total,
        },
        "versions": {"rollout": rollout.__version__, "python": platform.python_version(), "pytest": pytest.__version__},
        "paths": [plan.name],
        "plan": {
            plan.name: [
                {
                    "name": phase.name,
                    "description": phase.description,
                    "optional": phase.optional,
                    "packages": [{"name": p.name, "requirement": p.requirement} for p in phase.packages],
                }
                for phase in plan.phases
            ]
        },
    }


def _store(options: Options) -> Store:
    return Store(options.cache / "objects")
