"""Computes the verdict of a run from its journal. A verdict lists the outcome of every path. Pure.

`as_json(verdict(events))` is verdict.json. Its contract is `docs/verdict.schema.json`. The journal of a killed run may
end after any event. Events that this version does not know are ignored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rollout.application import APPLICATION
from rollout.journal import read_events
from rollout.journal.query import (
    Event,
    elapsed,
    last,
    lifetime,
    mapping,
    number,
    run_of,
    text,
    texts,
    well_formed,
)
from rollout.results.outcomes import Verdict
from rollout.results.path_outcome import judge_path

__all__ = ["SCHEMA", "Verdict", "application_of", "as_json", "read_events", "verdict"]
SCHEMA = 1


def verdict(events: Sequence[Event]) -> Verdict:
    """The verdict of a run, from the events of its journal."""
    own = well_formed(events)
    started = last(own, "run.started")
    finished = last(own, "run.finished")
    interrupted = last(own, "run.interrupted")
    names = [text(event, "path") for event in own if event["event"] == "path.started"]
    names += [name for name in texts(started, "paths") if name not in names]
    source = mapping(started, "source")
    code = finished.get("exit_code")
    return Verdict(
        run=run_of(own),
        source_kind=text(source, "kind") or "unknown",
        source_detail=text(source, "detail"),
        forge_kind=text(mapping(started, "forge"), "kind") or "unknown",
        database_kind=text(mapping(started, "database"), "kind") or "unknown",
        exit_code=code if isinstance(code, int) and not isinstance(code, bool) else None,
        interrupted=bool(interrupted),
        signal=text(interrupted, "signal") or None,
        killed=bool(own) and not finished,
        rehearsal=source.get("kind") == "rehearsal" or source.get("rehearsal") is True,
        seconds=number(finished, "seconds") or elapsed(lifetime(own)),
        reason=text(finished, "reason"),
        baseline=_baseline(last(own, "baseline.compared")),
        application=application_of(started),
        paths=tuple(judge_path(name, own, alone=len(names) == 1) for name in dict.fromkeys(names) if name),
    )


def application_of(started: Event) -> str:
    """The title of what a run deploys, from its event `run.started`."""
    return text(started, "application") or APPLICATION.title


def as_json(judged: Verdict) -> dict[str, Any]:
    """The content of verdict.json: a mapping for `json.dumps`, with keys in the order of the documentation."""
    paths = {path.name: _plain(asdict(path)) for path in judged.paths}
    for path in paths.values():
        del path["name"]
        for key in ("migrations", "soak"):
            if path[key] is None:
                del path[key]
    return {
        "schema": SCHEMA,
        "run": judged.run,
        "application": judged.application,
        "source": {"kind": judged.source_kind, "detail": judged.source_detail},
        "forge": {"kind": judged.forge_kind},
        "database": {"kind": judged.database_kind},
        "exit_code": judged.exit_code,
        "interrupted": judged.interrupted,
        "signal": judged.signal,
        "killed": judged.killed,
        "rehearsal": judged.rehearsal,
        "seconds": judged.seconds,
        "reason": judged.reason,
        "paths": paths,
        **({} if judged.baseline is None else {"baseline": dict(judged.baseline)}),
    }


def _baseline(compared: Event) -> dict[str, Any] | None:
    return {"run": text(compared, "against"), "worse": list(texts(compared, "worse"))} if compared else None


def _plain(value: Any) -> Any:
    """Turn tuples into lists, recursively, so that the result equals what `json.loads` returns."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple) else value
