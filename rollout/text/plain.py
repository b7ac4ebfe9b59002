"""Turns the output of tools into short plain text: without terminal codes and control characters."""

from __future__ import annotations

import math
import re

TAIL_LINES = 200
TAIL_BYTES = 20_000
_ANSI = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|\x1b[\]PX^_][^\x07\x1b]{0,4096}(?:\x07|\x1b\\)"  # OSC, DCS, …: titles, links
    r"|\x1b[ -/]*[0-~]"
    r"|\x9b[0-?]*[ -/]*[@-~]"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")


def plain(value: object) -> str:
    """The value as text without terminal codes. Of a line with carriage returns, only the last state."""
    text = str(value).encode("utf-8", "replace").decode("utf-8")
    text = _ANSI.sub("", text).replace("\r\n", "\n")
    if "\r" in text:
        text = "\n".join(row.rstrip("\r").rpartition("\r")[2] for row in text.split("\n"))
    return _CONTROL.sub("", text)


def tail(value: object, *, lines: int = TAIL_LINES, size: int = TAIL_BYTES) -> str:
    """The last `lines` lines of `plain(value)`, at most `size` bytes. A first line says if the text was longer."""
    raw = "" if value is None else str(value)
    text = plain(raw[-size * 8 :]).strip("\n")
    kept = "\n".join(text.split("\n")[-lines:])
    data = kept.encode("utf-8")
    if len(data) > size:
        kept = data[-size:].decode("utf-8", "ignore")
    if len(kept) == len(text) and len(raw) <= size * 8:
        return text
    return f"[… the beginning is left out; the log file has all of it]\n{kept}"


def line(value: object, limit: int = 300) -> str:
    """`plain(value)` on one line of at most `limit` characters."""
    text = " ".join(plain(str(value)[: limit * 20]).split())
    return text if len(text) <= limit else text[: limit - 1] + "…"


def duration(seconds: float) -> str:
    """Seconds for people: `0.4 s`, `42 s`, `5 min 3 s`, `1 h 2 min`."""
    if not math.isfinite(seconds) or seconds < 0:
        return "–"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def size(count: float) -> str:
    """Bytes for people: `812 B`, `2.4 MB`."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def counted(number: int, noun: str) -> str:
    """`1 check`, `2 checks`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def slug(value: object) -> str:
    """The value as a part of an anchor: lower-case letters, digits and single dashes; "x" if none remain."""
    return re.sub(r"[^a-z0-9]+", "-", line(value, 120).lower()).strip("-") or "x"


def percent(share: float) -> str:
    """`80 %`, with a space that does not break. A share near 0 or 1 is not rounded to it: `< 1 %`, `> 99 %`."""
    if 0 < share < 0.005:
        return "<\N{NO-BREAK SPACE}1\N{NO-BREAK SPACE}%"
    if 0.995 < share < 1:
        return ">\N{NO-BREAK SPACE}99\N{NO-BREAK SPACE}%"
    return f"{share * 100:.0f}\N{NO-BREAK SPACE}%"
