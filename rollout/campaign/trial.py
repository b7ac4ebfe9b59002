"""One trial: a run of its own, on a site of its own, among decoys; then recovery, and a look at what is left.

`run_trial` depends on nothing but its specification and the ground: the same trial, wherever it is made.
"""

from __future__ import annotations

import contextlib
import os
import random
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rollout import environment
from rollout.campaign.decoys import Decoys, decoys
from rollout.campaign.foreign_server import neighbour
from rollout.campaign.trial_folders import UNWIND_SECONDS, Place, fresh_place
from rollout.campaign.trial_site import Ground
from rollout.config.options import CONDUCTOR, ROOT, RUN_FOLDER
from rollout.errors import RolloutError
from rollout.journal import Redactor
from rollout.journal.query import Event, last, run_of, texts
from rollout.results.campaign.trials import KILLS, Result, Specification
from rollout.results.outcomes import PathVerdict
from rollout.results.verdict import verdict
from rollout.site import postgres
from rollout.site.fingerprint import Fingerprint, residue

_OTHERS = ("XAVOS_", "CI", "GITHUB_", "PYTHONDONTWRITEBYTECODE")
# Plugins that a trial can do without: its journal says everything, and nobody reads a page about it.
_UNNEEDED = ("cacheprovider", "rollout-report", "hypothesispytest", "anyio")
_MOST_LINES = {"left": 20, "owed": 20, "changed": 50}
_running: dict[subprocess.Popen[bytes], str] = {}  # each with the session that it belongs to
_unwinding: set[str] = set()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ended:
    code: int | None
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Afterwards:
    """What recovery could not pay, what looks different from outside, and the seconds that recovery took."""

    owed: Sequence[str]
    changed: Sequence[str]
    recovery_seconds: float


def run_trial(trial: Specification, ground: Ground) -> Result:
    """Make the trial; whatever the run does is a result.

    Raises OSError where the ground cannot be written, TrialAlive, Unwound.
    """
    place = fresh_place(trial, ground)
    name = f"x{trial.key[:8]}"
    with neighbour(trial, place) as server, decoys(
        place.sites, name, chance=random.Random(trial.seed), server=server  # noqa: S311 - repeatable, not secret
    ) as beside:  # fmt: skip
        before = beside.look()
        ended = _run(trial, ground, place, beside, server)
        began = time.monotonic()
        owed, recovered = place.recover()
        recovery = round(time.monotonic() - began, 2) if recovered else 0.0
        events = place.events()
        changed = (*place.left_on_the_machine(events), *_differences(before, beside.look()))
    afterwards = _Afterwards(owed=owed, changed=changed, recovery_seconds=recovery)
    result = _result(trial, ground, ended, events, afterwards, printed=place.printed())
    place.tidy(result)
    return result


class Unwound(RolloutError):
    """A trial that is not made any more: its campaign has been interrupted."""

    def __init__(self) -> None:
        super().__init__("The campaign was interrupted before this trial's run began.")


def unwind_running(session: str, *, within: float = 0.0) -> None:
    """Have the runs of this process's trials that belong to a campaign's session unwind, and begin no others.

    `within`: wait so many seconds at most until they have.
    """
    _unwinding.add(session)
    mine = [process for process, belongs in tuple(_running.items()) if belongs == session]
    for process in mine:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
    until = time.monotonic() + within
    while any(process in _running for process in mine) and time.monotonic() < until:
        time.sleep(0.1)


def command(trial: Specification, ground: Ground, *, name: str, directory: Path, port: int) -> tuple[str, ...]:
    """The arguments of pytest that make the trial's run."""
    fault = (f"--fault={trial.fault_option}",) if trial.fault_option else ()
    own = (f"--path={trial.path}", *fault, f"--seed={trial.seed}", f"--name={name}", f"--directory={directory}")
    unneeded = (f"-pno:{plugin}" for plugin in _UNNEEDED)
    return (*ground.arguments, *own, f"--port={port}", "--keep=never", "--color=no", *unneeded, "-k", "phase_passed")


def repeat(trial: Specification, ground: Ground) -> str:
    """The line that repeats a trial by hand: the same path, fault, phase and seed, on a site of its own.

    A password in it is masked, since the line is in reports.
    """
    fault = (f"--fault={trial.fault_option}",) if trial.fault_option else ()
    usual = {"--git-source=auto", "--scenario=default", "--forge=auto", "--database=auto", "--assets=auto"}
    given = (argument for argument in ground.arguments if argument not in usual)
    own = (f"--path={trial.path}", *fault, f"--seed={trial.seed}", "--name=trial", "--keep=never", "-k", "phase_passed")
    return Redactor().text(shlex.join(("pytest", *given, *own)))


