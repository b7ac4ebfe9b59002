"""Draws boxes, arrows and text as SVG that is readable on light and dark pages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from html import escape

_STYLE = """
  svg { --paper: #ffffff; --ink: #1c1e26; --soft: #5b6070; --line: #8a90a2; }
  svg { --box: #f1f0f7; --edge: #b6b2d6; --mark: #5e4bb6; }
  @media (prefers-color-scheme: dark) {
    svg { --paper: #1f2129; --ink: #e8e9ef; --soft: #a9adbb; --line: #7c8296; }
    svg { --box: #2a2c38; --edge: #56528a; --mark: #a99af0; }
  }
  text { font-family: system-ui, sans-serif; font-size: 14px; fill: var(--ink); }
  .soft { fill: var(--soft); font-size: 12.5px; }
  .title { font-weight: 600; }
  .paper { fill: var(--paper); }
  .box { fill: var(--box); stroke: var(--edge); }
  .line { stroke: var(--line); fill: none; stroke-width: 1.4; }
  .grid { stroke: var(--edge); stroke-opacity: .35; }
  .mark { fill: var(--mark); }
  .head { fill: var(--line); }
"""
_LINE = 18


@dataclass(kw_only=True)
class Drawing:
    """An SVG picture in the making. Sizes are in pixels; `text` describes it for people who do not see it."""

    width: int
    height: int
    text: str
    _parts: list[str] = field(default_factory=list)

    def box(self, corner: tuple[int, int], size: tuple[int, int], title: str, lines: Iterable[str] = ()) -> None:
        """A box, given by its upper left corner, with a bold title and lines of text."""
        (x, y), (width, height) = corner, size
        self._parts.append(f'<rect class="box" x="{x}" y="{y}" width="{width}" height="{height}" rx="8"/>')
        self.write(x + 12, y + 22, title, kind="title")
        for number, line in enumerate(lines, 1):
            self.write(x + 12, y + 22 + number * _LINE, line, kind="soft")

    def write(self, x: int, y: int, text: str, *, kind: str = "", turned: int = 0) -> None:
        """Text that begins at a point; `turned` by so many degrees."""
        turn = f' transform="rotate({turned} {x} {y})"' if turned else ""
        self._parts.append(f'<text class="{kind}" x="{x}" y="{y}"{turn}>{escape(text)}</text>')

    def arrow(self, *points: tuple[int, int]) -> None:
        """A line through the points, with a head at the last."""
        line = " ".join(f"{x},{y}" for x, y in points)
        self._parts.append(f'<polyline class="line" points="{line}" marker-end="url(#head)"/>')

    def line(self, start: tuple[int, int], end: tuple[int, int]) -> None:
        """A thin line, of a grid."""
        self._parts.append(f'<path class="grid" d="M{start[0]} {start[1]}L{end[0]} {end[1]}"/>')

    def dot(self, x: int, y: int) -> None:
        """A mark in a grid."""
        self._parts.append(f'<circle class="mark" cx="{x}" cy="{y}" r="4.5"/>')

    def cell(self, corner: tuple[int, int], size: int) -> None:
        """A filled square of a grid."""
        self._parts.append(f'<rect class="box" x="{corner[0]}" y="{corner[1]}" width="{size}" height="{size}"/>')

    def svg(self) -> str:
        """The picture as a file."""
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" role="img" '
            f'aria-label="{escape(self.text)}">'
        )
        marker = (
            '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" '
            'markerWidth="7" markerHeight="7" orient="auto">'
            '<path class="head" d="M0 0L8 4L0 8z"/></marker></defs>'
        )
        paper = f'<rect class="paper" width="{self.width}" height="{self.height}" rx="10"/>'
        return "\n".join((head, f"<style>{_STYLE}</style>", marker, paper, *self._parts, "</svg>", ""))
