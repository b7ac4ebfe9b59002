"""Runs a short command on this machine and returns its exit code and output.

It is for commands that the journal does not record: queries, and preparations before a run. The commands of a phase go
through `runner.execute`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """How a command ended. `exit_code` is negative for a signal, as in `subprocess`."""

    exit_code: int
    stdout: bytes
    stderr: bytes

    @property
    def ok(self) -> bool:
        return self.exit_code == 0

    @property
    def text(self) -> str:
        """Standard output as text. Bytes that are not UTF-8 are replaced."""
        return self.stdout.decode("utf-8", "replace")

    @property
    def messages(self) -> str:
        """Standard error as text, without white space at its ends."""
        return self.stderr.decode("utf-8", "replace").strip()


def capture(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    deadline: float,
    cwd: Path | str | None = None,
    stdin: bytes = b"",
    stdout: IO[bytes] | None = None,
    uninterrupted: bool = False,
) -> Captured:
    """Run a command to its end. It has a session of its own, so Ctrl-C in the terminal does not reach it.

    `stdout`: an open file that gets standard output; `Captured.stdout` is empty then. `uninterrupted`: after a
    KeyboardInterrupt, wait for the command's end before raising it. Without it the command is killed.

    Raises OSError if the command cannot be started, and TimeoutError (an OSError) after `deadline` seconds. The command
    and its process group are killed then.
    """
    with subprocess.Popen(
        argv, cwd=cwd, env=dict(env), stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
        stdout=stdout or subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    ) as process:  # fmt: skip
        try:
            output, messages = process.communicate(stdin or None, timeout=deadline)
        except subprocess.TimeoutExpired:
            _kill(process)
            raise TimeoutError(f"`{' '.join(argv)}` did not end within {deadline:g} s") from None
        except KeyboardInterrupt:
            if uninterrupted:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.communicate(timeout=deadline)
            _kill(process)
            raise
    return Captured(exit_code=process.returncode, stdout=output or b"", stderr=messages)


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
