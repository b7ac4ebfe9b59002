"""Reads a journal file, even if its last line is incomplete, and lists the acts still to undo."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rollout.errors import StateUnusable
from rollout.journal.events import SCHEMA, decode
from rollout.journal.events.undo import ActIntent
from rollout.journal.query import moment

# Event → keys that an undo reads, all of them strings.
_NEEDED = {
    "act.intent": ("id", "text"), "act.done": ("id",), "act.failed": ("id",), "undo.done": ("id",),
    "kept": ("path", "url", "directory", "manage"), "path.started": ("path",), "path.finished": ("path",),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """An announced act with its undo as data.

    `cut_off`: when the act was announced, in seconds since the epoch, if the journal does not say that it ended.
    """

    id: str
    path: str | None
    phase: str | None
    text: str
    undo: Mapping[str, Any]
    cut_off: float | None = None


def read_events(path: Path) -> tuple[dict[str, Any], ...]:
    """Every complete event of a journal. An incomplete last line, left by a kill, is skipped."""
    events: list[dict[str, Any]] = []
    with path.open("rb") as lines:
        for line in lines:
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if isinstance(event, dict) and "event" in event:
                events.append(event)
    return tuple(events)


def read_journal(path: Path) -> tuple[dict[str, Any], ...]:
    """Every event of a journal, checked for an undo. An incomplete last line is skipped.

    Raises StateUnusable if the file is unreadable, a newer version wrote it, or an event lacks a key that undo needs.
    """
    try:
        events = read_events(path)
    except FileNotFoundError:
        return ()  # another process has settled the run
    except OSError as error:
        raise StateUnusable(path=path, reason=str(error.strerror)) from None
    for event in events:
        version = event.get("v", SCHEMA)
        if not isinstance(version, int) or version > SCHEMA:
            reason = f"a newer version of this suite wrote it (schema {version}, this one knows {SCHEMA})"
            raise StateUnusable(path=path, reason=reason)
        if problem := _problem(event):
            raise StateUnusable(path=path, reason=f"it is damaged: its event {event['event']} has {problem}")
    return events


def _problem(event: Mapping[str, Any]) -> str:
    for key in _NEEDED.get(str(event["event"]), ()):
        if not isinstance(event.get(key), str):
            return f"no {key}"
    if event["event"] == "act.intent":
        undo = event.get("undo")
        if not isinstance(undo, dict) or not isinstance(undo.get("kind"), str):
            return "no undo record"
    return ""


def pending_undos(events: Iterable[Mapping[str, Any]]) -> tuple[Act, ...]:
    """The acts that are announced and not undone, oldest first."""
    acts: dict[str, Act] = {}
    for event in events:
        if event["event"] == "act.intent":
            intent = decode(ActIntent, event)
            acts[intent.id] = Act(
                id=intent.id,
                path=intent.path,
                phase=intent.phase,
                text=intent.text,
                undo=intent.undo,
                cut_off=moment(event),
            )
        elif event["event"] in {"act.done", "act.failed"} and event["id"] in acts:
            acts[event["id"]] = replace(acts[event["id"]], cut_off=None)
        elif event["event"] == "undo.done":
            acts.pop(event["id"], None)
    return tuple(acts.values())
