"""Computes the time line of a load: answers by instance, lost and failed requests, latencies, marks. Pure.

Shapes are paths in a box of 1000 × 100 that is stretched to the width of the page. Everything with text is placed by
per cent, so that it keeps its size.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rollout.load.records import Mark
from rollout.report.timeline import Tick, ticks
from rollout.results.load import Figures, LoadSummary, Outage, Series, release_of

_WIDTH, _HEIGHT = 1000, 100
_LEAST_WIDTH = 0.6  # per cent; narrower bands would be overlooked
_LABEL = 7.0  # per cent: the width of a number beside a band
_NEAR = 2.0  # per cent between two bands that are drawn as one
_FLAG = 3.6  # per cent: the width of a flag with its number on a page of 768 px
_LANES = 4
_TONES, _SHADES = 4, 4
_ROUND = (1, 1.5, 2, 3, 4, 5, 6, 8, 10)  # times a power of ten
_LEAST_LAST = 0.25  # of a step: the last one may be short


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """The answers of an instance (or `failed`, `lost`) over time, on top of the ones before. `tone`: CSS classes."""

    name: str
    count: int
    tone: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of latencies. `kind`: p50, p99 or longest."""

    kind: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """A time with lost or failed requests, or without a session. `left`, `width` in per cent.

    `has_room`: the label fits beside it, before the next one; on its left side if `is_right`.
    """

    kind: str
    left: float
    width: float
    label: str
    has_room: bool = True
    is_right: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """A mark with its number, in one of four lanes so that numbers do not cover each other."""

    number: int
    left: float
    lane: int
    seconds: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """A line of a scale. `bottom` in per cent of the height."""

    bottom: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """The whole time line. `windows`: named parts, every second one shaded."""

    areas: tuple[Area, ...]
    rates: tuple[Level, ...]
    lost: tuple[Band, ...]
    failed: tuple[Band, ...]
    lines: tuple[Line, ...]
    latencies: tuple[Level, ...]
    away: tuple[Band, ...]
    windows: tuple[Band, ...]
    flags: tuple[Flag, ...]
    lanes: int
    ticks: tuple[Tick, ...]


def chart(summary: LoadSummary) -> Chart | None:
    """The time line of a load; None for a load without requests."""
    series, seconds = summary.series, max(summary.seconds, 0.001)
    if not sum(series.sent):
        return None
    top = _nice(max(count / width for count, width in zip(series.sent, _widths(series, seconds), strict=True)))
    least, most = _decades(series)
    flags = tuple(_flags(summary.marks, summary.began, seconds))
    return Chart(
        areas=tuple(_areas(series, seconds, top)),
        rates=tuple(Level(bottom=share * 100, label=f"{top * share:g}") for share in (0, 0.5, 1)),
        lost=tuple(_bands("lost", series.lost, series.step, seconds)),
        failed=tuple(_bands("failed", series.failed, series.step, seconds)),
        lines=tuple(_lines(series, seconds, least, most)),
        latencies=tuple(
            Level(bottom=round((power - least) / (most - least) * 100, 1), label=_power(power))
            for power in range(least, most + 1)
        ),
        away=tuple(_away(summary.outages, summary.began, seconds)),
        windows=tuple(_windows(summary.windows, summary.began, seconds)),
        flags=flags,
        lanes=max((flag.lane for flag in flags), default=-1) + 1,
        ticks=ticks(seconds),
    )


def tones(instances: Sequence[str]) -> dict[str, str]:
    """Instance → CSS classes: a colour for its release, and a shade for the instance."""
    releases: dict[str, list[str]] = {}
    for name in instances:
        releases.setdefault(release_of(name), []).append(name)
    return {
        name: f"rel-{release % _TONES} ins-{shade % _SHADES}"
        for release, names in enumerate(releases.values())
        for shade, name in enumerate(names)
    }


def _areas(series: Series, seconds: float, top: float) -> Iterator[Area]:
    widths = _widths(series, seconds)
    base = [0.0] * series.rows
    named = tones(tuple(series.instances))
    layers = [*((name, column, named[name]) for name, column in series.instances.items()),
              ("failed", series.failed, "is-failed"), ("lost", series.lost, "is-lost")]  # fmt: skip
    for name, column, tone in layers:
        if not any(column):
            continue
        upper = [low + count / width / top for low, count, width in zip(base, column, widths, strict=True)]
        yield Area(name=name, count=sum(column), tone=tone, path=_stair(base, upper, series.step, seconds))
        base = upper


