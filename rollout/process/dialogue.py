"""Runs a long-running command, reads its output line by line, and stops it at a deadline."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from types import TracebackType

from rollout.errors import RolloutError
from rollout.process.request import Launcher, Observer, Outcome, Request, Running
from rollout.process.runner import Tail, stop

_POLL = 0.1
_GRACE = 5.0


class DialogueEnded(RolloutError):
    """The command gave no further line: it ended, or its time was over."""

    def __init__(self, *, label: str, why: str, tail: str) -> None:
        super().__init__(f"{label}: {why}. Its last output: {tail.strip()[-500:] or 'none'}")


class Dialogue:
    """A command as a context manager. Its exit waits shortly for the command to end, then stops its process group.

    Standard input is empty, as for every command. Input has to go another way, for example through a file.
    """

    def __init__(self, request: Request, launcher: Launcher, observer: Observer) -> None:
        self._request = request
        self._launcher = launcher
        self._observer = observer
        self._tail = Tail()
        self._pending = b""
        self._lines: deque[bytes] = deque()
        self._running: Running | None = None
        self._began = time.monotonic()
        self._ended = False

    def __enter__(self) -> Dialogue:
        """Start the command. Raises DialogueEnded if it cannot be started."""
        self._log = self._observer.started(self._request)
        self._began = time.monotonic()
        try:
            self._running = self._launcher.launch(self._request)
        except OSError as error:
            self._record(f"{self._request.argv[0]}: {error.strerror or error}\n".encode())
            self._finish(None)
            raise self._error("it could not be started") from None
        try:
            self._observer.running(self._request, self._running.identity)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def line(self, *, patience: float) -> str:
        """The next whole line, without its line end. Raises DialogueEnded if none comes within `patience` seconds."""
        assert self._running is not None, "__enter__ comes first"
        until = min(time.monotonic() + patience, self._began + self._request.deadline)
        while not self._lines:
            left = until - time.monotonic()
            if left <= 0:
                raise self._error(f"no answer within {patience:.0f} s")
            chunk = self._running.read(min(_POLL, left))
            if chunk is None:
                self._ended = True
                raise self._error("it ended")
            if chunk:
                self._record(chunk)
                *whole, self._pending = (self._pending + chunk).split(b"\n")
                self._lines.extend(whole)
        return self._lines.popleft().decode("utf-8", "replace")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        running = self._running
        if running is None:
            return
        self._running = None
        with contextlib.suppress(KeyboardInterrupt):
            if kind is None:
                self._await_end(running)
            if not self._ended:
                stop(running, self._tail, self._observer.output if kind is None else lambda chunk: None)
        self._finish(running.exit_code())

    def _await_end(self, running: Running) -> None:
        until = time.monotonic() + _GRACE
        while not self._ended and time.monotonic() < until:
            chunk = running.read(_POLL)
            if chunk is None:
                self._ended = True
            elif chunk:
                self._record(chunk)

    def _record(self, chunk: bytes) -> None:
        self._tail.add(chunk)
        self._observer.output(chunk)

    def _finish(self, exit_code: int | None) -> None:
        self._observer.finished(
            Outcome(
                request=self._request,
                exit_code=exit_code,
                seconds=time.monotonic() - self._began,
                tail=self._tail.text(),
                log=self._log,
            )
        )

    def _error(self, why: str) -> DialogueEnded:
        return DialogueEnded(label=self._request.label, why=why, tail=self._tail.text())
