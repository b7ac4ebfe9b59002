"""Reads and writes history.jsonl, which has one line for each path of each earlier run.

At its end a run reads the history, journals the comparable lines (`history.read`) and appends its own. So its report is
a function of its journal alone. Runs of different populations are never compared. Size and number of lines are bounded.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from types import NoneType
from typing import Any

import filelock

from rollout.journal import Journal
from rollout.journal.json_lines import append_lines
from rollout.journal.query import Event
from rollout.results.attempts import Attempt, PhaseTime, attempts, population
from rollout.results.outcomes import Checks

FILE = "history.jsonl"
MOST_LINES = 500
MOST_BYTES = 1_000_000
MOST_READ = 200  # earlier lines that a run copies into its journal
_WAIT_SECONDS = 10.0
_VERSION = 1
_KEYS = tuple(field.name for field in fields(Attempt))
_LATER = frozenset({"viable"})  # keys that lines of an older release of the suite lack
_NUMBERS = ("seconds", "residue", "retries", "asked", "installed", "database_retries")
_KINDS: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(("run", "at", "path", "population", "source", "outcome"), (str,)),
    **dict.fromkeys(("cause", "failed_at"), (str, NoneType)),
    **dict.fromkeys(("complete", "interrupted", "conflict", "database_failed", "ready"), (bool,)),
    **dict.fromkeys(("validated", "database_asked", "viable"), (bool, NoneType)),
    **dict.fromkeys(_NUMBERS, (int, float)),
    "left": (int, NoneType),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Attempts of earlier runs, oldest first. `skipped`: number of lines that could not be read."""

    attempts: tuple[Attempt, ...]
    skipped: int = 0


def update(journal: Journal, state: Path, events: Sequence[Event] | None = None) -> None:
    """Journal the comparable earlier runs, then append this run to the history.

    `events`: those of the journal, or the merged events of several journals. An unreadable or unwritable history is
    reported in the journal and never fails the run.
    """
    own = journal.events() if events is None else events
    new = attempts(own)
    past, problem = History(attempts=()), ""
    try:
        with _locked(state):
            past = read(state)
            _append(state, past, new)
    except (OSError, filelock.Timeout) as error:
        problem = f"{state / FILE}: {error}"
    comparable = [one for one in past.attempts if one.population == population(own)]
    with journal.forgiving():
        journal.record(
            "history.read",
            runs=[as_row(one) for one in comparable[-MOST_READ:]],
            skipped=past.skipped,
            **({"problem": problem} if problem else {}),
        )


def read(state: Path) -> History:
    """Read the history. Invalid lines are counted and stay in the file. Raises OSError."""
    try:
        lines = (state / FILE).read_bytes().splitlines()
    except FileNotFoundError:
        return History(attempts=())
    found = [_attempt_of(line) for line in lines if line.strip()]
    kept = tuple(one for one in found if one is not None)
    return History(attempts=kept, skipped=len(found) - len(kept))


def as_row(attempt: Attempt) -> dict[str, Any]:
    """An attempt as JSON, for a line of the history and a row of the event `history.read`."""
    row = asdict(attempt)
    row["phases"] = [[p.name, p.outcome, p.seconds, p.restored] for p in attempt.phases]
    return {"v": _VERSION, **row}


def from_row(row: object) -> Attempt | None:
    """The attempt in a row that `as_row` made; None if the row is invalid or of another version."""
    if not isinstance(row, Mapping) or row.get("v") != _VERSION or not row.keys() >= set(_KEYS) - _LATER:
        return None
    if not all(isinstance(row.get(name), kinds) for name, kinds in _KINDS.items()):
        return None
    if not all(0 <= row[name] < math.inf for name in _NUMBERS):
        return None
    try:
        own: dict[str, Any] = {name: row.get(name) for name in _KINDS}
        return Attempt(
            **own,
            phases=tuple(_phase(*phase) for phase in row["phases"]),
            checks=Checks(**{name: int(number) for name, number in row["checks"].items()}),
            exists={str(name): bool(there) for name, there in row["exists"].items()},
        )
    except (TypeError, ValueError, AttributeError):
        return None


def _phase(name: object, outcome: object, seconds: float, restored: object) -> PhaseTime:
    if not 0 <= seconds < math.inf:
        raise ValueError(f"{seconds} is not a duration")
    return PhaseTime(name=str(name), outcome=str(outcome), seconds=float(seconds), restored=bool(restored))


def _attempt_of(line: bytes) -> Attempt | None:
    try:
        return from_row(json.loads(line))
    except ValueError:
        return None


@contextlib.contextmanager
def _locked(state: Path) -> Iterator[None]:
    """Hold the lock of the history, so that one run at a time reads and writes it."""
    state.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(state / f"{FILE}.lock", timeout=_WAIT_SECONDS):
        yield


def _append(state: Path, past: History, attempts_now: Sequence[Attempt]) -> None:
    """Append lines. If the file would exceed a limit, replace it atomically by its newest lines."""
    path = state / FILE
    new = [_line(one) for one in attempts_now]
    if not new:
        return
    size = path.stat().st_size if path.exists() else 0
    if len(past.attempts) + past.skipped + len(new) <= MOST_LINES and size + sum(map(len, new)) <= MOST_BYTES:
        append_lines(path, b"".join(new))
        return
    kept = [*(_line(one) for one in past.attempts), *new][-MOST_LINES:]
    while len(kept) > 1 and sum(map(len, kept)) > MOST_BYTES:
        del kept[0]
    descriptor, name = tempfile.mkstemp(dir=state, prefix=f".{FILE}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(b"".join(kept))
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _line(attempt: Attempt) -> bytes:
    return json.dumps(as_row(attempt), ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n"