# -- the run ----------------------------------------------------------------------------------------------------------


def _run(
    trial: Specification, ground: Ground, place: Place, beside: Decoys, server: postgres.DatabaseServer | None
) -> _Ended:
    given = command(trial, ground, name=beside.name, directory=place.sites / beside.name, port=beside.port)
    if server is not None:
        secret = server.secrets()
        address = f"postgresql://{secret['user']}:{secret['password']}@{server.host}:{server.port}/postgres"
        given = (*(argument for argument in given if not argument.startswith("--database=")), f"--database={address}")
    began = time.monotonic()
    if ground.session in _unwinding:
        raise Unwound
    with place.output.open("wb") as output:
        process = subprocess.Popen(
            (sys.executable, "-m", "pytest", *given),
            cwd=ROOT, env=_environment(place, ground), stdin=subprocess.DEVNULL, stdout=output,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        _running[process] = ground.session
        try:
            if ground.session in _unwinding:  # said between the question above and now
                process.send_signal(signal.SIGTERM)
            code = _wait(process, ground.patience)
        finally:
            del _running[process]
    return _Ended(code=code, seconds=round(time.monotonic() - began, 2))


def _environment(place: Place, ground: Ground) -> Mapping[str, str]:
    return {
        **environment.suite(without=_OTHERS),
        "PYTHONPYCACHEPREFIX": str(ground.bytecode),
        "XAVOS_CACHE_DIR": str(ground.cache),
        "XAVOS_STATE_DIR": str(place.state),
        "XAVOS_REPORTS_DIR": str(place.reports),
        RUN_FOLDER: str(place.reports),
        CONDUCTOR: str(os.getpid()),
    }


def _wait(process: subprocess.Popen[bytes], patience: float) -> int | None:
    """The exit code; None for a run that did not end in time, which is then stopped, in the end by force."""
    try:
        return process.wait(patience)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(UNWIND_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        return None
    except BaseException:  # the campaign is interrupted: the run unwinds before it is left
        process.send_signal(signal.SIGTERM)
        process.wait()
        raise


# -- afterwards -------------------------------------------------------------------------------------------------------


def _differences(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[str, ...]:
    """One line each; what was there before comes first, since of what was left behind there may be thousands."""
    found = residue(Fingerprint(tree=None, facts=before), Fingerprint(tree=None, facts=after))
    return tuple(sorted(found, key=lambda line: line.startswith("left behind")))


def _result(
    trial: Specification, ground: Ground, ended: _Ended, events: tuple[Event, ...], afterwards: _Afterwards, *,
    printed: str,
) -> Result:  # fmt: skip
    killed = ended.code == -signal.SIGKILL
    if killed:
        events = tuple(map(_not_void, events))
    path = next((path for path in verdict(events).paths if path.name == trial.path), None)
    first = next((one for one in verdict(_before_recovery(events)).paths if one.name == trial.path), None)
    finished, bite = last(events, "fault.finished"), last(events, "fault.bit")
    evidence = texts(finished, "evidence") or ((str(bite.get("evidence")),) if bite else ())
    if killed and trial.kind == KILLS and not evidence:
        evidence = (_when_killed(events),)
    failure = first.failure if first else None
    outcome = _outcome(ended, first)
    return Result(
        specification=trial,
        run=run_of(events),
        population=ground.population,
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
    """A path that had ended when the kill came was found void then, for want of a kill: it is what its phases say."""
    is_void = event["event"] == "path.finished" and event.get("outcome") == "void"
    return {**event, "outcome": ""} if is_void else event


def _when_killed(events: tuple[Event, ...]) -> str:
    """When the run was killed of which nothing says that it was: its journal was not open yet, or not any more."""
    begun = any(one["event"] == "path.started" for one in events)
    return f"SIGKILL ended the run {'after its path had ended' if begun else 'before its first phase'}"


def _before_recovery(events: tuple[Event, ...]) -> tuple[Event, ...]:
    """What the run itself has written; recovery goes on in the same journal."""
    place = next((number for number, event in enumerate(events)
                  if event["event"] == "rollback.started" and event.get("why") == "recovery"), len(events))  # fmt: skip
    return events[:place]


def _outcome(ended: _Ended, path: PathVerdict | None) -> str:
    if ended.code == -signal.SIGKILL:
        return "killed"
    if ended.code is None:
        return "error"
    return path.outcome if path else "error"


def _settled(path: PathVerdict | None, outcome: str) -> str:
    """How it looks after recovery. A run that was killed before it began anything has changed nothing."""
    if outcome == "killed" and path is None:
        return "refused"
    return path.outcome if path else "error"
