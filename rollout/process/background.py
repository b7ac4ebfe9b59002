"""Starts a program on this machine that runs while the suite does something else.

Examples are the pytest of a trial, a container engine's daemon, and the decoys of a campaign. The caller stops it.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO


class Background:
    """A started program."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self.pid = process.pid

    @property
    def exit_code(self) -> int | None:
        """Negative for a signal, as in `subprocess`; None while the program runs."""
        return self._process.poll()

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    @property
    def output(self) -> IO[bytes]:
        """Its standard output. Only with `pipes`."""
        assert self._process.stdout is not None, "the program was started without pipes"
        return self._process.stdout

    def wait(self, seconds: float | None = None) -> int | None:
        """Wait for its end, at most `seconds`. Returns the exit code; None if it still runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(seconds)
        return None

    def signal(self, number: int) -> None:
        """Send a signal to the program alone, not to its group. Nothing happens after its end."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)

    def kill(self) -> None:
        """Kill the program, wait for its end, and close its pipes."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def stop(self, patience: float) -> None:
        """Send SIGTERM. Kill the program if it still runs after `patience` seconds."""
        self.signal(signal.SIGTERM)
        if self.wait(patience) is None:
            self.kill()


def start(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path | str | None = None,
    log: Path | None = None,
    pipes: bool = False,
) -> Background:
    """Start a program in a session of its own, so Ctrl-C in the terminal does not reach it.

    `log`: the file that gets all its output. `pipes`: standard input and output are pipes of this process. Without
    either, the output is discarded. Raises OSError if the program cannot be started.
    """
    with contextlib.ExitStack() as stack:
        output = stack.enter_context(log.open("wb")) if log else subprocess.DEVNULL
        process = subprocess.Popen(
            argv,
            cwd=cwd,
            env=dict(env),
            stdin=subprocess.PIPE if pipes else subprocess.DEVNULL,
            stdout=subprocess.PIPE if pipes else output,
            stderr=output,
            start_new_session=True,
        )
    return Background(process)
