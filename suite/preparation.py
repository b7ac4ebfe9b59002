"""Prepares a run: recovers earlier runs, and selects source, forge and database."""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

import rollout
from rollout.config.cache_folder import check_cache
from rollout.config.options import ROOT, Options
from rollout.config.plan import Plan
from rollout.deployment import preflight
from rollout.errors import EngineUnfit
from rollout.faults import Means
from rollout.hex.errors import SourceUnavailable
from rollout.hex.http_client import UNTRUSTED, make_client
from rollout.hex.sources import RehearsalSource, is_rehearsal
from rollout.hex.upstreams import Upstreams, choose_git, choose_npm, choose_source
from rollout.journal import Journal
from rollout.production.predecessor import find_predecessor
from rollout.rehearsal import load_scenario, registry_folder
from rollout.rollback import recovery
from rollout.site.engine.client import Engine
from rollout.site.engine.discovery import find_engine
from rollout.site.engine.sharing import Sharing
from rollout.site.folder_check import require_no_pattern
from rollout.site.selection import (
    Choice,
    choose_database,
    choose_forge,
    choose_sharing,
    require_containers_offline,
    require_isolation,
    require_own_server,
)
from rollout.site.source_copy import refuse_scripts
from rollout.site.store.objects import Store
from suite.project import refuse_project, title_in

