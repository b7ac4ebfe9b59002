"""Launches commands on this machine, each in a session of its own."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
from collections.abc import Mapping

import psutil

from rollout.process.request import Request, Running

_GRACE_AFTER_EXIT = 0.5


class LocalLauncher:
    """Launches commands on this machine. Raises OSError if the program cannot be started."""

    def launch(self, request: Request) -> Running:
        return _LocalProcess(request)


class _LocalProcess:
    def __init__(self, request: Request) -> None:
        self._popen = subprocess.Popen(
            request.argv,
            cwd=request.cwd,
            env=dict(request.env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        assert self._popen.stdout is not None
        self._output = self._popen.stdout
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._output, selectors.EVENT_READ)
        self._quiet_since_exit = 0.0
        self._ended = False
        self._identity = {"pid": self._popen.pid, "created": _created(self._popen.pid)}

    @property
    def identity(self) -> Mapping[str, object]:
        return self._identity

    def read(self, seconds: float) -> bytes | None:
        if self._ended:
            return None
        if self._output.closed:
            return self._await_exit(seconds)
        if self._selector.select(seconds):
            chunk = os.read(self._output.fileno(), 65536)
            if chunk:
                return chunk
            self._close()
            return self._await_exit(seconds)
        if self._popen.poll() is not None:
            # A grandchild may hold the pipe open for ever. Do not wait for it.
            self._quiet_since_exit += seconds
            if self._quiet_since_exit >= _GRACE_AFTER_EXIT:
                self._close()
                return self._await_exit(seconds)
        return b""

    def _close(self) -> None:
        self._selector.close()
        self._output.close()

    def _await_exit(self, seconds: float) -> bytes | None:
        """None if the command has ended; b"" if it still runs without an output. Its deadline limits that."""
        try:
            self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            return b""
        self._ended = True
        self.signal(signal.SIGKILL)
        return None

    def signal(self, number: int) -> None:
        try:
            os.killpg(self._popen.pid, number)
        except (ProcessLookupError, PermissionError):
            return

    def exit_code(self) -> int | None:
        return self._popen.poll()

    @property
    def is_whole(self) -> bool:
        return True  # a pipe loses nothing


def _created(pid: int) -> float | None:
    try:
        return psutil.Process(pid).create_time()
    except psutil.Error:
        return None
