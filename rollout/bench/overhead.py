"""How much of a run is the suite's own: pure, from the journal and a wall time that was measured outside of the run.

Overhead is the wall time in which nothing ran that the suite had started or waited for:

    (wall − |union of the busy intervals|) / wall

Busy is while a command runs (command.started → command.finished), while the container engine or the database server
does what was asked of it (act.intent → act.done of an act in `SERVED`; its undo, from the seconds of undo.done), and
while a server is waited for (wait.finished, from its seconds). All else is overhead: Python's and pytest's start,
imports, fingerprints, checkpoints, journal, reports, and whatever a check does without a command.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rollout.journal.query import mapping, number, text

SERVED = frozenset({"container", "network", "role", "embedded", "processes"})
"""Kinds of undo records whose acts the engine, the database server or the operating system carries out for us."""

Event = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """From `start` to `end`, in seconds of the machine's monotonic clock; `what` for people."""

    start: float
    end: float
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Overhead:
    """Of one run, in seconds; `share` is between 0 and 1."""

    wall: float
    busy: float
    commands: int

    @property
    def seconds(self) -> float:
        return self.wall - self.busy

    @property
    def share(self) -> float:
        return self.seconds / self.wall


def overhead(events: Iterable[Event], *, started: float, ended: float) -> Overhead:
    """Of the run whose process lived from `started` to `ended` (monotonic seconds, seen from outside)."""
    intervals = tuple(busy(events))
    return Overhead(
        wall=ended - started,
        busy=sum(end - start for start, end in union(intervals, started, ended)),
        commands=len(intervals),
    )


def busy(events: Iterable[Event]) -> Iterator[Interval]:
    """The busy intervals, as they end. What never ended (a killed run) is not counted."""
    begun: dict[str, Event] = {}
    undoes: dict[str, str] = {}
    for event in events:
        name, identity, now = text(event, "event"), text(event, "id"), number(event, "mono")
        if name in {"command.started", "act.intent"}:
            begun[identity] = event
            undoes[identity] = text(mapping(event, "undo"), "kind")
        elif name == "command.finished" and identity in begun:
            start = begun.pop(identity)
            yield Interval(start=number(start, "mono"), end=now, what=text(start, "label"))
        elif name == "act.done" and identity in begun:
            start = begun.pop(identity)
            if undoes[identity] in SERVED:
                yield Interval(start=number(start, "mono"), end=now, what=text(start, "text"))
        elif (name == "undo.done" and undoes.get(identity) in SERVED) or name == "wait.finished":
            yield Interval(start=now - number(event, "seconds"), end=now, what=text(event, "text"))


def union(intervals: Iterable[Interval], start: float, end: float) -> tuple[tuple[float, float], ...]:
    """Disjoint (start, end), ascending, cut to the given window; what overlaps is counted once."""
    merged: list[tuple[float, float]] = []
    for each in sorted(intervals, key=lambda interval: interval.start):
        first, last = max(each.start, start), min(each.end, end)
        if last <= first:
            continue
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return tuple(merged)


def gaps(events: Iterable[Event], *, started: float, ended: float) -> tuple[Interval, ...]:
    """Where the overhead is, the longest first: each gap, named by the events that fall into it."""
    known = tuple(events)
    found = []
    at = started
    for start, end in (*union(busy(known), started, ended), (ended, ended)):
        if start > at:
            inside = dict.fromkeys(
                text(event, "event") for event in known if at - 1e-3 <= number(event, "mono") <= start + 1e-3
            )
            found.append(Interval(start=at, end=start, what=" ".join(inside)))
        at = end
    return tuple(sorted(found, key=lambda gap: gap.start - gap.end))
