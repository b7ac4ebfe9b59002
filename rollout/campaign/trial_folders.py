"""The folders of a trial, and the check that it left nothing on the machine."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from rollout.campaign.trial_site import Ground
from rollout.config.options import RUN_FOLDER
from rollout.errors import RolloutError
from rollout.journal import read_events
from rollout.journal.merging import JOURNAL
from rollout.journal.query import Event, run_of
from rollout.results.campaign.trials import Result, Specification
from rollout.rollback.recovery import alive, recover
from rollout.site import processes
from rollout.site.engine import RUN_LABEL, Engine, NoEngine, find_busy_engine, find_engine
from rollout.site.object_store import Store
from rollout.site.tree_removal import remove_tree
from rollout.text.plain import tail

UNWIND_SECONDS = 60.0
_OUTPUT = "pytest.log"
_RECOVERIES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Of `folder`, the journal and the output stay once the trial is over; `state` goes unless something is owed."""

    folder: Path
    state: Path
    cache: Path

    @property
    def sites(self) -> Path:
        return self.folder / "sites"

    @property
    def reports(self) -> Path:
        return self.folder / "reports"

    @property
    def output(self) -> Path:
        """What the run prints."""
        return self.reports / _OUTPUT

    def events(self) -> tuple[Event, ...]:
        """What the run has journaled, and recovery after it."""
        journal = self.reports / JOURNAL
        return read_events(journal) if journal.is_file() else ()

    def printed(self) -> str:
        """What the run printed last."""
        with contextlib.suppress(OSError):
            return tail(self.output.read_text(encoding="utf-8", errors="replace"), lines=5, size=500)
        return ""

    def recover(self) -> tuple[tuple[str, ...], bool]:
        """Pay what the run owes, as the next run would; what is left then, and whether anything was owed."""
        left: tuple[str, ...] = ()
        owing = False
        for _ in range(_RECOVERIES):
            done = recover(self.state, self.folder, Store(self.cache), unheard)
            owing = owing or bool(done)
            left = tuple(line for one in done for line in one.left)
            if not left:
                break
        return left, owing

    def left_on_the_machine(self, events: Sequence[Event]) -> tuple[str, ...]:
        """Containers, networks, processes and mounts of the trial's run, by its id and its folder.

        Where the run made containers and no engine says which there are now, that is a line too: what has not been
        looked for has not been found gone.
        """
        run = run_of(events)
        found = (
            [f"process {pid} carries the run's token" for pid in processes.marked(f"XAVOS_RUN={run}")] if run else []
        )
        found += [f"mounted: {part.mountpoint}" for part in psutil.disk_partitions(all=True)
                  if Path(part.mountpoint).is_relative_to(self.folder)]  # fmt: skip
        made = any(one["event"] == "act.intent" and one["undo"]["kind"] in {"container", "network"} for one in events)
        engine = find_busy_engine() if made else find_engine()
        if made and isinstance(engine, NoEngine):
            found.append(f"containers cannot be looked for: {engine.reason}")
        if run and isinstance(engine, Engine):
            client = engine.client()
            label: dict[str, str | list[str] | bool] = {"label": f"{RUN_LABEL}={run}"}
            containers = client.api.containers(all=True, filters=label)
            found += [f"container {', '.join(item['Names'])}" for item in containers]
            found += [f"network {item['Name']}" for item in client.api.networks(filters=label)]
        return tuple(found)

    def tidy(self, result: Result) -> None:
        """Keep the journal and what was printed; of a trial that left something, everything."""
        if result.is_dirty or result.settled == "error":
            return
        kept = self.folder.parent / f"{self.folder.name}.kept"
        kept.mkdir(exist_ok=True)
        for path in (self.reports / JOURNAL, self.output):
            with contextlib.suppress(FileNotFoundError):
                shutil.move(path, kept / path.name)
        remove_tree(self.folder)
        kept.rename(self.folder)
        shutil.rmtree(self.state, ignore_errors=True)


class TrialAlive(RolloutError):
    """An earlier attempt at the trial still runs; its site is not ours to take away."""

    def __init__(self, *, folder: Path) -> None:
        super().__init__(
            f"An earlier attempt at the trial in {folder} still runs, {UNWIND_SECONDS:.0f} s after it was waited for.",
            advice="Wait until it has unwound, or end it; then go on with --resume.",
        )


def fresh_place(trial: Specification, ground: Ground) -> Place:
    """Empty folders. An earlier attempt at the same trial (its worker was killed) is settled first.

    Raises TrialAlive where it has not ended in a minute.
    """
    place = Place(folder=ground.home / trial.key, state=ground.state / trial.key, cache=ground.cache)
    if place.folder.exists() or place.state.exists():
        if not _has_ended(place):
            raise TrialAlive(folder=place.folder)
        place.recover()
        remove_tree(place.folder)
    for each in (place.sites, place.state, place.reports):
        each.mkdir(parents=True, exist_ok=True)
    return place


def _has_ended(place: Place) -> bool:
    """A run whose conductor was killed unwinds; until it has, it is alive and not ours to recover.

    One that had only just been started has no journal yet by which it could be known, but it is told where to report.
    """
    until = time.monotonic() + UNWIND_SECONDS
    while alive(place.state) or processes.marked(f"{RUN_FOLDER}={place.reports}"):
        if time.monotonic() >= until:
            return False
        time.sleep(0.5)
    return True


def unheard(text: str) -> None:
    """What recovery and the making of images say: the result says what matters of it again."""
