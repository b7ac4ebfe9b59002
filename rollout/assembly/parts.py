"""Cuts those parts out of a source file that need packages of a later overlay.

A part is named by the lines that it begins with. The block that these lines open and the comments above them belong to
it. Text that is no whole line is removed from its line. What is left is tidied as `mix format` writes it.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass

_CLOSES = ("end", ")", "]", "}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """`text` is there once one of `overlays` is laid; until then `before` is in its place."""

    text: str
    overlays: tuple[str, ...]
    before: str = ""

    @property
    def lines(self) -> tuple[str, ...]:
        return tuple(line.strip() for line in self.text.strip("\n").split("\n"))


def without(text: str, parts: Iterable[Part]) -> str:
    """The text without these parts. A part that went with another one is skipped."""
    for part in parts:
        lines = text.split("\n")
        found = _places(lines, part)
        if found:
            text = "\n".join(_cut(lines, found[0], part))
        elif part.text in text:
            text = "\n".join(_shortened(line, part) for line in lines)
    return text


def occurrences(text: str, part: Part) -> int:
    """How often the part is in the text, as lines or else within a line. A part has to be there once."""
    return len(_places(text.split("\n"), part)) or text.count(part.text)


def _places(lines: list[str], part: Part) -> list[int]:
    wanted = list(part.lines)
    bare = [line.strip() for line in lines]
    return [at for at in range(len(lines)) if bare[at : at + len(wanted)] == wanted]


def _cut(lines: list[str], at: int, part: Part) -> list[str]:
    indent = _indent(lines[at])
    end = _end(lines, at + len(part.lines), indent)
    while at > 0 and lines[at - 1].strip().startswith("#") and _indent(lines[at - 1]) == indent:
        at -= 1
    if part.before:
        before = textwrap.indent(part.before.strip("\n"), " " * indent).split("\n")
        return [*lines[:at], *before, *lines[end:]]
    return _joined(lines[:at], lines[end:])


def _end(lines: list[str], after: int, indent: int) -> int:
    """Index behind the block that the line before `after`, indented by `indent`, opens."""
    end = after
    for at in range(after, len(lines)):
        line = lines[at]
        if not line.strip():
            continue
        if _indent(line) > indent:
            end = at + 1
            continue
        closes = end > after and _indent(line) == indent and line.strip().startswith(_CLOSES)
        return at + 1 if closes else end
    return end


def _joined(above: list[str], below: list[str]) -> list[str]:
    """Both, without the blank lines, the comma or the line breaks that only made sense around what was between them."""
    gap = False
    while above and not above[-1].strip():
        above, gap = above[:-1], True
    while below and not below[0].strip() and len(below) > 1:
        below, gap = below[1:], True
    if not above or not below or not below[0].strip():
        return [*above, *below]
    last, first = above[-1], below[0]
    if last.endswith("[") and first.strip().startswith("]"):
        return [*above[:-1], last + first.strip(), *below[1:]]
    if last.endswith(",") and _indent(first) < _indent(last):
        above = [*above[:-1], last[:-1]]
    between = [""] if gap and _indent(first) == _indent(last) else []
    return [*above, *between, *below]


def _shortened(line: str, part: Part) -> str:
    if part.text not in line:
        return line
    return re.sub(r",\s*(?=[\])])", "", re.sub(r"\[,\s*", "[", line.replace(part.text, part.before)))


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
