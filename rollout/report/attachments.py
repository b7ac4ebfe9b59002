"""Embeds the logs of failed phases and checks in the page as downloads, so that a mailed report has them."""

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
    """A log as a `data:` URL. `left_out`: number of bytes cut from its beginning."""

    name: str
    address: str
    size: int
    left_out: int


def attach(logs: Iterable[str], read: ReadLog) -> dict[str, Attachment]:
    """Name → attachment of each log that can be read, in order, until MOST_BYTES is reached."""
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
            note = f"[… {left_out} bytes before this are cut; {log} in the run's folder has them]\n"
            kept = note.encode() + kept
        attached[log] = Attachment(
            name=Path(log).name,
            address="data:text/plain;charset=utf-8;base64," + base64.b64encode(kept).decode("ascii"),
            size=len(data),
            left_out=left_out,
        )
    return attached


def logs_in(folder: Path) -> ReadLog:
    """A function that reads logs of a run's folder; it returns None for other files and unreadable ones."""

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
    """A ReadLog for events without a folder."""
    return None
