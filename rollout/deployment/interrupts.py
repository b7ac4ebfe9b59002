"""Turns SIGINT, SIGTERM and SIGHUP into one KeyboardInterrupt, and defers them while a rollback runs."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import stat
import sys
import termios
from collections.abc import Iterator
from types import FrameType


class Interrupts:
    """Maps the first signal to KeyboardInterrupt. Later ones only print that the rollback continues.

    An ignored SIGHUP stays ignored (`nohup`). If the terminal is gone, output to it is discarded, because a write error
    must not end the rollback.

    Inside `shielded()` a signal is only stored in `received`; `raise_kept()` acts on it later.
    """

    def __init__(self) -> None:
        self.received: str | None = None
        self._is_unwinding = False
        self._shields = 0
        self._previous: dict[int, object] = {}

    def install(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number == signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
                continue
            self._previous[number] = signal.signal(number, self._handle)

    def uninstall(self) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        self._previous.clear()

    @contextlib.contextmanager
    def shielded(self) -> Iterator[None]:
        """Signals do not interrupt a rollback in this block. After SIGKILL, `--recover` finishes it."""
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
        if number == signal.SIGHUP:
            _forget_dead_terminals()
        if self._shields or self._is_unwinding:
            with contextlib.suppress(OSError, ValueError, RuntimeError):  # RuntimeError: it came amid another write
                sys.stderr.write(f"\n{name} ignored: the rollback continues until it ends.\n")
            return
        self._is_unwinding = True
        raise KeyboardInterrupt


def _forget_dead_terminals() -> None:
    """Point the descriptors of a closed terminal at /dev/null; an open terminal is left alone.

    Includes the copies that pytest keeps of standard output while it captures.
    """
    nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    try:
        for descriptor in map(int, os.listdir("/dev/fd")):  # noqa: PTH208 - texts are wanted
            with contextlib.suppress(OSError):
                if _has_hung_up(descriptor):
                    os.dup2(nothing, descriptor, inheritable=os.get_inheritable(descriptor))
    finally:
        os.close(nothing)


def _has_hung_up(descriptor: int) -> bool:
    """Whether the descriptor belongs to a closed terminal, whose settings cannot be read."""
    if not stat.S_ISCHR(os.fstat(descriptor).st_mode):
        return False
    try:
        termios.tcgetattr(descriptor)
    except termios.error as error:
        return bool(error.args and error.args[0] == errno.EIO)
    return False
