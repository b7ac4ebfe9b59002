"""Logs inside the page: a report that was mailed has no folder beside it, so what failed brings its whole log along."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from rollout.report.commands import log_name

MOST_BYTES_EACH = 200_000
MOST_BYTES = 2_000_000

ReadLog = Callable[[str], bytes | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A log as a `data:` address. `left_out`: bytes of its beginning that the page has no room for."""

    name: str
    address: str
    size: int
    left_out: int


def attach(logs: Iterable[str], read: ReadLog) -> dict[str, Attachment]:
    """The logs by name, as far as they can be read and there is room, the first first."""
    attached: dict[str, Attachment] = {}
    room = MOST_BYTES
    for log in dict.fromkeys(filter(None, logs)):
        data = read(log) if room > 0 else None
        if not data:
            continue
        kept = data[-min(MOST_BYTES_EACH, room) :]
        room -= len(kept)
        left_out = len(data) - len(kept)
        if left_out:
            told = f"[… {left_out} bytes before this are left out; {log} in the run's folder has them]\n"
            kept = told.encode() + kept
        attached[log] = Attachment(
            name=Path(log).name,
            address="data:text/plain;charset=utf-8;base64," + base64.b64encode(kept).decode("ascii"),
            size=len(data),
            left_out=left_out,
        )
    return attached


def logs_in(folder: Path) -> ReadLog:
    """Read logs of a run's folder; None for what is no log of it or cannot be read."""

    def read(log: str) -> bytes | None:
        path = folder / log
        if not log_name(log) or not path.resolve().is_relative_to(folder.resolve()) or not path.is_file():
            return None
        try:
            return path.read_bytes()
        except OSError:
            return None

    return read


def no_logs(_: str) -> bytes | None:
    """For events that have no folder."""
    return None
