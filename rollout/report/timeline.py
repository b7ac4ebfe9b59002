"""The timeline: for each phase, which share of the run went into what. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rollout.journal.questions import Event, lifetime, moment, text
from rollout.outcomes import PathVerdict, PhaseVerdict
from rollout.report.text import duration

_SMALLEST = 0.4  # per cent of the width: what is shorter would not be seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """`kind`: passed, restored, retried, failed, interrupted, rollback, dirty; `left` and `width` in %."""

    kind: str
    left: float
    width: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A phase's row of the timeline."""

    phase: str
    segments: tuple[Segment, ...]


def bars(path: PathVerdict, events: Sequence[Event]) -> tuple[Bar, ...]:
    """A bar for every phase; `events` are those of the path. Phases that never began have no segments."""
    events = lifetime(events)
    moments = [at for at in map(moment, events) if at is not None]
    if not moments:
        return tuple(Bar(phase=phase.name, segments=()) for phase in path.phases)
    start, end = min(moments), max(moments)
    return tuple(
        Bar(phase=phase.name, segments=tuple(_segments(phase, events, start, max(end - start, 0.001), end)))
        for phase in path.phases
    )


def _segments(phase: PhaseVerdict, events: Sequence[Event], start: float, span: float, end: float) -> list[Segment]:
    found: list[Segment] = []
    began: float | None = None
    undoing: float | None = None

    def add(kind: str, since: float, until: float) -> None:
        left = min(100.0 - _SMALLEST, max(0.0, (since - start) / span * 100))
        width = min(100.0 - left, max(_SMALLEST, (until - since) / span * 100))
        seconds = duration(max(0.0, until - since))
        found.append(
            Segment(
                kind=kind,
                left=round(left, 2),
                width=round(width, 2),
                label=f"{phase.name}: {kind}, {seconds}",
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
        add("interrupted", began, end)
    if undoing is not None:
        add("dirty", undoing, end)
    return found
