"""Builds the report's section about earlier runs: outcomes, durations of phases, and small plots of trends. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from rollout.journal import query
from rollout.journal.query import Event, last, rows, text
from rollout.report.wording import in_words
from rollout.results.attempts import Attempt
from rollout.results.history import from_row
from rollout.text.plain import counted, duration, line

MOST_RUNS = 12  # rows of the table of earlier runs
_MOST_POINTS = 30
WIDTH, HEIGHT, _MARGIN = 120.0, 28.0, 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A run in the plot, in coordinates of the SVG. `kind`: good, bad, or now for the run of the report."""

    x: float
    y: float
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Spark:
    """A sparkline of durations, oldest first. `words`: the same as text."""

    points: tuple[Point, ...]
    words: str

    @property
    def line(self) -> str:
        """The points for an SVG polyline."""
        return " ".join(f"{point.x:g},{point.y:g}" for point in self.points)


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseTrend:
    """The duration of a phase now and before. Only runs in which it passed without a checkpoint count."""

    name: str
    now: str
    remark: str
    median: str
    runs: int
    spark: Spark | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PastRun:
    """An earlier run of a path."""

    run: str
    at: str
    outcome: str
    succeeded: bool
    seconds: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PathTrend:
    """The history of one path, newest run first."""

    path: str
    sentence: str
    spark: Spark | None
    phases: tuple[PhaseTrend, ...]
    runs: tuple[PastRun, ...]
    more: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Trends:
    """The history of all paths. `problem`: why it could not be read. `skipped`: number of invalid lines."""

    paths: tuple[PathTrend, ...]
    problem: str = ""
    skipped: int = 0


def past_of(events: Sequence[Event]) -> tuple[Attempt, ...]:
    """The earlier runs in the journal of a run, oldest first."""
    found = (from_row(row) for row in rows(last(events, "history.read"), "runs"))
    return tuple(one for one in found if one is not None)


def trends(now: Sequence[Attempt], past: Sequence[Attempt], events: Sequence[Event]) -> Trends:
    """The history of every path with an earlier run."""
    read = last(events, "history.read")
    names = dict.fromkeys([one.path for one in now] + [one.path for one in past])
    return Trends(
        paths=tuple(
            _trend(name, next((one for one in now if one.path == name), None), [p for p in past if p.path == name])
            for name in names
            if any(one.path == name for one in past)
        ),
        problem=line(text(read, "problem"), 300),
        skipped=int(query.number(read, "skipped")),
    )


def _trend(path: str, now: Attempt | None, past: Sequence[Attempt]) -> PathTrend:
    good = sum(one.succeeded for one in past)
    sentence = f"{counted(len(past), 'earlier run')}, {good} deployed with every check passed"
    comparable = [one for one in (*past, *((now,) if now else ())) if one.counts and one.succeeded]
    newest_first = list(reversed(past))
    return PathTrend(
        path=line(path, 80),
        sentence=sentence,
        spark=_spark([(one.working_seconds, "now" if one is now else "good") for one in comparable]),
        phases=_phases(now, past),
        runs=tuple(_run(one) for one in newest_first[:MOST_RUNS]),
        more=max(0, len(newest_first) - MOST_RUNS),
    )


def _phases(now: Attempt | None, past: Sequence[Attempt]) -> tuple[PhaseTrend, ...]:
    latest = now or past[-1]
    return tuple(_phase(phase.name, now, past) for phase in latest.phases)


def _phase(name: str, now: Attempt | None, past: Sequence[Attempt]) -> PhaseTrend:
    before = [
        phase.seconds
        for one in past
        for phase in one.phases
        if phase.name == name and phase.outcome == "passed" and not phase.restored
    ]
    own = next((phase for phase in (now.phases if now else ()) if phase.name == name), None)
    now_words, remark = "–", ""
    points = [(seconds, "good") for seconds in before]
    if own and own.outcome not in {"blocked", "not_reached"}:
        now_words, remark = duration(own.seconds), "restored" if own.restored else ""
        if own.outcome == "passed" and not own.restored:
            points.append((own.seconds, "now"))
        elif own.outcome != "passed":
            remark = in_words(own.outcome)
    return PhaseTrend(
        name=line(name, 60),
        now=now_words,
        remark=remark,
        median=duration(statistics.median(before)) if before else "–",
        runs=len(before),
        spark=_spark(points),
    )


def _spark(series: Sequence[tuple[float, str]]) -> Spark | None:
    """The sparkline of at least two durations. Its scale starts at zero, so that small changes look small."""
    series = list(series)[-_MOST_POINTS:]
    if len(series) < 2:
        return None
    top = max(seconds for seconds, _ in series) or 1.0
    step = (WIDTH - 2 * _MARGIN) / (len(series) - 1)
    first, latest = series[0][0], series[-1][0]
    return Spark(
        points=tuple(
            Point(
                x=round(_MARGIN + number * step, 1),
                y=round(HEIGHT - _MARGIN - seconds / top * (HEIGHT - 2 * _MARGIN), 1),
                kind=kind,
            )
            for number, (seconds, kind) in enumerate(series)
        ),
        words=f"{len(series)} runs, from {duration(first)} to {duration(latest)}, at most {duration(top)}",
    )


def _run(one: Attempt) -> PastRun:
    notes = []
    if not one.complete:
        notes.append("not the whole plan")
    if one.interrupted:
        notes.append("interrupted")
    elif one.cause:
        notes.append(f"{one.cause}" + (f" at {one.failed_at}" if one.failed_at else ""))
    if one.checks.failed:
        notes.append(f"{counted(one.checks.failed, 'check')} failed")
    if one.residue:
        notes.append(f"{counted(one.residue, 'thing')} left")
    if one.restored:
        notes.append("with checkpoints")
    return PastRun(
        run=line(one.run, 60),
        at=line(one.at[:16].replace("T", " "), 20),
        outcome=line(one.outcome, 20),
        succeeded=one.succeeded,
        seconds=duration(one.seconds),
        note=line(", ".join(notes), 200),
    )
