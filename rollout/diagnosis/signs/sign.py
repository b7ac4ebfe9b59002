"""A sign: a pattern in a command's output, with the cause that it shows."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sign:
    """`pattern` is searched in the whole output; its group `package` names the package at fault."""

    cause: str
    pattern: re.Pattern[str]


def signs(cause: str, *patterns: str) -> tuple[Sign, ...]:
    """One sign for each pattern. `^` and `$` match at lines."""
    return tuple(Sign(cause, re.compile(pattern, re.MULTILINE)) for pattern in patterns)
