"""Undoes the changes that earlier runs left behind because they were killed or a rollback failed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import filelock

from rollout.config.run import forget, lock_file, lock_run, open_journal, open_runs, read_secrets
from rollout.installation import command
from rollout.journal import Act, Journal, Redactor, pending_undos, read_events, read_journal
from rollout.journal.merging import JOURNAL
from rollout.journal.query import Event, last, mapping, text
from rollout.report import write_reports
from rollout.rollback.rollback import essential, roll_back
from rollout.rollback.undo import UndoContext
from rollout.site.engine.discovery import engine_of_run
from rollout.site.engine.selection import remove_stale_probes
from rollout.site.store.objects import Store

TRIALS = "trials"  # folder below the state folder, with the state folder of each trial of a campaign


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """The result for one earlier run. `left` lists the undos that are still pending."""

    run: str
    left: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A deployment that stays until `make undeploy`. `name` is its --name.

    `release` and `instances` are those that serve, in the production stage.
    """

    run: str
    name: str
    path: str
    url: str
    directory: Path
    manage: str
    release: str = ""
    instances: tuple[str, ...] = ()


def recover(state: Path, reports: Path, store: Store, say: Callable[[str], None]) -> tuple[Recovered, ...]:
    """Roll back every run that has pending undos, trials included. Running and kept runs are skipped.

    Stale containers of engine probes are removed first.
    """
    for place in (state, *_trials(state)):
        for line in remove_stale_probes(place):
            say(f"  not removed: {line}")
    return tuple(
        _settle(place, reports, run, path, store, say, why="recovery")
        for place in (state, *_trials(state))
        for run, path in _unsettled(place)
        if not is_kept(read_journal(path))
    )


def _trials(state: Path) -> tuple[Path, ...]:
    return tuple(place for place in sorted((state / TRIALS).glob("*")) if place.is_dir())


def kept(state: Path) -> tuple[Kept, ...]:
    """The deployments that earlier runs kept."""
    found = []
    for run, path in open_runs(state):
        events = read_journal(path)
        if is_kept(events):
            event = next(event for event in reversed(events) if event["event"] == "kept")
            found.append(
                Kept(
                    run=run,
                    name=_name(events),
                    path=event["path"],
                    url=event["url"],
                    directory=Path(event["directory"]),
                    manage=event["manage"],
                    release=event.get("release") or "",
                    instances=tuple(event.get("instances") or ()),
                )
            )
    return tuple(found)


def undeploy(
    state: Path, reports: Path, store: Store, say: Callable[[str], None], *, names: Collection[str]
) -> tuple[Recovered, ...]:
    """Remove the kept deployments of these names, by the undo records of the run that made each."""
    return tuple(
        _settle(state, reports, run, path, store, say, why="undeploy")
        for run, path in _unsettled(state)
        if is_kept(events := read_journal(path)) and _name(events) in names
    )


def pending_runs(state: Path) -> tuple[Mapping[str, Any], ...]:
    """The options of every run that has pending undos."""
    return tuple(_options(events) for _, path in _unsettled(state) if not is_kept(events := read_journal(path)))


def owners(state: Path) -> Mapping[Path, str]:
    """The folders of other runs, each with a sentence about its owner."""
    found = {item.directory: f"It is the deployment {item.name}, kept by run {item.run}." for item in kept(state)}
    for run in alive(state):
        directory = _options(read_journal(open_journal(state, run))).get("directory")
        if directory:
            found.setdefault(Path(directory), f"It belongs to run {run}, which is still running.")
    for directory in (one.get("directory") for one in pending_runs(state)):
        if directory:
            found.setdefault(Path(directory), f"An earlier run could not remove it. Run `{command('recover')}`.")
    return found


