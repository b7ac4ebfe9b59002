"""Removes terminal codes from test reports before they are written to files."""

from __future__ import annotations

import io
from typing import Any

from _pytest._code.code import TerminalRepr
from _pytest._io import TerminalWriter

from rollout.text.plain import plain

_STARTS = ("\x1b", "\x9b")  # what a terminal code begins with


def without_codes(told: Any) -> Any:
    """The representation of a failure without terminal codes, changed in place; on a terminal it is coloured as ever.

    With forced colours (PY_COLORS=1, FORCE_COLOR) pytest highlights the difference of an assertion in the message
    itself, and a representation that is turned into text; junit.xml would hold `#x1B[31m`.
    """
    if isinstance(told, str):
        return plain(told) if any(start in told for start in _STARTS) else told
    if isinstance(told, list | tuple):
        return type(told)(without_codes(part) for part in told)
    if isinstance(told, TerminalRepr):
        for name, part in vars(told).items():
            setattr(told, name, without_codes(part))
        told.__class__ = _uncoloured(type(told))
    return told


def _uncoloured(kind: type[TerminalRepr]) -> type[TerminalRepr]:
    return type(kind.__name__, (kind,), {"__str__": _as_text})


def _as_text(told: TerminalRepr) -> str:
    """What TerminalRepr.__str__ does, whatever the environment says of colours."""
    written = io.StringIO()
    writer = TerminalWriter(file=written)
    writer.hasmarkup = False
    told.toterminal(writer)
    return written.getvalue().strip()
