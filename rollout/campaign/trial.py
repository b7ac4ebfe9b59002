"""One trial: a run of its own, on a site of its own, among decoys; then recovery, and a look at what is left.

`run_trial` depends on nothing but its specification and the ground: the same trial, wherever it is made.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from rollout.campaign.decoys import Decoys, decoys
from rollout.campaign.ground import Ground
from rollout.campaign.records import KILLS, Result, Specification
from rollout.journal import Journal, Redactor, read_events
from rollout.journal.merging import JOURNAL
from rollout.journal.questions import Event, last, texts
from rollout.options import CONDUCTOR, ROOT, RUN_FOLDER
from rollout.outcomes import PathVerdict
from rollout.plan import load_plan
from rollout.recovery import recover
from rollout.report.text import tail
from rollout.run import lock_run, open_journal, open_runs
from rollout.site import postgres, processes
from rollout.site.engine import Engine, find_engine
from rollout.site.images import ensure_image
from rollout.site.store import Store
from rollout.undo import Workshop, undo
from rollout.verdict import verdict

OUTPUT = "pytest.log"
_RECOVERIES = 2
_UNWIND_SECONDS = 60.0
_OWN = ("XAVOS_", "PYTEST_")
_running: set[subprocess.Popen[bytes]] = set()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """What a trial has to itself; `reports` stays, `folder` goes with the trial, `state` once nothing is owed."""

    folder: Path
    state: Path
    reports: Path

    @property
    def sites(self) -> Path:
        return self.folder / "sites"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ended:
    code: int | None
    seconds: float


def run_trial(trial: Specification, ground: Ground) -> Result:
    """Make the trial. Raises OSError where the ground cannot be written; whatever the run does is a result."""
    place = _place(trial, ground)
    name = f"x{trial.key[:8]}"
    with _neighbour(trial, place) as server, decoys(
        place.sites, name, chance=random.Random(trial.seed), server=server  # noqa: S311 - repeatable, not secret
    ) as beside:  # fmt: skip
        before = beside.look()
        ended = _run(trial, ground, place, beside, server)
        began = time.monotonic()
        owed, recovered = _recover(place, ground)
        recovery = time.monotonic() - began if recovered else 0.0
        changed = (*_differences(before, beside.look()), *_left_on_the_machine(place))
    result = _result(trial, ground, place, ended, owed=owed, changed=changed, recovery=recovery)
    _tidy(place, result)
    return result


def unwind_running() -> None:
    """Have the runs of this process's trials unwind: whoever waits for them need not wait for their ends."""
    for process in tuple(_running):
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)


def command(trial: Specification, ground: Ground, *, name: str, directory: Path, port: int) -> tuple[str, ...]:
    """The arguments of pytest that make the trial's run."""
    fault = (f"--fault={trial.where}",) if trial.where else ()
    own = (f"--path={trial.path}", *fault, f"--seed={trial.seed}", f"--name={name}", f"--directory={directory}")
    return (*ground.arguments, *own, f"--port={port}", "--keep=never", "--color=no", "-p", "no:cacheprovider",
            "-k", "phase_passed")  # fmt: skip


def repeat(trial: Specification, ground: Ground) -> str:
    """The line that repeats a trial by hand: the same path, fault, phase and seed, on a site of its own."""
    fault = f" --fault={trial.where}" if trial.where else ""
    usual = {"--git-source=auto", "--scenario=default", "--forge=auto", "--database=auto", "--assets=auto"}
    given = " ".join(argument for argument in ground.arguments if argument not in usual)
    return f"pytest {given} --path={trial.path}{fault} --seed={trial.seed} --name=trial --keep=never -k phase_passed"


# -- the world of a trial ---------------------------------------------------------------------------------------------


