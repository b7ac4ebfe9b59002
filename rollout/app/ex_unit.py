"""Reads the result of ExUnit from the output of `mix test`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

# `2 doctests, 12 tests, 1 failure, 3 excluded, 1 invalid, 2 skipped`: ExUnit counts what it skipped among its tests,
# and what it excluded not. An umbrella prints one line for each of its applications.
_TALLY = re.compile(
    r"^(?P<kinds>(?:\d+ (?:doctests?|properties|property|tests?|features?), )+)(?P<failed>\d+) failures?"
    r"(?:, \d+ excluded)?(?:, (?P<invalid>\d+) invalid)?(?:, (?P<skipped>\d+) skipped)?",
    re.MULTILINE,
)
_FAILED = re.compile(
    r"^ +\d+\) (?P<name>.+) \((?P<module>[\w.]+)\)\n +(?P<place>[\w./-]+\.exs?:\d+)(?P<rest>(?:\n.+)*)", re.MULTILINE
)
_LINES = 6  # of what a failure says


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedTest:
    """A test that failed. `name` is that of ExUnit, such as `test GET / (ShopWeb.PageTest)`; `place` is file:line."""

    name: str
    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.name} at {self.place}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How many tests passed, failed and were skipped; those that could not be set up are failed."""

    passed: int
    failed: int
    skipped: int

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def tally(output: str) -> Tally | None:
    """The sum of all tallies in the output; None if there is none, because no test has run."""
    found = [_counts(match) for match in _TALLY.finditer(output)]
    if not found:
        return None
    total, failed, skipped = (sum(column) for column in zip(*found, strict=True))
    return Tally(passed=total - failed - skipped, failed=failed, skipped=skipped)


def failures(output: str) -> tuple[FailedTest, ...]:
    """Every test that failed, with the first lines of its message."""
    return tuple(
        FailedTest(
            name=f"{match['name']} ({match['module']})",
            place=match["place"],
            message="\n".join(_unindented(match["rest"].splitlines()[1 : _LINES + 1])),
        )
        for match in _FAILED.finditer(output)
    )


def _counts(match: re.Match[str]) -> tuple[int, int, int]:
    total = sum(map(int, re.findall(r"\d+", match["kinds"])))
    return total, int(match["failed"]) + int(match["invalid"] or 0), int(match["skipped"] or 0)


def _unindented(lines: Iterable[str]) -> list[str]:
    return [line.strip() for line in lines]
