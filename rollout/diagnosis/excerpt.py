"""Chooses the lines of a command's output that a report quotes: those that show the cause."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import takewhile

QUOTED = 700
_LINES = 6
_NEAR = 40  # lines between the sign and another line of the same cause
# Headlines and last lines that only refer to another error.
_EMPTY = re.compile(
    r"Can't continue due to errors on dependencies|A complete log of this run can be found|\(errors have been logged\)"
    r"|Errors may have been logged above|make(?:\[\d+\])?: \*\*\* (?!No rule)|You can get more information"
    r"|compilation terminated\.|exited with 1|npm (?:ERR!|error) (?:errno|syscall)|Exit status"
    r"|^error Command failed|^\s*\(\w+ [\d.]+\) |^\s+at |ELIFECYCLE|^\s*[-=~^.│|]*$"
)
_HEADLINE = re.compile(r"^(?:\*\* \(|FATAL|fatal: )")
_LOOKS_WRONG = re.compile(
    r"(?i)\b(?:error|fatal|fail(?:ed|ure)?|cannot|can't|could ?n[o']t|unable|denied|invalid|missing|not found|refused"
    r"|abort(?:ed|ing)?|wrong|unexpected|undefined)\b"
)
_DEPENDENCY = re.compile(r"^\* [a-z0-9_]+ ")
_NPM = re.compile(r"npm (?:ERR!|error)(?: |$)")
_PLACE = re.compile(r"^\s*└─ (.*)")
_MORE = re.compile(
    r"^\s*(?:DETAIL|HINT|Detail|Hint|CONTEXT|Caused by):? |^\s+(?:hint|constraint|table|column|query): "
    r"|^\s+\* \d\w\w argument: "
)
_WARNED = re.compile(r"^\s*warning: .*", re.MULTILINE)
_SOLVERS_WORDS = re.compile(r"^Because .*?version solving failed\.", re.MULTILINE | re.DOTALL)
_SOLVER = re.compile(r"(?:resolution|solving) failed")
_CHANGING = re.compile(r"\d+")


def lines_to_quote(text: str, match: re.Match[str], patterns: Iterable[re.Pattern[str]], whole: str) -> str:
    """The lines to quote: those of `match`, others nearby of the same cause (`patterns`), the tool's own headline.

    `text` is the part that was searched, `whole` the output with its warnings.
    """
    if _SOLVER.search(match.group(0)) and (words := _SOLVERS_WORDS.search(whole)):
        return " ".join(words.group(0).split())[:900]
    lines = text.splitlines()
    found = _numbers(text, match.start(), match.end())
    for pattern in patterns:
        for other in pattern.finditer(text):
            numbers = _numbers(text, other.start(), other.end())
            if abs(numbers[0] - found[0]) <= _NEAR:
                found = (*found, *numbers)
    chosen = _distinct(_with_context(lines, sorted(set(found)), first=_numbers(text, match.start(), match.end())))
    if "due to warnings" in match.group(0):
        chosen = [*_distinct(line.strip() for line in _WARNED.findall(whole))[:2], *chosen]
    quoted = " / ".join(chosen[:_LINES])[:QUOTED]
    headline = said(text)
    if not _HEADLINE.match(headline) or _EMPTY.search(headline) or headline in quoted:
        return quoted
    return f"{quoted} ({headline})"


def said(text: str) -> str:
    """The tool's last error line, else the last line that looks like an error."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling_lines = [line for line in lines if not _EMPTY.search(line)]
    headlines = [line for line in telling_lines if line.startswith("** (") or line.startswith("FATAL")]
    wrong = [line for line in telling_lines if _LOOKS_WRONG.search(line)]
    return (headlines or wrong or telling_lines or lines or [""])[-1][:500]


def _numbers(text: str, start: int, end: int) -> tuple[int, ...]:
    first = text.count("\n", 0, start)
    return tuple(range(first, first + text.count("\n", start, end) + 1))


def _with_context(lines: list[str], numbers: list[int], *, first: tuple[int, ...]) -> Iterator[str]:
    """The sign's own lines first, then the others in order, each with its package and its place in the code."""
    for number in (*first, *(number for number in numbers if number not in first)):
        if number >= len(lines) or (_EMPTY.search(lines[number]) and number not in first):
            continue
        above = lines[max(0, number - 3) : number]
        if lines[number].startswith("  ") and (owner := next(filter(_DEPENDENCY.match, reversed(above)), None)):
            yield owner.strip()
        below = lines[number + 1 : number + 12]
        begins = lines[number].startswith("** (") and lines[number].endswith(":")  # what is wrong follows
        place = next((match[1] for line in below if (match := _PLACE.match(line))), "")
        yield f"{lines[number].strip()} ({place})" if place and "error" in lines[number] else lines[number].strip()
        yield from (line.strip() for line in (below[:1] if begins else ()))
        yield from (line.strip() for line in below[:6] if _MORE.match(line))
        if _NPM.match(lines[number]):
            yield from (line.strip() for line in takewhile(_NPM.match, below) if not _EMPTY.search(line))


def _distinct(lines: Iterable[str]) -> list[str]:
    """Without repetitions that differ in numbers alone (process ids, times)."""
    kept: dict[str, str] = {}
    for line in lines:
        if line:
            kept.setdefault(_CHANGING.sub("#", line), line[:300])
    return list(kept.values())
