"""Reads values from journal events. Pure. Values of the wrong type are treated as missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

Event = Mapping[str, Any]
_LARGEST = 1e18


def well_formed(events: Sequence[Event]) -> tuple[Event, ...]:
    """The events that have a name. A damaged line may have none."""
    return tuple(event for event in events if isinstance(event.get("event"), str))


def lifetime(events: Sequence[Event]) -> tuple[Event, ...]:
    """The events until the run ended or was killed, without a later recovery or removal."""
    later = (n for n, event in enumerate(events) if text(event, "why") in {"recovery", "undeploy"})
    return tuple(events[: next(later, len(events))])


def run_of(events: Sequence[Event]) -> str:
    """The id of the run that wrote the events; "" if none has one."""
    return str(next((event["run"] for event in events if event.get("run")), ""))


def last(events: Sequence[Event], name: str) -> Event:
    """The last event of that name, or an empty mapping."""
    return next((event for event in reversed(events) if event.get("event") == name), {})


def text(event: Event, key: str) -> str:
    """The value as text, "" if it is missing or null."""
    value = event.get(key)
    return "" if value is None else str(value)


def texts(event: Event, key: str) -> tuple[str, ...]:
    """The value as a tuple of texts, () if it is not a list."""
    value = event.get(key)
    return tuple(map(str, value)) if isinstance(value, list | tuple) else ()


def number(event: Event, key: str) -> float:
    """The value as a number, 0.0 if it is none."""
    value = event.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not -_LARGEST < value < _LARGEST:
        return 0.0
    return float(value)


def mapping(event: Event, key: str) -> Mapping[str, Any]:
    """The value as a mapping, an empty one if it is none."""
    value = event.get(key)
    return value if isinstance(value, Mapping) else {}


def rows(event: Event, key: str) -> tuple[Mapping[str, Any], ...]:
    """The value as a tuple of mappings; items of other types are left out."""
    value = event.get(key)
    return tuple(row for row in value if isinstance(row, Mapping)) if isinstance(value, list | tuple) else ()


def moment(event: Event) -> float | None:
    """When an event happened, in seconds since the epoch; None if its time is unreadable."""
    try:
        return datetime.fromisoformat(str(event.get("t"))).timestamp()
    except (ValueError, OverflowError):
        return None


def elapsed(events: Sequence[Event]) -> float:
    """Seconds from the first to the last of the events."""
    moments = [at for at in map(moment, events) if at is not None]
    return round(max(moments) - min(moments), 3) if moments else 0.0
