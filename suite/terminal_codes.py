"""Removes terminal codes from test reports before they are written to files."""

from __future__ import annotations

import io
from typing import Any

from _pytest._code.code import TerminalRepr
from _pytest._io import TerminalWriter

from rollout.text.plain import plain

_STARTS = ("\x1b", "\x9b")  # the first character of a terminal code


def without_codes(representation: Any) -> Any:
    """The representation of a failure without terminal codes, changed in place. The terminal still shows colours.

    With forced colours (PY_COLORS=1, FORCE_COLOR) pytest puts codes into the message of an assertion, and into a
    representation that becomes text. junit.xml would contain `#x1B[31m`.
    """
    if isinstance(representation, str):
        return plain(representation) if any(start in representation for start in _STARTS) else representation
    if isinstance(representation, list | tuple):
        return type(representation)(without_codes(part) for part in representation)
    if isinstance(representation, TerminalRepr):
        for name, part in vars(representation).items():
            setattr(representation, name, without_codes(part))
        representation.__class__ = _uncoloured(type(representation))
    return representation


def _uncoloured(kind: type[TerminalRepr]) -> type[TerminalRepr]:
    return type(kind.__name__, (kind,), {"__str__": _as_text})


def _as_text(representation: TerminalRepr) -> str:
    """As TerminalRepr.__str__, but always without colours."""
    written = io.StringIO()
    writer = TerminalWriter(file=written)
    writer.hasmarkup = False
    representation.toterminal(writer)
    return written.getvalue().strip()
