"""Makes standard output and error safe: every character can be written, and a lost stream raises no error."""

from __future__ import annotations

import codecs
import contextlib
import os
import sys
from collections.abc import Callable
from typing import Any, TextIO, cast

_HANDLER = "rollout.plain"
_PLAIN = {
    "✔": "+", "✘": "x", "↺": "<", "–": "-", "—": "-", "−": "-", "…": "...", "→": "->", "×": "x", "·": "-", "•": "-",
    "≥": ">=", "≤": "<=", "▸": ">", "“": '"', "”": '"', "„": '"', "\N{NO-BREAK SPACE}": " ",
    "\N{NARROW NO-BREAK SPACE}": " ", "\N{LEFT SINGLE QUOTATION MARK}": "'", "\N{RIGHT SINGLE QUOTATION MARK}": "'",
}  # fmt: skip


def make_outputs_safe() -> None:
    """Make both output streams raise neither UnicodeEncodeError nor OSError. Call it at the start; it may be repeated.

    Characters that the encoding lacks are replaced. An output that cannot be written (a full disk, a closed pipe) is
    redirected to /dev/null. The program continues, so its exit code is still right.
    """
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors=_HANDLER)
    sys.stdout, sys.stderr = _safe(sys.stdout, _warn_of_loss), _safe(sys.stderr, lambda error: None)


class _SafeStream:
    """Wraps a stream. After a write error it discards all output. Other attributes are those of the stream."""

    def __init__(self, stream: TextIO, warn: Callable[[OSError], None]) -> None:
        self._stream = stream
        self._warn = warn
        self._is_lost = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except OSError as error:
            self._lose(error)
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError as error:
            self._lose(error)

    def _lose(self, error: OSError) -> None:
        """Redirect the descriptor to /dev/null. This is repeated, because pytest's capturing may restore it."""
        with contextlib.suppress(OSError, ValueError):  # a stream in memory has no descriptor
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, self._stream.fileno())
            os.close(nothing)
        if not self._is_lost:
            self._is_lost = True
            self._warn(error)


def _safe(stream: TextIO, warn: Callable[[OSError], None]) -> TextIO:
    given: object = stream  # None if it was closed at the start
    if given is None or isinstance(given, _SafeStream):
        return stream
    return cast("TextIO", _SafeStream(stream, warn))


def _warn_of_loss(error: OSError) -> None:
    if not isinstance(error, BrokenPipeError):  # after a broken pipe nobody reads the output
        print(f"WARNING: standard output cannot be written: {error.strerror}. Further output is discarded.",
              file=sys.stderr)  # fmt: skip


def restart_with_open_outputs() -> None:
    """Restart this program with /dev/null in place of an output that was closed at its start.

    Python sets such an output to None, and then pytest raises AttributeError when it writes.
    """
    if sys.__stdout__ is not None and sys.__stderr__ is not None:
        return
    for descriptor, stream in enumerate((sys.__stdin__, sys.__stdout__, sys.__stderr__)):
        if stream is None:  # the descriptor was opened later by something else, perhaps for reading only
            os.dup2(os.open(os.devnull, os.O_RDWR), descriptor)
        os.set_inheritable(descriptor, True)
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - the same program again


def _replace(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    letters = error.object[error.start : error.end]
    return "".join(_PLAIN.get(letter) or _escaped(letter) for letter in letters), error.end


def _escaped(letter: str) -> str:
    return letter.encode("ascii", "backslashreplace").decode()


codecs.register_error(_HANDLER, _replace)
