"""A run of the suite: its id, folders, journal, lock, and the secrets that recovery needs."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path

import filelock

from rollout.config.options import Options
from rollout.errors import FolderUnwritable, StateUnusable
from rollout.journal import Journal, Redactor
from rollout.journal.merging import JOURNAL, merge, read_parts, write_events
from rollout.journal.query import Event

_VARIABLE = "XAVOS_STATE_DIR"
# Folders below the state folder.
_FOLDERS = ("open", "secrets", "locks", "probes", "trials", "keys", "postgres")
_KINDS = ((stat.S_ISDIR, "folder"), (stat.S_ISREG, "file"), (stat.S_ISFIFO, "named pipe"), (stat.S_ISSOCK, "socket"))


class Run:
    """One run of the suite: id, report folder, journal, lock and secrets.

    The journal is one file with two names: `reports/<run>/journal.jsonl` for people, and `<state>/open/<run>.jsonl` for
    recovery, which needs it even after `reports/` was emptied. The second name is removed when no undo is pending.
    `parts` are the paths of a comparison: name → report folder of the path's run, below the folder of this run.
    """

    def __init__(self, options: Options) -> None:
        self.began = time.monotonic()
        self.options = options
        self.id = f"{datetime.now().astimezone():%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
        self.folder = options.folder or options.reports / self.id
        self.parts: dict[str, Path] = {}
        self.logs = self.folder / "logs"
        self.redactor = Redactor(spared=(options.name, str(options.directory), str(self.folder), str(options.state)))
        self.redactor.add(*options.passwords)
        self.state = options.state
        _make_folder(self.folder, "XAVOS_REPORTS_DIR")
        for path in (lock_file(self.state, self.id), secrets_file(self.state, self.id)):
            _make_folder(path.parent, _VARIABLE)
        lock_run(self.state, self.id).acquire()
        self._secrets: dict[str, str] = {}
        self.journal = Journal(open_journal(self.state, self.id), run=self.id, redactor=self.redactor)
        with contextlib.suppress(OSError):
            os.link(self.journal.path, self.folder / JOURNAL)
        if options.folder is None:
            self._link_latest()

    @property
    def marker(self) -> str:
        """The variable that every process of this run has in its environment."""
        return f"XAVOS_RUN={self.id}"

    def keep_secret(self, key: str, value: str, *, mask: bool = True) -> None:
        """Store a secret for recovery (mode 0600, in the state folder), and mask it everywhere else."""
        if mask:
            self.redactor.add(value)
        self._secrets[key] = value
        path = secrets_file(self.state, self.id)
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(self._secrets, file)

    def events(self) -> tuple[Event, ...]:
        """All events so far, including those of the paths' own runs."""
        own = self.journal.events()
        return merge(own, *read_parts(self.folder, self.parts)) if self.parts else own

    def close(self, *, settled: bool) -> None:
        """Close the journal. If the run is `settled` (no undo pending, nothing kept), remove its second name.

        The second name stays if the journal is incomplete because the disk was full. The next run then repeats every
        undo that is not recorded as done.
        """
        self.journal.close()
        settled = settled and self.journal.is_whole
        report = self.folder / JOURNAL
        if self.parts:
            write_events(report, self.events())
        elif not report.exists():
            report.write_bytes(self.journal.path.read_bytes())
        if settled:
            forget(self.state, self.id)
        lock_run(self.state, self.id).release()
        if settled:
            lock_file(self.state, self.id).unlink(missing_ok=True)

    def _link_latest(self) -> None:
        latest = self.options.reports / "latest"
        fresh = self.options.reports / f".latest-{self.id}"
        if os.path.lexists(latest) and not latest.is_symlink():
            return  # a file of the user
        with contextlib.suppress(OSError):
            fresh.symlink_to(self.id)
            fresh.replace(latest)


def _make_folder(folder: Path, variable: str) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FolderUnwritable(folder=folder, reason=str(error.strerror or error), variable=variable) from None


def open_journal(state: Path, run: str) -> Path:
    """The journal of a run that is not settled."""
    return state / "open" / f"{run}.jsonl"


def secrets_file(state: Path, run: str) -> Path:
    """The passwords that recovery needs (mode 0600)."""
    return state / "secrets" / f"{run}.json"


def lock_file(state: Path, run: str) -> Path:
    """The file that a run locks while it is alive."""
    return state / "locks" / f"{run}.lock"


_locks: dict[Path, filelock.BaseFileLock] = {}


def lock_run(state: Path, run: str) -> filelock.BaseFileLock:
    """The lock that a run holds while it is alive. The operating system frees it when the process ends."""
    path = lock_file(state, run)
    path.parent.mkdir(parents=True, exist_ok=True)
    return _locks.setdefault(path, filelock.FileLock(path, timeout=0))


def forget(state: Path, run: str) -> None:
    """Remove the files that recovery would need. For a run without pending undos."""
    open_journal(state, run).unlink(missing_ok=True)
    secrets_file(state, run).unlink(missing_ok=True)


def open_runs(state: Path) -> Iterator[tuple[str, Path]]:
    """(id, journal) of every run that is not settled, oldest first: alive, killed, kept, or with pending undos.

    Raises FolderUnwritable if the folder exists and cannot be listed, or a journal in it cannot be read; StateUnusable
    if something else has the name of a folder or journal.
    """
    folder = state / "open"
    for name in _FOLDERS:
        refuse_other_kind(state / name, stat.S_ISDIR, "folder")
    try:
        names = sorted(os.listdir(folder))  # noqa: PTH208 - Path.glob yields nothing for an unreadable folder
    except FileNotFoundError:
        return
    except OSError as error:
        raise FolderUnwritable(folder=folder, reason=str(error.strerror), variable=_VARIABLE) from None
    for path in (folder / name for name in names if name.endswith(".jsonl")):
        refuse_other_kind(path, stat.S_ISREG, "file")
        refuse_other_kind(lock_file(state, path.stem), stat.S_ISREG, "file")
        if path.exists() and not os.access(path, os.R_OK | os.W_OK):
            reason = f"{path.name} in it belongs to another user"
            raise FolderUnwritable(folder=folder, reason=reason, variable=_VARIABLE)
        yield path.stem, path


def refuse_other_kind(path: Path, is_wanted: Callable[[int], bool], wanted: str, *, variable: str = _VARIABLE) -> None:
    """Raise StateUnusable if the path exists and is of another kind. `wanted` is the name of the kind.

    Links are followed. A named pipe, for example, would block the process that opens it.
    """
    try:
        found = path.stat().st_mode
    except FileNotFoundError:
        if path.is_symlink():
            reason = f"it is a link that leads nowhere, not a {wanted}"
            raise StateUnusable(path=path, reason=reason, variable=variable) from None
        return
    except OSError as error:
        raise StateUnusable(path=path, reason=str(error.strerror), variable=variable) from None
    if not is_wanted(found):
        kind = next((name for is_kind, name in _KINDS if is_kind(found)), "device")
        raise StateUnusable(path=path, reason=f"it is a {kind}, not a {wanted}", variable=variable)


def read_secrets(state: Path, run: str) -> Mapping[str, str]:
    """The secrets that `Run.keep_secret` stored; empty if there are none or they cannot be read."""
    try:
        found = json.loads(secrets_file(state, run).read_text())
    except (OSError, ValueError):
        return {}
    return {key: str(value) for key, value in found.items()} if isinstance(found, dict) else {}