def _stair(lower: Sequence[float], upper: Sequence[float], step: int, seconds: float) -> str:
    """The area between two stairs: along the upper one, and back along the lower."""
    ends = [_x(min((row + 1) * step, seconds), seconds) for row in range(len(upper))]
    there = "".join(f"V{_y(high)}H{end}" for high, end in zip(upper, ends, strict=True))
    starts = ["0", *ends[:-1]]
    back = "".join(f"V{_y(low)}H{start}" for low, start in zip(reversed(lower), reversed(starts), strict=True))
    return f"M0 {_y(lower[0])}{there}{back}Z"


def _lines(series: Series, seconds: float, least: int, most: int) -> Iterator[Line]:
    for kind, column in (("longest", series.longest), ("p99", series.p99), ("p50", series.p50)):
        parts, is_open = [], False
        for row, value in enumerate(column):
            if not value:
                is_open = False
                continue
            start, end = (_x(min(at * series.step, seconds), seconds) for at in (row, row + 1))
            height = _y((math.log10(value) - least) / (most - least))
            parts.append(f"V{height}H{end}" if is_open else f"M{start} {height}H{end}")
            is_open = True
        if parts:
            yield Line(kind=kind, path="".join(parts))


def _bands(kind: str, column: Sequence[int], step: int, seconds: float) -> Iterator[Band]:
    """Times with such requests. Those that are close together are one band."""
    found: list[tuple[float, float, int]] = []
    for row, count in enumerate(column):
        if not count:
            continue
        start, end = row * step / seconds * 100, min((row + 1) * step / seconds * 100, 100.0)
        if found and start - found[-1][1] <= _NEAR:
            before = found.pop()
            found.append((before[0], end, before[2] + count))
        else:
            found.append((start, end, count))
    starts = [*(start for start, _, _ in found[1:]), math.inf]
    for (start, end, count), following in zip(found, starts, strict=False):
        left = min(start, 100 - _LEAST_WIDTH)
        yield Band(
            kind=kind,
            left=round(left, 2),
            width=round(min(max(end - start, _LEAST_WIDTH), 100 - left), 2),
            label=f"{count:,}",
            has_room=following - end > _LABEL,
            is_right=following == math.inf and end > 100 - _LABEL,
        )


def _away(outages: Sequence[Outage], began: float, seconds: float) -> Iterator[Band]:
    for one in outages:
        left = min(max((one.at - began) / seconds * 100, 0.0), 100 - _LEAST_WIDTH)
        width = min(max(one.waited / seconds * 100, _LEAST_WIDTH), 100 - left)
        words = f"{one.kind} {one.session}: {one.why}"
        yield Band(kind="broken" if one.is_broken else "away", left=round(left, 2), width=round(width, 2), label=words)


def _windows(windows: Sequence[Figures], began: float, seconds: float) -> Iterator[Band]:
    for number, window in enumerate(windows):
        left = min(max((window.start - began) / seconds * 100, 0.0), 100.0)
        width = min(max(window.seconds, 0.0) / seconds * 100, 100 - left)
        yield Band(
            kind="shaded" if number % 2 else "plain", left=round(left, 2), width=round(width, 2), label=window.name
        )


def _flags(marks: Sequence[Mark], began: float, seconds: float) -> Iterator[Flag]:
    ends = [-_FLAG] * _LANES
    for number, mark in enumerate(sorted(marks, key=lambda each: each.at), 1):
        left = min(max((mark.at - began) / seconds * 100, 0.0), 100.0)
        lane = next((lane for lane, end in enumerate(ends) if end <= left), 0)
        ends[lane] = left + _FLAG
        yield Flag(number=number, left=round(left, 2), lane=lane, seconds=max(0.0, mark.at - began), text=mark.text)


def _widths(series: Series, seconds: float) -> list[float]:
    """The seconds of each step. The last one may be shorter."""
    last = max(seconds - (series.rows - 1) * series.step, series.step * _LEAST_LAST)
    return [*([float(series.step)] * (series.rows - 1)), min(last, float(series.step))]


def _decades(series: Series) -> tuple[int, int]:
    """The powers of ten around all latencies."""
    values = [value for column in (series.p50, series.longest) for value in column if value]
    least, most = (min(values), max(values)) if values else (0.001, 1.0)
    low = math.floor(math.log10(least))
    return low, max(low + 1, math.ceil(math.log10(most)))


def _nice(value: float) -> float:
    """The next round number."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(power * factor for factor in _ROUND if value <= power * factor * 1.0001)


def _power(power: int) -> str:
    return f"{10.0 ** (power + 3):g} ms" if power < 0 else f"{10**power} s"


def _x(at: float, seconds: float) -> str:
    return f"{at / seconds * _WIDTH:.1f}".removesuffix(".0")


def _y(share: float) -> str:
    return f"{(1 - min(max(share, 0.0), 1.0)) * _HEIGHT:.1f}".removesuffix(".0")
