"""Runs one trial: a pytest run beside decoys, then recovery, then a search for residue.

`run_trial` depends only on the specification and the settings, so a trial is the same on every machine.
"""

from __future__ import annotations

import os
import random
import shlex
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rollout import environment
from rollout.campaign.decoys import Decoys, decoys
from rollout.campaign.foreign_server import foreign_server
from rollout.campaign.trial_folders import ROLLBACK_SECONDS, TrialFolders, prepare_folders
from rollout.campaign.trial_settings import TrialSettings
from rollout.config.flags import arguments, defaults
from rollout.config.options import CONDUCTOR, ROOT, RUN_FOLDER
from rollout.errors import RolloutError
from rollout.installation import pytest_command, run_command
from rollout.journal import Redactor
from rollout.journal.query import Event, last, run_of, texts
from rollout.process import Background, start
from rollout.results.campaign.trials import KILLS, Result, Specification
from rollout.results.outcomes import PathVerdict
from rollout.results.verdict import verdict
from rollout.site import postgres
from rollout.site.fingerprint import Fingerprint, residue

_REMOVED_VARIABLES = ("XAVOS_", "CI", "GITHUB_", "PYTHONDONTWRITEBYTECODE")
# Plugins that a trial does not need. Its result comes from its journal, so it draws no report.
_DISABLED_PLUGINS = ("cacheprovider", "rollout-report", "hypothesispytest", "anyio")
_MOST_LINES = {"left": 20, "owed": 20, "changed": 50}
_running: dict[Background, str] = {}  # process of a run → session of its campaign
_interrupted: set[str] = set()  # sessions


@dataclass(frozen=True, slots=True, kw_only=True)
class _RunEnd:
    code: int | None
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _AfterRecovery:
    """What was found after recovery: undos that it could not execute, differences, and its duration."""

    owed: Sequence[str]
    changed: Sequence[str]
    recovery_seconds: float


def run_trial(trial: Specification, settings: TrialSettings) -> Result:
    """Run the trial. Any outcome of its run is a result.

    Raises OSError if the folders cannot be written, TrialAlive or TrialCancelled.
    """
    folders = prepare_folders(trial, settings)
    name = f"x{trial.key[:8]}"
    with foreign_server(trial, folders) as server, decoys(
        folders.sites, name, rng=random.Random(trial.seed), server=server  # noqa: S311 - repeatable, not secret
    ) as beside:  # fmt: skip
        before = beside.snapshot()
        ended = _run(trial, settings, folders, beside, server)
        began = time.monotonic()
        owed, recovered = folders.recover()
        recovery = round(time.monotonic() - began, 2) if recovered else 0.0
        events = folders.events()
        changed = (*folders.find_residue(events), *_differences(before, beside.snapshot()))
    afterwards = _AfterRecovery(owed=owed, changed=changed, recovery_seconds=recovery)
    result = _result(trial, settings, ended, events, afterwards, printed=folders.printed())
    folders.clean_up(result)
    return result


class TrialCancelled(RolloutError):
    """The campaign was interrupted before the run of this trial started."""

    def __init__(self) -> None:
        super().__init__("The campaign was interrupted before the run of this trial started.")


def interrupt_running(session: str, *, within: float = 0.0) -> None:
    """Interrupt the running trials of a session in this process, so that they roll back. No other trial starts.

    `within`: the number of seconds to wait until they have ended.
    """
    _interrupted.add(session)
    mine = [process for process, owner in tuple(_running.items()) if owner == session]
    for process in mine:
        process.signal(signal.SIGTERM)
    until = time.monotonic() + within
    while any(process in _running for process in mine) and time.monotonic() < until:
        time.sleep(0.1)


def command(trial: Specification, settings: TrialSettings, *, name: str, directory: Path, port: int) -> tuple[str, ...]:
    """The arguments of pytest for the run of a trial."""
    own = arguments(path=trial.path, fault=trial.fault_option, seed=trial.seed, name=name, directory=directory,
                    port=port, keep="never")  # fmt: skip
    unneeded = (f"-pno:{plugin}" for plugin in _DISABLED_PLUGINS)
    return (*settings.arguments, *own, "--color=no", *unneeded, "-k", "phase_passed")


def repeat(trial: Specification, settings: TrialSettings) -> str:
    """The command line that repeats a trial by hand: the same path, fault, phase and seed, on a site of its own.

    Passwords in it are masked, because it is shown in reports.
    """
    given = (argument for argument in settings.arguments if argument not in defaults())
    own = arguments(path=trial.path, fault=trial.fault_option, seed=trial.seed, name="trial", keep="never")
    return Redactor().text(shlex.join(run_command(*given, *own, "-k", "phase_passed")))


# -- the run ----------------------------------------------------------------------------------------------------------