def _place(trial: Specification, ground: Ground) -> _Place:
    """A fresh folder. An earlier attempt at the same trial (its worker was killed) is settled first."""
    folder, state = ground.home / trial.key, ground.state / trial.key
    if folder.exists() or state.exists():
        _wait_for_the_living(state)
        recover(state, folder / "reports", Store(ground.cache), _unheard)
        shutil.rmtree(folder, ignore_errors=True)
    place = _Place(folder=folder, state=state, reports=folder / "reports")
    for each in (place.sites, place.state, place.reports):
        each.mkdir(parents=True, exist_ok=True)
    return place


def _wait_for_the_living(state: Path) -> None:
    """A run whose conductor was killed unwinds; until it has, it is alive and not ours to recover."""
    until = time.monotonic() + _UNWIND_SECONDS
    while time.monotonic() < until:
        alive = False
        for run, _ in open_runs(state):
            lock = lock_run(state, run)
            try:
                lock.acquire()
                lock.release()
            except TimeoutError:
                alive = True
        if not alive:
            return
        time.sleep(0.5)


@contextlib.contextmanager
def _neighbour(trial: Specification, place: _Place) -> Iterator[postgres.DatabaseServer | None]:
    """Every second killed run works on a database server that is not its own, with databases named like its own.

    Not that of a path which is only watched: such a one has its site to itself. The server is journaled like anything
    that is made, so that recovery removes it where this process is killed.
    """
    is_due = trial.kind == KILLS and trial.seed % 2 == 0 and not load_plan(trial.path).is_observed
    found = find_engine() if is_due else None
    if not isinstance(found, Engine):
        yield None
        return
    run = f"trial-{trial.key}"
    lock = lock_run(place.state, run)
    lock.acquire()
    journal = Journal(open_journal(place.state, run), run=run, redactor=Redactor())
    try:
        server = postgres.ContainerServer(
            run=run, image=ensure_image(found, "postgres", say=_unheard).tag, journal=journal, password="trial"  # noqa: S106 - it guards decoys
        )  # fmt: skip
        try:
            server.start()
            yield server
        finally:
            undo(server.undo_record(), Workshop(store=Store(place.folder), secrets={}, servers={}))
    finally:
        journal.close()
        journal.path.unlink(missing_ok=True)
        lock.release()


# -- the run ----------------------------------------------------------------------------------------------------------


