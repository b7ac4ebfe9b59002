"""Merges the journals of all compared paths into one journal."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rollout.journal.query import Event, mapping, text, well_formed
from rollout.journal.reader import read_events

JOURNAL = "journal.jsonl"
# The comparison has its own.
_OF_THE_RUN = {"run.started", "run.finished", "run.interrupted"}
_LOG = "log"


def merge(own: Sequence[Event], parts: Mapping[str, Sequence[Event]], folders: Mapping[str, Path]) -> tuple[Event, ...]:
    """The events of a comparison (`own`) and of its paths, in order, with distinct ids and log files.

    `parts` maps a path's name to the journal of its own run, `folders` to that run's folder below the comparison's.
    """
    run = next((text(event, "run") for event in own), "")
    merged = [event for event in own if event.get("event") != "path.run"]
    end = next((n for n, event in enumerate(merged) if event.get("event") == "run.finished"), len(merged))
    adopted = [event for name, events in parts.items() for event in adopt(events, name, folders[name], run=run)]
    return (*merged[:end], *adopted, *merged[end:])


def adopt(events: Sequence[Event], name: str, folder: Path, *, run: str) -> Iterator[Event]:
    """Turn the events of a path's run into events of the comparison `run`."""
    for event in well_formed(events):
        if event["event"] in _OF_THE_RUN:
            continue
        changed: dict[str, Any] = {**event, "run": run, "path": event.get("path") or name}
        if "id" in event:
            changed["id"] = f"{name}/{event['id']}"
        if event.get(_LOG):
            changed[_LOG] = str(folder / str(event[_LOG]))
        failure = mapping(event, "failure")
        if failure.get(_LOG):
            changed["failure"] = {**failure, _LOG: str(folder / str(failure[_LOG]))}
        yield changed


def read_parts(folder: Path, parts: Mapping[str, Path]) -> tuple[Mapping[str, Sequence[Event]], Mapping[str, Path]]:
    """The arguments of `merge`: the journals of the paths' runs, and their folders relative to `folder`."""
    present = {name: place for name, place in parts.items() if (place / JOURNAL).is_file()}
    events = {name: read_events(place / JOURNAL) for name, place in present.items()}
    return events, {name: place.relative_to(folder) for name, place in present.items()}


def read_run(folder: Path) -> tuple[Event, ...]:
    """Every event of the run with reports in `folder`, including those of its paths' runs."""
    own = read_events(folder / JOURNAL)
    parts = {text(event, "path"): folder / text(event, "folder") for event in own if event["event"] == "path.run"}
    return merge(own, *read_parts(folder, parts)) if parts else own


def write_events(path: Path, events: Sequence[Event]) -> None:
    """Replace a journal by these events, in one step."""
    arriving = path.with_name(f".{path.name}.merged")
    with arriving.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(event, ensure_ascii=False, default=str) + "\n" for event in events)
    arriving.replace(path)
