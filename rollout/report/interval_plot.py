"""Computes a plot of confidence intervals: one row, line and point for each rate. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_MARGIN = 3.0  # per cent of the width, so that a dot at an end is whole
ROW, HEAD, FOOT = 46, 6, 26  # pixels: a row (its label above its line), above the rows, for the scale below


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """One interval. `value`: its middle in words. `words`: the whole interval in words."""

    label: str
    value: str
    words: str
    low: float
    middle: float
    high: float
    tone: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An interval in the plot: x in per cent of the width, y in pixels."""

    label: str
    value: str
    low: float
    middle: float
    high: float
    tone: str
    text_y: int
    line_y: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A number of the scale. `anchor`: start, middle or end. `is_zero`: the zero line of differences."""

    x: float
    label: str
    anchor: str
    is_zero: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """The content of an SVG without a viewBox, so that it fills the width and its text keeps its size.

    `desc`: all intervals in words.
    """

    anchor: str
    title: str
    desc: str
    height: int
    rows: tuple[Row, ...]
    ticks: tuple[Tick, ...]


def plot(anchor: str, title: str, intervals: Sequence[Interval], *, least: float, most: float) -> Plot | None:
    """The plot of intervals between `least` and `most`; None without intervals.

    A `least` below 0 means differences. `anchor`: prefix of the ids in the page.
    """
    if not intervals:
        return None

    def x(value: float) -> float:
        part = (min(max(value, least), most) - least) / (most - least)
        return round(_MARGIN + part * (100 - 2 * _MARGIN), 2)

    unit = " points" if least < 0 else "\N{NO-BREAK SPACE}%"
    quarters = [least + (most - least) * part / 4 for part in range(5)]
    return Plot(
        anchor=anchor,
        title=title,
        desc="; ".join(f"{one.label}: {one.words}" for one in intervals),
        height=HEAD + ROW * len(intervals) + FOOT,
        rows=tuple(
            Row(label=one.label, value=one.value, low=x(one.low), middle=x(one.middle), high=x(one.high),
                tone=one.tone, text_y=HEAD + ROW * number + 16, line_y=HEAD + ROW * number + 32)
            for number, one in enumerate(intervals)
        ),
        ticks=tuple(
            Tick(
                x=x(value),
                label=f"{value * 100:+.0f}{unit if number == 4 else ''}" if least < 0 and value
                else f"{value * 100:.0f}{unit if number == 4 else ''}",
                anchor={0: "start", 4: "end"}.get(number, "middle"),
                is_zero=least < 0 and abs(value) < 1e-9,
            )
            for number, value in enumerate(quarters)
        ),
    )  # fmt: skip
