"""What a measurement of migrations has found, made of samples and notes. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from rollout.migrations.sampler import Span
from rollout.migrations.watch import Note, strength

_NOT_OF_NOTE = frozenset({"AccessShareLock"})
_SAME_MOMENT = 1e-5  # seconds; the server's clock counts microseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldLock:
    """A lock of a migration on a table: the longest time in seconds. 0 if it was shorter than two samples."""

    table: str
    mode: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocked:
    """A statement that waited for a migration, or for one that waited for it. `who`: the application or probe."""

    statement: str
    who: str
    target: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionMeasured:
    """What one migration did. Seconds. `waited`: how long it waited for a lock itself."""

    version: int
    direction: str
    schema: str
    seconds: float
    locks: tuple[HeldLock, ...]
    rewritten: tuple[str, ...]
    blocked: Blocked | None
    waited: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What the migrations of one call did. `versions` in the order in which they were recorded.

    `failure`: what the migrate command has raised, or None; `errors`: what the probes' statements, which an old release
    could send, have got (`SELECT public.users` → SQLSTATE → how often). `after` is what happened after the last
    version: a migration that failed, or one without a transaction that was not recorded.
    `invalid_indexes` and `unvalidated` are those that were not there before.
    """

    database: str
    rows: Mapping[str, int]
    seconds: float
    samples: int
    versions: tuple[VersionMeasured, ...]
    after: VersionMeasured | None
    failure: str | None
    errors: Mapping[str, Mapping[str, int]]
    longest_probe: Mapping[str, float]
    invalid_indexes: tuple[str, ...]
    unvalidated: tuple[str, ...]
    rewrites_seen_by: str
    problems: tuple[str, ...] = field(default=())

    @property
    def longest_blocked(self) -> Blocked | None:
        """The statement that waited longest."""
        every = [each.blocked for each in (*self.versions, *filter(None, (self.after,))) if each.blocked]
        return max(every, key=lambda each: each.seconds, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The time of one migration, with what the triggers have noted in it. `files`: tables whose file has changed."""

    start: float
    end: float
    note: Note | None
    rewritten: tuple[str, ...]
    files: tuple[str, ...]


def windows(
    notes: Sequence[Note], files: Sequence[Mapping[str, tuple[str, str]]], spans: Sequence[Span], began: float
) -> tuple[Window, ...]:
    """One window for each recorded version, and one for what came after the last.

    A window ends when the transaction that recorded the version has given its locks back, as far as samples show it.
    `files`: the files of all tables before the first version, and after the last migration.
    """
    found: list[Window] = []
    start, known = began, dict(files[0])
    rewritten: list[str] = []
    for note in notes:
        if note.kind == "rewrite":
            rewritten.append(str(note.fact.get("table")))
            continue
        now = {oid: (str(name), str(file)) for oid, (name, file) in dict(note.fact.get("files") or {}).items()}
        end, changed = _end_of_transaction(note, spans), _changed(known, now)
        found.append(Window(start=start, end=end, note=note, rewritten=tuple(rewritten), files=changed))
        start, known, rewritten = end, now, []
    last = _changed(known, files[1])
    return (*found, Window(start=start, end=float("inf"), note=None, rewritten=tuple(rewritten), files=last))


def _end_of_transaction(note: Note, spans: Sequence[Span]) -> float:
    """When a sample has last seen a lock of the transaction. The first to see one may be later than the note."""
    began = float(note.fact.get("began") or 0.0)
    held = [
        span.last
        for span in spans
        if span.pid == note.fact.get("pid")
        and (span.first <= note.at <= span.last or abs(span.transaction - began) < _SAME_MOMENT)
    ]
    return max((note.at, *held))


def _changed(before: Mapping[str, tuple[str, str]], after: Mapping[str, tuple[str, str]]) -> tuple[str, ...]:
    """The tables that have another file; TRUNCATE gives one too. Partitioned tables have none (0)."""
    return tuple(
        sorted(name for oid, (name, file) in after.items() if oid in before and before[oid][1] != file and file != "0")
    )


def measured(window: Window, spans: Iterable[Span]) -> VersionMeasured:
    """What happened in a window. A span belongs to the window in which it began."""
    inside = [span for span in spans if window.start <= span.first < window.end]
    theirs = [span for span in inside if not span.is_ours]
    held: dict[tuple[str, str], float] = {}
    for table, mode in (window.note.fact.get("locks") or ()) if window.note else ():
        held[str(table), str(mode)] = 0.0
    for span in theirs:
        if span.granted and "." in span.target:
            key = (span.target, span.mode)
            held[key] = max(held.get(key, 0.0), span.seconds)
    locks = [
        HeldLock(table=table, mode=mode, seconds=round(seconds, 3))
        for (table, mode), seconds in held.items()
        if mode not in _NOT_OF_NOTE
    ]
    fact = window.note.fact if window.note else {}
    end = window.end if window.note else max((span.last for span in theirs), default=window.start)
    began = min((span.first for span in theirs), default=float(fact.get("began") or end))
    return VersionMeasured(
        version=int(fact.get("version") or 0),
        direction=str(fact.get("direction") or ""),
        schema=str(fact.get("schema") or ""),
        seconds=round(max(end - began, 0.0), 3),
        locks=tuple(sorted(locks, key=lambda lock: (-strength(lock.mode), -lock.seconds, lock.table))),
        rewritten=tuple(sorted({*window.rewritten, *window.files})),
        blocked=_longest_blocked(inside),
        waited=round(max((span.seconds for span in theirs if not span.granted), default=0.0), 3),
    )


def waited_for(spans: Iterable[Span]) -> frozenset[str]:
    """What our connections have waited for: tables (schema.name), and other things such as `transactionid`."""
    return frozenset(span.target for span in spans if span.is_ours and not span.granted)


def _longest_blocked(spans: Sequence[Span]) -> Blocked | None:
    """The longest wait of one of our connections for the migrator, also behind a lock that the migrator waits for."""
    migrators = {span.pid for span in spans if not span.is_ours}
    waits = [span for span in spans if span.is_ours and not span.granted and span.blockers & migrators]
    longest = max(waits, key=lambda span: span.seconds, default=None)
    if longest is None:
        return None
    return Blocked(
        statement=" ".join(longest.statement.split())[:200],
        who=longest.application,
        target=longest.target,
        seconds=round(longest.seconds, 3),
    )
