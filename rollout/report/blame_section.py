"""Builds the report's sections about blame and package compatibility from the events. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rollout.journal.query import Event, last, number, rows, text, texts
from rollout.text.plain import counted, duration, line, tail

_MOST_PROBES = 100
_MOST_SETS = 20
_MOST_PACKAGES = 60  # rows of the grid
_WORDS = {
    "resolves": "resolves",
    "compiles": "compiles",
    "conflict": "conflict",
    "does_not_compile": "does not compile",
    "missing": "missing",
    "implied": "fails alone",
    "unresolved": "undecided",
    "not_reached": "not reached",
}
_STATES = {
    "resolves": "passed",
    "compiles": "passed",
    "conflict": "failed",
    "does_not_compile": "failed",
    "missing": "failed",
    "implied": "blocked",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CulpritSet:
    """Packages that cause the failure together. `against`: packages of the application that they conflict with."""

    packages: tuple[str, ...]
    against: tuple[str, ...]
    sentence: str
    evidence: str
    is_minimal: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeView:
    """One subset of the packages that was installed on its own."""

    packages: str
    size: int
    state: str
    words: str
    seconds: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BlameView:
    """Why an installation of a path failed. `is_over`: False if the journal has no end of the analysis."""

    path: str
    phase: str
    kind: str
    culprits: tuple[str, ...]
    sentence: str
    evidence: str
    effort: str
    sets: tuple[CulpritSet, ...]
    probes: tuple[ProbeView, ...]
    is_over: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One cell of the grid. `state`: as for checks, "" if the pair was not tested."""

    state: str
    words: str
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixView:
    """Which packages are compatible.

    `rows`: for each package, its cell with the application, then one cell for each package before it in `packages`.
    `faults`: the failed combinations.
    """

    path: str
    sentence: str
    packages: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Pair, ...]], ...]
    faults: tuple[tuple[str, Pair], ...]


def blames(events: Sequence[Event]) -> tuple[BlameView, ...]:
    """One view for each analysis of blame, in order."""
    found = []
    for position, event in enumerate(events):
        if event["event"] == "blame.started":
            path = event.get("path")
            later = [other for other in events[position + 1 :] if other.get("path") == path]
            end = next((n for n, other in enumerate(later) if other["event"] == "blame.started"), len(later))
            found.append(_blame(event, later[:end]))
    return tuple(found)


def matrices(events: Sequence[Event]) -> tuple[MatrixView, ...]:
    """One view for each path with a compatibility grid."""
    cells = [event for event in events if event["event"] == "matrix.cell"]
    return tuple(
        _matrix(path, [cell for cell in cells if text(cell, "path") == path], events)
        for path in dict.fromkeys(text(cell, "path") for cell in cells)
    )


def _blame(started: Event, events: Sequence[Event]) -> BlameView:
    finished = last(events, "blame.finished")
    probes = [event for event in events if event["event"] == "blame.probe"]
    installed = counted(int(number(finished, "probes")) or len(probes), "subset") + " installed"
    return BlameView(
        path=line(text(started, "path"), 80),
        phase=line(text(started, "phase"), 60),
        kind=line(text(finished, "kind"), 40),
        culprits=tuple(line(name, 100) for name in texts(finished, "culprits")),
        sentence=line(text(finished, "sentence"), 2000) or "Blame did not finish.",
        evidence=tail(text(finished, "evidence")),
        effort=f"{installed}, {duration(number(finished, 'seconds'))}" if finished else "",
        sets=tuple(_set(row) for row in rows(finished, "sets")[:_MOST_SETS]),
        probes=tuple(_probe(event) for event in probes[:_MOST_PROBES]),
        is_over=bool(finished),
    )


def _set(row: Mapping[str, object]) -> CulpritSet:
    return CulpritSet(
        packages=tuple(line(name, 100) for name in texts(row, "packages")),
        against=tuple(line(name, 100) for name in texts(row, "against")),
        sentence=line(text(row, "sentence"), 2000),
        evidence=tail(text(row, "evidence")),
        is_minimal=row.get("is_minimal") is not False,
    )


def _probe(event: Event) -> ProbeView:
    outcome, packages = text(event, "outcome"), texts(event, "packages")
    cause = line(text(event, "cause"), 60)
    return ProbeView(
        packages=line(", ".join(packages), 2000) or "none",
        size=len(packages),
        state=outcome if outcome in {"passed", "failed"} else "skipped",
        words=line(outcome, 20) + (f": {cause}" if cause and outcome != "passed" else ""),
        seconds=duration(number(event, "seconds")),
        message=line(text(event, "message"), 300),
    )


def _matrix(path: str, cells: Sequence[Event], events: Sequence[Event]) -> MatrixView:
    finished = last([event for event in events if text(event, "path") == path], "matrix.finished")
    by_names: dict[frozenset[str], Pair] = {}
    for cell in cells:
        names = frozenset(line(name, 100) for name in texts(cell, "packages"))
        # A package alone has two cells if it is compiled too. A failure overrides a success.
        if names not in by_names or _pair(cell).state == "failed":
            by_names[names] = _pair(cell)
    subsets = [texts(cell, "packages") for cell in cells]
    packages = tuple(dict.fromkeys(line(subset[0], 100) for subset in subsets if len(subset) == 1))[:_MOST_PACKAGES]
    empty = Pair(state="", words="not tested", cause="")
    return MatrixView(
        path=line(path, 80),
        sentence=line(text(finished, "sentence"), 2000) or "The grid was not finished.",
        packages=packages,
        rows=tuple(
            (name, tuple(by_names.get(frozenset({name, other}), empty) for other in (name, *packages[:position])))
            for position, name in enumerate(packages)
        ),
        faults=tuple((" + ".join(sorted(names)), pair) for names, pair in by_names.items() if pair.state == "failed"),
    )


def _pair(cell: Event) -> Pair:
    outcome = text(cell, "outcome")
    return Pair(
        state=_STATES.get(outcome, "not_reached"),
        words=_WORDS.get(outcome, line(outcome, 40)),
        cause=line(text(cell, "cause"), 500),
    )
