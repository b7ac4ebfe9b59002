"""Creates, inspects and removes the folders of a trial, and recovers a killed run in them."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from rollout.campaign.trial_settings import TrialSettings
from rollout.config.options import RUN_FOLDER
from rollout.errors import RolloutError
from rollout.journal import read_events
from rollout.journal.merging import JOURNAL
from rollout.journal.query import Event, run_of
from rollout.results.campaign.trials import Result, Specification
from rollout.rollback.recovery import alive, recover
from rollout.site import processes
from rollout.site.engine.client import RUN_LABEL, Engine, NoEngine
from rollout.site.engine.discovery import find_busy_engine, find_engine
from rollout.site.store.objects import Store
from rollout.site.store.tree_removal import remove_tree
from rollout.text.plain import tail

ROLLBACK_SECONDS = 60.0
_OUTPUT = "pytest.log"
_RECOVERIES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialFolders:
    """The folders of one trial. After a clean trial only the journal and the output in `folder` stay."""

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
        """The file with the output of the run."""
        return self.reports / _OUTPUT

    def events(self) -> tuple[Event, ...]:
        """The events of the run and of its recovery."""
        journal = self.reports / JOURNAL
        return read_events(journal) if journal.is_file() else ()

    def printed(self) -> str:
        """The last lines of the output of the run."""
        with contextlib.suppress(OSError):
            return tail(self.output.read_text(encoding="utf-8", errors="replace"), lines=5, size=500)
        return ""

    def recover(self) -> tuple[tuple[str, ...], bool]:
        """Execute the pending undos of the run, as the next run would, and once more if something was left.

        Returns what is left, and whether any undo was pending.
        """
        left: tuple[str, ...] = ()
        were_pending = False
        for _ in range(_RECOVERIES):
            done = recover(self.state, self.folder, Store(self.cache), discard)
            were_pending = were_pending or bool(done)
            left = tuple(line for one in done for line in one.left)
            if not left:
                break
        return left, were_pending

    def find_residue(self, events: Sequence[Event]) -> tuple[str, ...]:
        """Containers, networks, processes and mounts of the run, found by its id and its folder.

        If the run created containers and the engine does not answer now, that is a line too: their absence is unproven.
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

    def clean_up(self, result: Result) -> None:
        """Remove all but the journal and the output. Keep everything of a trial that left something."""
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
    """An earlier attempt at the trial still runs, so its site must not be removed."""

    def __init__(self, *, folder: Path) -> None:
        super().__init__(
            f"An earlier attempt at the trial in {folder} still runs after a wait of {ROLLBACK_SECONDS:.0f} s.",
            advice="Wait until it has rolled back, or end it. Then resume with --resume.",
        )


def prepare_folders(trial: Specification, settings: TrialSettings) -> TrialFolders:
    """Create empty folders. An earlier attempt at the same trial, whose worker was killed, is recovered first.

    Raises TrialAlive if the earlier attempt does not end within a minute.
    """
    folders = TrialFolders(folder=settings.home / trial.key, state=settings.state / trial.key, cache=settings.cache)
    if folders.folder.exists() or folders.state.exists():
        if not _has_ended(folders):
            raise TrialAlive(folder=folders.folder)
        folders.recover()
        remove_tree(folders.folder)
    for each in (folders.sites, folders.state, folders.reports):
        each.mkdir(parents=True, exist_ok=True)
    return folders


def _has_ended(folders: TrialFolders) -> bool:
    """Wait until the run of an earlier attempt has rolled back; False after a minute.

    A run whose conductor was killed rolls back and must not be recovered meanwhile. A run that has no journal yet is
    found by its report folder, which is in its environment.
    """
    until = time.monotonic() + ROLLBACK_SECONDS
    while alive(folders.state) or processes.marked(f"{RUN_FOLDER}={folders.reports}"):
        if time.monotonic() >= until:
            return False
        time.sleep(0.5)
    return True


def discard(text: str) -> None:
    """Ignore a progress message of recovery or of an image build. The result of the trial has what matters."""