_ONLY_TELLS = (
    "collectonly", "help", "version", "markers", "showfixtures", "show_fixtures_per_test", "setupplan", "setuponly",
    "cacheshow",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """The selected package source, forge and database, with reasons."""

    upstreams: Upstreams
    source_why: str
    forge: Choice
    database: Choice
    engine: Engine | None
    sharing: Sharing | None = None

    @property
    def is_rehearsal(self) -> bool:
        return is_rehearsal(self.upstreams.hex)

    @property
    def means(self) -> Means:
        """What is available to inject faults."""
        return Means(forge=self.forge.kind, database=self.database.kind, is_root=os.geteuid() == 0,
                     signs=isinstance(self.upstreams.hex, RehearsalSource))  # fmt: skip


def is_main_job(config: pytest.Config) -> bool:
    """Whether this pytest deploys: it selects checks of deploy_tests/ and runs them."""
    return selects_checks(config) and not only_prints(config)


def only_prints(config: pytest.Config) -> bool:
    """Whether an option of pytest shows something (fixtures, cache, set-up) instead of running tests."""
    return any(config.getoption(name, None) not in (None, False) for name in _ONLY_TELLS)


def selects_checks(config: pytest.Config) -> bool:
    """Whether the selected files include checks of deploy_tests/, through any link or relative path."""
    checks = (ROOT / "deploy_tests").resolve()
    return any(
        path == checks or checks in path.parents or path in checks.parents for path in map(_selected, config.args)
    )


def _selected(argument: str) -> Path:
    """The file or folder that an argument of pytest selects, with links and `..` resolved."""
    name = argument.partition("::")[0]
    if not Path(name).exists() and name.partition(".")[0] == "deploy_tests":  # --pyargs
        return ROOT / name.replace(".", "/")
    return Path(name).resolve()


def recover_and_check(options: Options) -> tuple[recovery.Recovered, ...]:
    """Reject a run that cannot start, recover killed runs, and check again. Returns the recovered runs.

    Nothing is read or changed before the first check. Raises RunRefused, UsageError, FolderUnwritable.
    """
    preflight.refuse(options, before_recovery=True)
    refuse_project(options)
    refuse_scripts(options)  # lists the files of a script, so it comes after the checks that need lstat only
    recovered = recover_first(options)
    if recovered:
        preflight.refuse(options, before_recovery=False)
    return recovered


def recover_first(options: Options) -> tuple[recovery.Recovered, ...]:
    """Recover killed runs, and return them. Raises FolderUnwritable if the cache cannot be used."""
    check_cache(options.cache)
    return recovery.recover(options.state, options.reports, store(options), print)


def journal_recovered(journal: Journal, recovered: tuple[recovery.Recovered, ...]) -> None:
    """Journal which earlier runs were recovered."""
    for earlier in recovered:
        journal.record("recovery.finished", of=earlier.run, outcome="dirty" if earlier.left else "restored",
                       residue=list(earlier.left))  # fmt: skip


def store(options: Options) -> Store:
    """The store of file contents for checkpoints and undo records."""
    return Store(options.cache)


def make_choices(options: Options, plans: tuple[Plan, ...]) -> Choices:
    """Select source, forge and database. Raises RolloutError if the user named one that is not available."""
    found = find_engine()
    sharing = choose_sharing(options, found)
    unfit = sharing if isinstance(sharing, EngineUnfit) else None
    forge, database = choose_forge(options.forge, found, unfit), choose_database(options, found, unfit)
    if forge.kind == "host":
        require_no_pattern(options.directory)
    require_containers_offline(options, forge, database)
    if options.offline and isinstance(sharing, Sharing):
        require_isolation(sharing)
    for plan in plans:
        require_own_server(options, plan, database)
    if options.predecessor:
        find_predecessor(options.predecessor, found if isinstance(found, Engine) and not unfit else None)
    upstreams, why = _upstreams(options)
    engine = found if isinstance(found, Engine) else None
    return Choices(
        upstreams=upstreams, source_why=why, forge=forge, database=database,
        engine=None if unfit else engine, sharing=sharing if isinstance(sharing, Sharing) else None,
    )  # fmt: skip


def _upstreams(options: Options) -> tuple[Upstreams, str]:
    """The upstreams of the gateway, and the reason. A source that the user named has to answer."""
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
            raise SourceUnavailable(source=chosen.source.description, reason=reach.reason or reach.state,
                                    is_untrusted=reach.state == UNTRUSTED)  # fmt: skip
    git = choose_git(options.git_source, source=chosen.source)
    return Upstreams(hex=chosen.source, npm=choose_npm(chosen.source, client=client), git=git), chosen.why


def run_facts(options: Options, chosen: Choices, plans: tuple[Plan, ...]) -> dict[str, Any]:
    """The facts of the event `run.started`."""
    source, engine, forge, database = chosen.upstreams.hex, chosen.engine, chosen.forge, chosen.database
    in_engine = f"{engine.kind} {engine.version}" if engine and forge.kind == "container" else ""
    if in_engine and chosen.sharing is not None:
        in_engine += f", as {chosen.sharing.describe()}"
    return {
        **_common_facts(options, plans),
        "source": {
            "kind": source.kind,
            "detail": source.description,
            "why": chosen.source_why,
            "rehearsal": chosen.is_rehearsal,
        },
        "forge": {
            "kind": forge.kind,
            "detail": in_engine,
            "why": forge.why,
            "engine": engine.settings() if engine else {},
        },
        "database": {"kind": database.kind, "detail": "", "why": database.why},
    }


def refused_facts(options: Options, plans: tuple[Plan, ...]) -> dict[str, Any]:
    """The facts of `run.started` for a refused run. Nothing was selected, so they hold the options."""
    source, forge, database = (asked.partition(":")[0] for asked in (options.source, options.forge, options.database))
    why = "the run was refused before this was selected"
    kind = {"auto": "unknown", "postgresql": "url", "postgres": "url"}
    return {
        **_common_facts(options, plans),
        "source": {"kind": kind.get(source, source), "detail": options.source, "why": why,
                   "rehearsal": source == "rehearsal"},
        "forge": {"kind": kind.get(forge, forge), "detail": "", "why": why},
        "database": {"kind": kind.get(database, database), "detail": "", "why": why},
    }  # fmt: skip


def _common_facts(options: Options, plans: tuple[Plan, ...]) -> dict[str, Any]:
    return {
        "pid": os.getpid(),
        "argv": sys.argv,
        "application": title_in(options),
        "options": {name: str(getattr(options, name)) for name in Options.__slots__},
        "host": {
            "os": platform.platform(),
            "cpus": os.cpu_count(),
            "memory": psutil.virtual_memory().total,
        },
        "versions": {"rollout": rollout.__version__, "python": platform.python_version(), "pytest": pytest.__version__},
        "paths": [plan.name for plan in plans],
        "plan": {plan.name: _phases(plan) for plan in plans},
    }


def _phases(plan: Plan) -> list[dict[str, Any]]:
    return [
        {
            "name": phase.name,
            "description": phase.description,
            "optional": phase.optional,
            "packages": [{"name": p.name, "requirement": p.requirement} for p in phase.packages],
        }
        for phase in plan.phases
    ]
