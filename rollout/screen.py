"""Makes standard output accept every character; those that its encoding lacks are replaced."""

from __future__ import annotations

import codecs
import sys

_HANDLER = "rollout.plain"
_PLAIN = {
    "✔": "+", "✘": "x", "↺": "<", "–": "-", "—": "-", "−": "-", "…": "...", "→": "->", "×": "x", "·": "-", "•": "-",
    "≥": ">=", "≤": "<=", "▸": ">", "“": '"', "”": '"', "„": '"', "\N{NO-BREAK SPACE}": " ",
    "\N{NARROW NO-BREAK SPACE}": " ", "\N{LEFT SINGLE QUOTATION MARK}": "'", "\N{RIGHT SINGLE QUOTATION MARK}": "'",
}  # fmt: skip


def accept_every_character() -> None:
    """Make both output streams replace what they cannot encode. Call at the start of a program; repeatable."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors=_HANDLER)


def _plainly(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    letters = error.object[error.start : error.end]
    return "".join(_PLAIN.get(letter) or _escaped(letter) for letter in letters), error.end


def _escaped(letter: str) -> str:
    return letter.encode("ascii", "backslashreplace").decode()


codecs.register_error(_HANDLER, _plainly)