def _options(events: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    return mapping(last(events, "run.started"), "options")


def _name(events: tuple[Mapping[str, Any], ...]) -> str:
    started = next((event for event in events if event["event"] == "run.started"), {})
    return str(started.get("options", {}).get("name", ""))


def alive(state: Path) -> tuple[str, ...]:
    """The runs that other processes are executing now."""
    ended = {run for run, _ in _unsettled(state)}
    return tuple(run for run, _ in open_runs(state) if run not in ended)


def is_kept(events: tuple[Mapping[str, Any], ...]) -> bool:
    """Whether the run ended normally and kept its deployment."""
    names = [event["event"] for event in events]
    return "kept" in names and "run.finished" in names and "undeployed" not in names


def _unsettled(state: Path) -> Iterator[tuple[str, Path]]:
    for run, path in open_runs(state):
        lock = lock_run(state, run)
        if lock.is_locked:
            continue  # a run of this process
        try:
            lock.acquire()
        except filelock.Timeout:
            continue  # still running
        try:
            if path.exists():  # another process may have recovered it meanwhile
                yield run, path
        finally:
            lock.release()


def _writers_first(acts: tuple[Act, ...]) -> tuple[Act, ...]:
    """The acts in an order whose reverse begins with those that may still write: containers and processes.

    A command of a killed run may still be running in the forge's container or on this machine.
    """

    def writes(undo: Mapping[str, Any]) -> bool:
        return undo["kind"] == "processes" or (undo["kind"] == "container" and "server" not in undo)

    return (*(act for act in acts if not writes(act.undo)), *(act for act in acts if writes(act.undo)))


def _settle(  # noqa: PLR0917 - a test fails if two arguments are swapped
    state: Path, reports: Path, run: str, path: Path, store: Store, say: Callable[[str], None], *, why: str
) -> Recovered:
    events = read_journal(path)
    acts = pending_undos(events)
    secrets = read_secrets(state, run)
    redactor = Redactor()
    redactor.add(*(secret for key, secret in secrets.items() if key != "user"))
    journal = Journal(open_journal(state, run), run=run, redactor=redactor, first_seq=len(events) + 1)
    say(f"{'Removing' if why == 'undeploy' else 'Recovering'} run {run}: {len(acts)} pending undo(s)")
    kept = {event["path"] for event in events if event["event"] == "kept"}
    ended = {event["path"] for event in events if event["event"] == "path.finished"}
    # A path that was killed before its first act has no pending undo. Its rollback is journaled all the same.
    started = {event["path"] for event in events if event["event"] == "path.started"} - ended
    paths = sorted({act.path for act in acts if act.path} | kept | started)
    for name in paths or [""]:
        journal.record("rollback.started", path=name, phase="", why=why)
    context = UndoContext(store=store, secrets=secrets, servers={})
    engine = mapping(mapping(last(events, "run.started"), "forge"), "engine")
    with engine_of_run({name: str(value) for name, value in engine.items()}):
        left = roll_back(_writers_first(essential(acts)), journal, context)
    for name in paths or [""]:
        journal.record(
            "rollback.finished",
            path=name,
            phase="",
            why=why,
            seconds=0,
            residue=list(left),
            outcome="dirty" if left else "restored",
        )
    if why == "undeploy" and not left:
        journal.record("undeployed", path=paths[0] if paths else "")
    journal.close()
    folder = reports / run
    _copy_journal(path, _folder_of(events) or folder)
    if folder.is_dir():
        write_reports(folder, read_events(path))
    for line in left:
        say(f"  still pending: {line}")
    if not left:
        forget(state, run)
        lock_file(state, run).unlink(missing_ok=True)
    return Recovered(run=run, left=left)


def _folder_of(events: Sequence[Event]) -> Path | None:
    """The report folder of a run that is part of a comparison; None for other runs."""
    folder = text(mapping(last(events, "run.started"), "options"), "folder")
    return Path(folder) if folder not in {"", "None"} else None


def _copy_journal(journal: Path, folder: Path) -> None:
    """Copy the journal to the reports if it is no hard link there (two file systems)."""
    copy = folder / JOURNAL
    with contextlib.suppress(OSError):  # recovery does not depend on the copy
        if folder.is_dir() and not (copy.exists() and copy.samefile(journal)):
            copy.write_bytes(journal.read_bytes())