def _run(
    trial: Specification, ground: Ground, place: _Place, beside: Decoys, server: postgres.DatabaseServer | None
) -> _Ended:
    given = command(trial, ground, name=beside.name, directory=place.sites / beside.name, port=beside.port)
    if server is not None:
        secret = server.secrets()
        address = f"postgresql://{secret['user']}:{secret['password']}@{server.host}:{server.port}/postgres"
        given = (*(argument for argument in given if not argument.startswith("--database=")), f"--database={address}")
    began = time.monotonic()
    with (place.reports / OUTPUT).open("wb") as output:
        process = subprocess.Popen(
            (sys.executable, "-m", "pytest", *given),
            cwd=ROOT, env=_environment(place, ground), stdin=subprocess.DEVNULL, stdout=output,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        _running.add(process)
        try:
            code = _wait(process, ground.patience)
        finally:
            _running.discard(process)
    return _Ended(code=code, seconds=round(time.monotonic() - began, 2))


def _environment(place: _Place, ground: Ground) -> Mapping[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OWN)}
    return {
        **{name: value for name, value in kept.items() if name not in {"CI", "GITHUB_STEP_SUMMARY"}},
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
            process.wait(_UNWIND_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        return None
    except BaseException:  # the campaign is interrupted: the run unwinds before it is left
        process.send_signal(signal.SIGTERM)
        process.wait()
        raise


# -- afterwards -------------------------------------------------------------------------------------------------------


def _recover(place: _Place, ground: Ground) -> tuple[tuple[str, ...], bool]:
    """Pay what the run owes, as the next run would; what is left then, and whether anything was owed."""
    left: tuple[str, ...] = ()
    owing = False
    for _ in range(_RECOVERIES):
        done = recover(place.state, place.folder, Store(ground.cache), _unheard)
        owing = owing or bool(done)
        left = tuple(line for one in done for line in one.left)
        if not left:
            break
    return left, owing


def _differences(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[str, ...]:
    told = [f"lost: {what}" for what in sorted(before.keys() - after.keys())]
    told += [f"left behind: {what}" for what in sorted(after.keys() - before.keys())]
    told += [f"changed: {what}" for what in sorted(before.keys() & after.keys()) if before[what] != after[what]]
    return tuple(told[:50])


def _left_on_the_machine(place: _Place) -> tuple[str, ...]:
    """Containers, networks, processes and mounts of the trial's run, by its id and its folder."""
    run = _run_of(place)
    found = [f"process {pid} carries the run's token" for pid in processes.marked(f"XAVOS_RUN={run}")] if run else []
    found += [f"mounted: {part.mountpoint}" for part in psutil.disk_partitions(all=True)
              if Path(part.mountpoint).is_relative_to(place.folder)]  # fmt: skip
    engine = find_engine()
    if run and isinstance(engine, Engine):
        client = engine.client()
        label: dict[str, str | list[str] | bool] = {"label": f"xavos.run={run}"}
        found += [f"container {', '.join(item['Names'])}" for item in client.api.containers(all=True, filters=label)]
        found += [f"network {item['Name']}" for item in client.api.networks(filters=label)]
    return tuple(found)


def _run_of(place: _Place) -> str:
    events = _events(place)
    return str(events[0]["run"]) if events else ""


def _events(place: _Place) -> tuple[Event, ...]:
    journal = place.reports / JOURNAL
    return read_events(journal) if journal.is_file() else ()


def _result(
    trial: Specification, ground: Ground, place: _Place, ended: _Ended, *,
    owed: tuple[str, ...], changed: tuple[str, ...], recovery: float,
) -> Result:  # fmt: skip
    events = _events(place)
    path = next((path for path in verdict(events).paths if path.name == trial.path), None)
    first = next((one for one in verdict(_before_recovery(events)).paths if one.name == trial.path), None)
    finished, bite = last(events, "fault.finished"), last(events, "fault.bit")
    killed = ended.code == -signal.SIGKILL
    evidence = texts(finished, "evidence") or ((str(bite.get("evidence")),) if bite else ())
    if killed and trial.kind == KILLS and not evidence:
        evidence = ("SIGKILL ended the run before its first phase",)
    failure = first.failure if first else None
    outcome = _outcome(ended, first)
    return Result(
        specification=trial,
        run=_run_of(place),
        population=ground.population,
        outcome=outcome,
        settled=_settled(path, outcome),
        bites=int(finished.get("bites") or 0) or (1 if evidence else 0),
        evidence=evidence,
        cause=failure.cause if failure else None,
        failed_at=failure.phase if failure else None,
        message=(failure.message if failure else _printed(place) if outcome == "error" else "")[:500],
        left=first.residue[:20] if first else (),
        owed=owed[:20],
        changed=changed,
        retries=first.retries if first else 0,
        seconds=ended.seconds,
        recovery_seconds=round(recovery, 2),
    )


def _printed(place: _Place) -> str:
    """What the run printed last, where it has said nothing else."""
    with contextlib.suppress(OSError):
        return tail((place.reports / OUTPUT).read_text(encoding="utf-8", errors="replace"), lines=5, size=500)
    return ""


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


def _tidy(place: _Place, result: Result) -> None:
    """Keep the journal and what was printed; of a trial that left something, everything."""
    if result.is_dirty or result.settled == "error":
        return
    kept = place.folder.parent / f"{place.folder.name}.kept"
    kept.mkdir(exist_ok=True)
    for name in (JOURNAL, OUTPUT):
        with contextlib.suppress(FileNotFoundError):
            shutil.move(place.reports / name, kept / name)
    shutil.rmtree(place.folder, ignore_errors=True)
    kept.rename(place.folder)
    shutil.rmtree(place.state, ignore_errors=True)


def _unheard(text: str) -> None:
    """What recovery says, which the result says again."""
