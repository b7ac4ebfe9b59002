"""Earlier runs on this machine: one line for each path of a run, kept bounded, in the state folder.

A run reads it at its end and journals what it read (`history.read`), so that its report stays a function of its journal
alone; then it adds its own lines. Runs on real packages and rehearsals are never read together.
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
MOST_READ = 200  # how many earlier lines a run's journal takes over
_WAIT_SECONDS = 10.0
_VERSION = 1
_KEYS = tuple(field.name for field in fields(Attempt))
_NUMBERS = ("seconds", "residue", "retries", "asked", "installed", "database_retries")
_KINDS: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(("run", "at", "path", "population", "source", "outcome"), (str,)),
    **dict.fromkeys(("cause", "failed_at"), (str, NoneType)),
    **dict.fromkeys(("complete", "interrupted", "conflict", "database_failed", "ready"), (bool,)),
    **dict.fromkeys(("validated", "database_asked"), (bool, NoneType)),
    **dict.fromkeys(_NUMBERS, (int, float)),
    "left": (int, NoneType),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What the history holds, oldest first; `skipped` lines of it could not be read."""

    attempts: tuple[Attempt, ...]
    skipped: int = 0


def conclude(journal: Journal, state: Path, events: Sequence[Event] | None = None) -> None:
    """At the end of a run: journal the earlier runs that it is compared with, then add this one to them.

    `events` are those of the journal, or what was merged from several. A history that cannot be read or written is told
    in the journal, and never a failure of the run.
    """
    told = journal.events() if events is None else events
    mine = attempts(told)
    past, problem = Past(attempts=()), ""
    try:
        with _alone(state):
            past = read(state)
            _add(state, past, mine)
    except (OSError, filelock.Timeout) as error:
        problem = f"{state / FILE}: {error}"
    comparable = [one for one in past.attempts if one.population == population(told)]
    with journal.forgiving():
        journal.record(
            "history.read",
            runs=[as_row(one) for one in comparable[-MOST_READ:]],
            skipped=past.skipped,
            **({"problem": problem} if problem else {}),
        )


def read(state: Path) -> Past:
    """Every whole line of the history; a line that is none of ours is counted and left where it is. Raises OSError."""
    try:
        lines = (state / FILE).read_bytes().splitlines()
    except FileNotFoundError:
        return Past(attempts=())
    found = [_attempt_of(line) for line in lines if line.strip()]
    kept = tuple(one for one in found if one is not None)
    return Past(attempts=kept, skipped=len(found) - len(kept))


def as_row(attempt: Attempt) -> dict[str, Any]:
    """An attempt as JSON: the line of the history, and the row in a journal."""
    row = asdict(attempt)
    row["phases"] = [[p.name, p.outcome, p.seconds, p.restored] for p in attempt.phases]
    return {"v": _VERSION, **row}


def from_row(row: object) -> Attempt | None:
    """The attempt that a row tells of; None where it is not of this kind."""
    if not isinstance(row, Mapping) or row.get("v") != _VERSION or not row.keys() >= set(_KEYS):
        return None
    if not all(isinstance(row[name], kinds) for name, kinds in _KINDS.items()):
        return None
    if not all(0 <= row[name] < math.inf for name in _NUMBERS):
        return None
    try:
        own = {name: row[name] for name in _KINDS}
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
        raise ValueError(f"{seconds} is no duration")
    return PhaseTime(name=str(name), outcome=str(outcome), seconds=float(seconds), restored=bool(restored))


def _attempt_of(line: bytes) -> Attempt | None:
    try:
        return from_row(json.loads(line))
    except ValueError:
        return None


@contextlib.contextmanager
def _alone(state: Path) -> Iterator[None]:
    """One run at a time in the history."""
    state.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(state / f"{FILE}.lock", timeout=_WAIT_SECONDS):
        yield


def _add(state: Path, past: Past, mine: Sequence[Attempt]) -> None:
    """Append; where that would be too much, write the newest lines anew, by way of a neighbour and a rename."""
    path = state / FILE
    new = [_line(one) for one in mine]
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
