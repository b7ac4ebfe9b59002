"""Makes standard output and error accept everything: any character, and writing after they are gone."""

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


def accept_everything() -> None:
    """Make both output streams raise neither UnicodeEncodeError nor OSError. Call at the start; repeatable.

    Characters that the encoding lacks are replaced. An output that cannot be written (a full disk, a closed pipe) is
    redirected to /dev/null and the program goes on, so its exit code still says what it did.
    """
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors=_HANDLER)
    sys.stdout, sys.stderr = _lasting(sys.stdout, _tell_of_loss), _lasting(sys.stderr, lambda error: None)


class _Lasting:
    """Wraps a stream: after a write error it discards all output. Other attributes are the stream's own."""

    def __init__(self, stream: TextIO, tell: Callable[[OSError], None]) -> None:
        self._stream = stream
        self._tell = tell
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
        """Redirect the descriptor to /dev/null. Repeated where pytest's capturing has restored it."""
        with contextlib.suppress(OSError, ValueError):  # a stream in memory has no descriptor
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, self._stream.fileno())
            os.close(nothing)
        if not self._is_lost:
            self._is_lost = True
            self._tell(error)


def _lasting(stream: TextIO, tell: Callable[[OSError], None]) -> TextIO:
    given: object = stream  # None if it was closed at the start
    if given is None or isinstance(given, _Lasting):
        return stream
    return cast("TextIO", _Lasting(stream, tell))


def _tell_of_loss(error: OSError) -> None:
    if not isinstance(error, BrokenPipeError):  # the reader has seen enough
        print(f"WARNING: standard output cannot be written: {error.strerror}. Further output is discarded.",
              file=sys.stderr)  # fmt: skip


def restart_with_open_outputs() -> None:
    """Restart this program with /dev/null in place of an output that was closed when it was started.

    Python sets such an output to None, and pytest's own write or flush of it raises AttributeError.
    """
    if sys.__stdout__ is not None and sys.__stderr__ is not None:
        return
    for descriptor, stream in enumerate((sys.__stdin__, sys.__stdout__, sys.__stderr__)):
        if stream is None:  # whatever has the descriptor now was opened later, and perhaps for reading only
            os.dup2(os.open(os.devnull, os.O_RDWR), descriptor)
        os.set_inheritable(descriptor, True)
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - the same program again


def _plainly(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    letters = error.object[error.start : error.end]
    return "".join(_PLAIN.get(letter) or _escaped(letter) for letter in letters), error.end


def _escaped(letter: str) -> str:
    return letter.encode("ascii", "backslashreplace").decode()


codecs.register_error(_HANDLER, _plainly)
