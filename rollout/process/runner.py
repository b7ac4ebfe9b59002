"""Runs a command to its end: passes its output on, enforces its deadline, and stops its whole process group."""

from __future__ import annotations

import contextlib
import signal
import time
from collections import deque
from collections.abc import Callable

from rollout.process.request import LOST, TAIL_BYTES, Launcher, Observer, Outcome, Request, Running

_POLL = 0.1
_RUN_AT_MOST = 5
_LONGEST_LINE = 8192  # bytes; the start of a longer line is not searched
_STEPS = ((signal.SIGINT, 3.0), (signal.SIGTERM, 3.0), (signal.SIGKILL, 5.0))


def execute(request: Request, launcher: Launcher, observer: Observer) -> Outcome:
    """Run and observe a command. Returns its Outcome, also for a failed command.

    If the container engine lost its output, a repeatable command is run again; otherwise its tail ends with LOST.
    A KeyboardInterrupt (Ctrl-C, or a mapped SIGTERM) first stops the command and is then raised again.
    """
    log = observer.started(request)
    began = time.monotonic()
    tail = Tail()

    def outcome(exit_code: int | None, *, timed_out: bool = False, is_whole: bool = True) -> Outcome:
        ended = Outcome(
            request=request,
            exit_code=exit_code,
            seconds=time.monotonic() - began,
            tail=tail.text(),
            log=log,
            timed_out=timed_out,
            is_whole=is_whole,
        )
        observer.finished(ended)
        return ended

    until = began + request.deadline
    left = _RUN_AT_MOST if request.repeatable else 1
    while True:
        try:
            running = launcher.launch(request)
        except OSError as error:
            message = f"{request.argv[0]}: {error.strerror or error}\n".encode()
            tail.add(message)
            observer.output(message)
            return outcome(None)
        try:
            observer.running(request, running.identity)
            finished = _drain(running, tail, observer.output, until=until)
            if not finished:
                stop(running, tail, observer.output)
            elif not running.is_whole:
                tail.add(LOST)
                observer.output(LOST)
        except BaseException:
            # The observer itself may have failed (a full disk), so the command is stopped without it.
            with contextlib.suppress(KeyboardInterrupt):
                stop(running, tail, _discard)
            with contextlib.suppress(Exception):
                outcome(running.exit_code())
            raise
        left -= 1
        if not finished or running.is_whole or not left:
            return outcome(running.exit_code(), timed_out=not finished, is_whole=running.is_whole)
        tail = Tail()


def _discard(chunk: bytes) -> None:
    """Ignore the output."""


def _drain(running: Running, tail: Tail, observe: Callable[[bytes], None], *, until: float) -> bool:
    """Read until the command ends (True) or the monotonic time `until` is reached (False)."""
    while True:
        left = until - time.monotonic()
        if left <= 0:
            return False
        chunk = running.read(min(_POLL, left))
        if chunk is None:
            return True
        if chunk:
            tail.add(chunk)
            observe(chunk)


def stop(running: Running, tail: Tail, observe: Callable[[bytes], None]) -> None:
    """Send SIGINT, then SIGTERM, then SIGKILL to the whole process group, with time in between."""
    for number, patience in _STEPS:
        running.signal(number)
        if _drain(running, tail, observe, until=time.monotonic() + patience):
            return


class Tail:
    """The last TAIL_BYTES of a stream."""

    def __init__(self) -> None:
        self._chunks: deque[bytes] = deque()
        self._size = 0
        self._is_cut = False

    def add(self, chunk: bytes) -> None:
        self._chunks.append(chunk)
        self._size += len(chunk)
        while self._size - len(self._chunks[0]) >= TAIL_BYTES:
            self._size -= len(self._chunks.popleft())
            self._is_cut = True

    def text(self) -> str:
        """The tail as text. A cut tail starts with a whole line, so that no half secret escapes masking."""
        data = b"".join(self._chunks)
        if self._is_cut or len(data) > TAIL_BYTES:
            data = data[-TAIL_BYTES:]
            data = data[data.find(b"\n", 0, _LONGEST_LINE) + 1 :]
        return data.decode("utf-8", "replace")
