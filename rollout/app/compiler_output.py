"""Reads the warnings of Elixir's compiler from its output."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_WARNING = re.compile(r"^\s*warning: (?P<text>.+)$")
# Elixir 1.16 and newer draw a box around the code; older ones indent the place.
_PLACE = re.compile(r"^\s+(?:└─ )?(?P<file>[\w./-]+\.(?:exs?|heex|eex|leex|erl)):(?P<line>\d+)")
_WITHIN = 12  # lines after the text of a warning


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned:
    """A warning. `place` is `file:line`, "" if the compiler names none."""

    text: str
    place: str

    def __str__(self) -> str:
        return f"{self.place}: {self.text}" if self.place else self.text


def warnings(output: str) -> tuple[Warned, ...]:
    """The warnings in the output of `mix compile`, in order, without repetitions."""
    return tuple(dict.fromkeys(_warnings(output.splitlines())))


def _warnings(lines: list[str]) -> Iterator[Warned]:
    for number, line in enumerate(lines):
        if found := _WARNING.match(line):
            place = ""
            for after in lines[number + 1 : number + 1 + _WITHIN]:
                if _WARNING.match(after):
                    break
                if where := _PLACE.match(after):
                    place = f"{where['file']}:{where['line']}"
                    break
            yield Warned(text=found["text"].strip(), place=place)
