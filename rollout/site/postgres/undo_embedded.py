"""Stops and removes an embedded database server. Needs only the undo record, not the server's programs."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

from rollout.errors import RollbackIncomplete
from rollout.site.postgres.errors import NotOurs

_PROGRAMS = {"postgres", "initdb", "pg_ctl"}
# PostgreSQL's fast shutdown, its immediate shutdown, then a kill; each with seconds to wait.
_STEPS = ((signal.SIGINT, 20.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))


def marker(folder: Path, run: str) -> Path:
    """The file that marks a folder as created by the run."""
    return folder / f".xavos-rollout-{run}"


def undo_embedded(record: Mapping[str, Any]) -> str:
    """Stop the server in the record's folder and remove the folder. Raises NotOurs, RollbackIncomplete."""
    folder = Path(record["folder"])
    if not os.path.lexists(folder):
        return f"{folder} was not there"
    if folder.is_symlink() or not marker(folder, record["run"]).exists():
        with contextlib.suppress(OSError):
            folder.rmdir()  # a kill between creating and marking the folder leaves it empty
            return f"{folder} removed, it was empty"
        raise NotOurs(what="folder", name=str(folder), why=f"it does not have the mark of run {record['run']}")
    left = _end_processes(folder / "data")
    if not left:
        shutil.rmtree(folder, ignore_errors=True)
    if os.path.lexists(folder):
        raise RollbackIncomplete(phase=f"the embedded server {folder}", left=(*left, f"folder {folder}"))
    return f"server stopped, {folder} removed"


def processes(data: Path) -> tuple[psutil.Process, ...]:
    """The running PostgreSQL processes with exactly this data folder."""
    return tuple(process for process in psutil.process_iter() if _works_on(process, str(data)))


def _works_on(process: psutil.Process, data: str) -> bool:
    try:
        with process.oneshot():
            if process.name() not in _PROGRAMS or process.status() == psutil.STATUS_ZOMBIE:
                return False
            return data in process.cmdline() or process.cwd() == data
    except psutil.Error:
        return False


def _end_processes(data: Path) -> tuple[str, ...]:
    """Stop the processes, gently first. Returns one line for each that is left."""
    for number, patience in _STEPS:
        for process in processes(data):
            with contextlib.suppress(psutil.Error):
                process.send_signal(number)
        until = time.monotonic() + patience
        while time.monotonic() < until:
            if not processes(data):
                return ()
            time.sleep(0.03)
    return tuple(f"process {process.pid}" for process in processes(data))
