"""Intervals as a picture: rows of a label, a line from low to high, and a dot; in per cent of the width. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_MARGIN = 3.0  # per cent of the width, so that a dot at an end is whole
ROW, HEAD, FOOT = 46, 6, 26  # pixels: a row (its label above its line), above the rows, for the scale below


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One interval: `value` is its middle in words, `words` say all that the line shows."""

    label: str
    value: str
    words: str
    low: float
    middle: float
    high: float
    tone: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A mark in the picture: x in per cent of the width, y in pixels."""

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
    """A number of the scale. `anchor`: start, middle or end. `is_zero`: the line that a difference has to exclude."""

    x: float
    label: str
    anchor: str
    is_zero: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """An SVG without a viewBox: it is as wide as there is room, and its text keeps its size. `desc` says all of it."""

    anchor: str
    title: str
    desc: str
    height: int
    rows: tuple[Row, ...]
    ticks: tuple[Tick, ...]


def picture(anchor: str, title: str, marks: Sequence[Mark], *, least: float, most: float) -> Picture | None:
    """The picture of intervals between `least` and `most`; None without one. With `least` below 0 they are differences.

    `anchor` is the beginning of the ids in the page.
    """
    if not marks:
        return None

    def x(value: float) -> float:
        part = (min(max(value, least), most) - least) / (most - least)
        return round(_MARGIN + part * (100 - 2 * _MARGIN), 2)

    unit = " points" if least < 0 else "\N{NO-BREAK SPACE}%"
    quarters = [least + (most - least) * part / 4 for part in range(5)]
    return Picture(
        anchor=anchor,
        title=title,
        desc="; ".join(f"{mark.label}: {mark.words}" for mark in marks),
        height=HEAD + ROW * len(marks) + FOOT,
        rows=tuple(
            Row(label=mark.label, value=mark.value, low=x(mark.low), middle=x(mark.middle), high=x(mark.high),
                tone=mark.tone, text_y=HEAD + ROW * number + 16, line_y=HEAD + ROW * number + 32)
            for number, mark in enumerate(marks)
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
