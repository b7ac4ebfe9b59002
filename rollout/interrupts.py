"""SIGINT and SIGTERM unwind, once; while something is being rolled back they wait."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Iterator
from types import FrameType


class Interrupts:
    """Maps the first of both signals to KeyboardInterrupt; those after it are told that the unwinding goes on.

    Inside `shielded()` a signal is only kept in `received`; `raise_kept()` acts on it where that is safe.
    """

    def __init__(self) -> None:
        self.received: str | None = None
        self._is_unwinding = False
        self._shields = 0
        self._previous: dict[int, object] = {}

    def install(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._previous[number] = signal.signal(number, self._handle)

    def uninstall(self) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        self._previous.clear()

    @contextlib.contextmanager
    def shielded(self) -> Iterator[None]:
        """A rollback in here is not cut short; only SIGKILL is stronger, and `--recover` finishes after that."""
        self._shields += 1
        try:
            yield
        finally:
            self._shields -= 1

    def raise_kept(self) -> None:
        """Raise KeyboardInterrupt for a signal that came while shielded and has not unwound anything yet."""
        if self.received and not self._is_unwinding:
            self._is_unwinding = True
            raise KeyboardInterrupt

    def _handle(self, number: int, frame: FrameType | None) -> None:
        name = signal.Signals(number).name
        self.received = self.received or name
        if self._shields or self._is_unwinding:
            with contextlib.suppress(OSError, ValueError, RuntimeError):  # RuntimeError: it came amid another write
                sys.stderr.write(f"\n{name}: what was done is being undone; that goes on, so that nothing is left.\n")
            return
        self._is_unwinding = True
        raise KeyboardInterrupt
