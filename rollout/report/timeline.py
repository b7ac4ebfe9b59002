"""Computes a timeline with one bar for each phase, for all compared paths. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rollout.journal.query import Event, lifetime, moment, text
from rollout.results.outcomes import PathVerdict, PhaseVerdict
from rollout.text.plain import duration

KINDS = ("passed", "restored", "retried", "failed", "interrupted", "rollback", "dirty")
_SMALLEST = 0.4  # per cent of the width; shorter segments would be invisible
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)
_MOST_TICKS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A part of a bar. `kind`: one of KINDS. `left`, `width`: in per cent of the width."""

    kind: str
    left: float
    width: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """The row of a phase in the timeline."""

    phase: str
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A mark on the scale. `left`: in per cent of the width."""

    left: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The time of a path from its first event to its last, in seconds since the epoch."""

    start: float
    end: float


def span(events: Sequence[Event]) -> Span | None:
    """The span of the events of a path; None if no event has a time."""
    moments = [at for at in map(moment, lifetime(events)) if at is not None]
    return Span(start=min(moments), end=max(moments)) if moments else None


def scale(spans: Sequence[Span | None]) -> float:
    """The number of seconds of the whole width: that of the longest path."""
    return max((each.end - each.start for each in spans if each), default=0.0) or 0.001


def ticks(seconds: float) -> tuple[Tick, ...]:
    """Marks at round times, at most seven."""
    step = next((step for step in _STEPS if seconds / step <= _MOST_TICKS), _STEPS[-1])
    marks = range(0, int(min(seconds, step * _MOST_TICKS)) + 1, step)
    return tuple(Tick(left=round(mark / seconds * 100, 2), label=_label(mark)) for mark in marks)


def bars(
    path: PathVerdict, events: Sequence[Event], *, within: Span | None = None, seconds: float | None = None
) -> tuple[Bar, ...]:
    """A bar for every phase. `events`: those of the path. Phases that never started have no segments."""
    events = lifetime(events)
    within = within or span(events)
    if within is None:
        return tuple(Bar(phase=phase.name, segments=()) for phase in path.phases)
    width = seconds or max(within.end - within.start, 0.001)
    return tuple(
        Bar(phase=phase.name, segments=tuple(_segments(phase, events, within, width))) for phase in path.phases
    )


def kinds(by_path: Mapping[str, Sequence[Bar]]) -> tuple[str, ...]:
    """The kinds of segments that occur, for the legend."""
    present = {part.kind for drawn in by_path.values() for bar in drawn for part in bar.segments}
    return tuple(kind for kind in KINDS if kind in present)


def _segments(phase: PhaseVerdict, events: Sequence[Event], within: Span, width: float) -> list[Segment]:
    found: list[Segment] = []
    began: float | None = None
    undoing: float | None = None

    def add(kind: str, since: float, until: float) -> None:
        left = min(100.0 - _SMALLEST, max(0.0, (since - within.start) / width * 100))
        share = min(100.0 - left, max(_SMALLEST, (until - since) / width * 100))
        found.append(
            Segment(
                kind=kind,
                left=round(left, 2),
                width=round(share, 2),
                label=f"{phase.name}: {kind}, {duration(max(0.0, until - since))}",
            )
        )

    for event in events:
        at = moment(event)
        if event.get("phase") != phase.name or at is None:
            continue
        match event["event"]:
            case "phase.started":
                began = at
            case "phase.retry" if began is not None:
                add("retried", began, at)
                began = at
            case "phase.finished" if began is not None:
                kind = "restored" if event.get("restored") else text(event, "outcome")
                add(kind if kind in {"restored", "passed"} else "failed", began, at)
                began = None
            case "rollback.started":
                if began is not None:
                    add("interrupted", began, at)
                    began = None
                undoing = at
            case "rollback.finished" if undoing is not None:
                add("rollback" if event.get("outcome") == "restored" else "dirty", undoing, at)
                undoing = None
    if began is not None:
        add("interrupted", began, within.end)
    if undoing is not None:
        add("dirty", undoing, within.end)
    return found


def _label(seconds: int) -> str:
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min" if seconds % 60 == 0 else f"{seconds // 60}:{seconds % 60:02d} min"
    return f"{seconds / 3600:g} h"