def _run(
    trial: Specification,
    settings: TrialSettings,
    folders: TrialFolders,
    beside: Decoys,
    server: postgres.DatabaseServer | None,
) -> _RunEnd:
    given = command(trial, settings, name=beside.name, directory=folders.sites / beside.name, port=beside.port)
    if server is not None:
        secret = server.secrets()
        address = f"postgresql://{secret['user']}:{secret['password']}@{server.host}:{server.port}/postgres"
        given = (*given, *arguments(database=address))  # of two values pytest takes the last
    began = time.monotonic()
    if settings.session in _interrupted:
        raise TrialCancelled
    process = start(pytest_command(*given), env=_environment(folders, settings), cwd=ROOT,
                    log=folders.output)  # fmt: skip
    _running[process] = settings.session
    try:
        if settings.session in _interrupted:  # since the check above
            process.signal(signal.SIGTERM)
        code = _wait(process, settings.timeout)
    finally:
        del _running[process]
    return _RunEnd(code=code, seconds=round(time.monotonic() - began, 2))


def _environment(folders: TrialFolders, settings: TrialSettings) -> Mapping[str, str]:
    return {
        **environment.suite(without=_REMOVED_VARIABLES),
        "PYTHONPYCACHEPREFIX": str(settings.bytecode),
        "XAVOS_CACHE_DIR": str(settings.cache),
        "XAVOS_STATE_DIR": str(folders.state),
        "XAVOS_REPORTS_DIR": str(folders.reports),
        RUN_FOLDER: str(folders.reports),
        CONDUCTOR: str(os.getpid()),
    }


def _wait(process: Background, timeout: float) -> int | None:
    """The exit code; None after a timeout. A run that times out gets SIGTERM, and after a minute SIGKILL."""
    try:
        code = process.wait(timeout)
    except BaseException:  # the campaign is interrupted; wait until the run has rolled back
        process.signal(signal.SIGTERM)
        process.wait()
        raise
    if code is None:
        process.stop(ROLLBACK_SECONDS)
    return code


# -- afterwards -------------------------------------------------------------------------------------------------------


def _differences(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[str, ...]:
    """Differences, one line each. Lost and changed things come first, because new files may be thousands."""
    found = residue(Fingerprint(tree=None, facts=before), Fingerprint(tree=None, facts=after))
    return tuple(sorted(found, key=lambda line: line.startswith("left behind")))


def _result(
    trial: Specification,
    settings: TrialSettings,
    ended: _RunEnd,
    events: tuple[Event, ...],
    afterwards: _AfterRecovery,
    *,
    printed: str,
) -> Result:
    killed = ended.code == -signal.SIGKILL
    if killed:
        events = tuple(map(_not_void, events))
    path = next((path for path in verdict(events).paths if path.name == trial.path), None)
    first = next((one for one in verdict(_before_recovery(events)).paths if one.name == trial.path), None)
    finished, bite = last(events, "fault.finished"), last(events, "fault.bit")
    evidence = texts(finished, "evidence") or ((str(bite.get("evidence")),) if bite else ())
    if killed and trial.kind == KILLS and not evidence:
        evidence = (_kill_evidence(events),)
    failure = first.failure if first else None
    outcome = _outcome(ended, first)
    return Result(
        specification=trial,
        run=run_of(events),
        population=settings.population,
        outcome=outcome,
        settled=_settled(path, outcome),
        bites=int(finished.get("bites") or 0) or (1 if evidence else 0),
        evidence=evidence,
        cause=failure.cause if failure else None,
        failed_at=failure.phase if failure else None,
        message=(failure.message if failure else printed if outcome == "error" else "")[:500],
        left=tuple(first.residue[: _MOST_LINES["left"]]) if first else (),
        owed=tuple(afterwards.owed[: _MOST_LINES["owed"]]),
        changed=tuple(afterwards.changed[: _MOST_LINES["changed"]]),
        retries=first.retries if first else 0,
        seconds=ended.seconds,
        recovery_seconds=afterwards.recovery_seconds,
    )


def _not_void(event: Event) -> Event:
    """Remove the outcome `void` of a path that ended just before the kill, so that its phases decide the outcome."""
    is_void = event["event"] == "path.finished" and event.get("outcome") == "void"
    return {**event, "outcome": ""} if is_void else event


def _kill_evidence(events: tuple[Event, ...]) -> str:
    """Evidence for a kill that the journal could not record, because it was not open yet or closed already."""
    has_started = any(one["event"] == "path.started" for one in events)
    return f"SIGKILL ended the run {'after its path had ended' if has_started else 'before its first phase'}"


def _before_recovery(events: tuple[Event, ...]) -> tuple[Event, ...]:
    """The events of the run itself. Recovery appends to the same journal."""
    end = next((number for number, event in enumerate(events)
                if event["event"] == "rollback.started" and event.get("why") == "recovery"), len(events))  # fmt: skip
    return events[:end]


def _outcome(ended: _RunEnd, path: PathVerdict | None) -> str:
    if ended.code == -signal.SIGKILL:
        return "killed"
    if ended.code is None:
        return "error"
    return path.outcome if path else "error"


def _settled(path: PathVerdict | None, outcome: str) -> str:
    """The outcome after recovery. A run that was killed before its path started has changed nothing: refused."""
    if outcome == "killed" and path is None:
        return "refused"
    return path.outcome if path else "error"
