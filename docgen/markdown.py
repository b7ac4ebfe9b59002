"""Tables in Markdown."""

from __future__ import annotations

from collections.abc import Iterable


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table with the names of its columns and its rows. Bars in cells are escaped."""
    names = tuple(head)
    cells = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    return "\n".join((_row(names), f"|{'---|' * len(names)}", *map(_row, cells)))


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
