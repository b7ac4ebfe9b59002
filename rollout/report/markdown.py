"""Writes Markdown: escapes text, builds tables and fences, and limits the size for GitHub's job page. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from rollout.text.plain import line

LIMIT = 1_000 * 1024
COMMENT = 60_000  # bytes; GitHub takes 65,536 characters, GitLab more
_CUT = "\n\n*cut here; report.html has the rest*\n"
_SPECIAL = re.compile(r"([\\`*\[\]#|]|~~|(?<!\w)_|_(?!\w))")


def bounded(text: str) -> str:
    """The text, cut at LIMIT bytes."""
    data = text.encode("utf-8")
    if len(data) < LIMIT:
        return text
    return data[: LIMIT - 100].decode("utf-8", "ignore") + _CUT


def fitting(blocks: Iterable[str], limit: int = COMMENT) -> str:
    """The first blocks that fit into `limit` bytes, one below the other. So a fence is never cut."""
    left = limit - len(_CUT)
    taken: list[str] = []
    for block in blocks:
        left -= len(block.encode("utf-8", "replace")) + 1
        if left < 0:
            return "\n".join(taken) + _CUT
        taken.append(block)
    return "\n".join(taken) + "\n"


def fenced(printed: str) -> str:
    """Output in a fenced block with more backticks than the output has in a row."""
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", printed)), default=0))
    return f"{fence}text\n{printed}\n{fence}\n"


def row(cells: Sequence[str]) -> str:
    """A row of a table."""
    return "| " + " | ".join(cell(value) for value in cells) + " |"


def cell(value: str, limit: int = 300) -> str:
    """Text for a table cell, without markup and line breaks."""
    escaped = _SPECIAL.sub(r"\\\1", line(value, limit))
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def code(value: str, limit: int = 200) -> str:
    """Text as inline code."""
    return f"`{line(value, limit).replace('`', chr(39))}`"
