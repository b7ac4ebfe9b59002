"""Reads the documentation as its readers do: commands, and what they print."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_CONSOLE = re.compile(r"^ *```console\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
_TIME = re.compile(r"\d+(?:\.\d+)? (?:h|min|s)\b(?: \d+ (?:min|s)\b)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A command of a page, and the lines that the page shows of its output."""

    command: str
    output: tuple[str, ...]


def shown_commands(page: Path) -> tuple[Shown, ...]:
    """The commands in the console blocks of a page, in order. A comment after two spaces is not part of the command."""
    found = []
    for block in _CONSOLE.findall(page.read_text(encoding="utf-8")):
        for part in re.split(r"^ *\$ ", block, flags=re.MULTILINE)[1:]:
            command, *output = part.splitlines()
            shown = tuple(line for line in output if line.strip())
            found.append(Shown(command=re.sub(r"  +#.*", "", command), output=shown))
    return tuple(found)


def missing_lines(shown: Shown, printed: str) -> tuple[str, ...]:
    """The lines that the page shows and the command did not print.

    Numbers, durations and the width of columns may differ. `…` stands for any text.
    """
    lines = [_masked(line) for line in printed.splitlines()]
    patterns = {line: re.compile(".*".join(map(re.escape, _masked(line).split("…")))) for line in shown.output}
    return tuple(line for line, pattern in patterns.items() if not any(map(pattern.fullmatch, lines)))


def _masked(line: str) -> str:
    timed = _TIME.sub("TIME", line)
    return " ".join(re.sub(r"\d+", "#", timed).split())
