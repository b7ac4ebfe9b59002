"""Computes the overhead of a run from its journal: the share of its wall time that the suite itself used.

    overhead = (wall − |union of the busy intervals|) / wall

A run is busy while a command runs (command.started → command.finished), while the container engine or the database
server works for it (act.intent → act.done of an act in `SERVED`; its undo, from the seconds of undo.done), and while it
waits for a server (wait.finished, from its seconds). Everything else is overhead: the start of Python and pytest,
imports, fingerprints, checkpoints, journal, reports, and the work of checks without a command.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rollout.journal.query import mapping, number, text

SERVED = frozenset({"container", "network", "role", "embedded", "processes"})
"""Kinds of undo records whose acts the engine, the database server or the operating system carries out."""

Event = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A time span in seconds of the monotonic clock. `what` describes it for people."""

    start: float
    end: float
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Overhead:
    """The overhead of one run, in seconds. `share` is between 0 and 1."""

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
    """The overhead of a run whose process lived from `started` to `ended` (monotonic seconds, measured outside)."""
    intervals = tuple(busy(events))
    return Overhead(
        wall=ended - started,
        busy=sum(end - start for start, end in union(intervals, started, ended)),
        commands=len(intervals),
    )


def busy(events: Iterable[Event]) -> Iterator[Interval]:
    """The busy intervals, in the order of their ends. An interval without an end (a killed run) is not counted."""
    open_events: dict[str, Event] = {}
    undoes: dict[str, str] = {}
    for event in events:
        name, identity, now = text(event, "event"), text(event, "id"), number(event, "mono")
        if name in {"command.started", "act.intent"}:
            open_events[identity] = event
            undoes[identity] = text(mapping(event, "undo"), "kind")
        elif name == "command.finished" and identity in open_events:
            start = open_events.pop(identity)
            yield Interval(start=number(start, "mono"), end=now, what=text(start, "label"))
        elif name == "act.done" and identity in open_events:
            start = open_events.pop(identity)
            if undoes[identity] in SERVED:
                yield Interval(start=number(start, "mono"), end=now, what=text(start, "text"))
        elif (name == "undo.done" and undoes.get(identity) in SERVED) or name == "wait.finished":
            yield Interval(start=now - number(event, "seconds"), end=now, what=text(event, "text"))


def union(intervals: Iterable[Interval], start: float, end: float) -> tuple[tuple[float, float], ...]:
    """The union of intervals within a window: disjoint (start, end), ascending."""
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
    """The intervals of overhead, longest first. Each names the events in it."""
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
