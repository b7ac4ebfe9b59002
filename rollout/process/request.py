"""Types of the process runner, such as the request for a command and its outcome."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

TAIL_BYTES = 64 * 1024
LOST = b"\n[The container engine was too busy and lost the rest of this output.]\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A command: argv without a shell, its whole environment, and a deadline in seconds.

    `label` names it for people and for its log file. Standard input is always empty. `repeatable`: the command has the
    same effect if it runs twice, so it is repeated if the container engine loses its output.
    """

    argv: tuple[str, ...]
    label: str
    cwd: Path
    env: Mapping[str, str] = field(default_factory=dict, repr=False)  # it holds secrets
    deadline: float = 600.0
    repeatable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a command ended. `exit_code` is negative for a signal, as in `subprocess`; None if it did not start.

    `tail` is the end of its output (at most 64 KiB), `log` is the file with all of it. If the container engine lost
    output, `is_whole` is False and the tail ends with LOST.
    """

    request: Request
    exit_code: int | None
    seconds: float
    tail: str
    log: Path | None = None
    timed_out: bool = False
    is_whole: bool = True

    @property
    def ok(self) -> bool:
        return self.exit_code == 0 and not self.timed_out

    def describe(self) -> str:
        """One line: the command and how it ended."""
        if self.timed_out:
            end = f"was stopped after its deadline of {self.request.deadline:.0f} s"
        elif self.exit_code is None:
            end = "could not be started"
        elif self.exit_code < 0 or self.exit_code in (137, 143):
            end = f"was ended by signal {-self.exit_code if self.exit_code < 0 else self.exit_code - 128}"
        else:
            end = f"ended with exit code {self.exit_code}"
        lost = "" if self.is_whole else ", and the container engine lost a part of its output"
        return f"`{' '.join(self.request.argv)}` {end}{lost}"


class Running(Protocol):
    """A started command."""

    @property
    def identity(self) -> Mapping[str, object]:
        """What the journal records about it, for example process id and start time."""

    def read(self, seconds: float) -> bytes | None:
        """Wait at most `seconds` for output. Returns bytes, b"" without output, None after the command's end."""

    def signal(self, number: int) -> None:
        """Send a signal to the whole process group. Nothing happens after its end."""

    def exit_code(self) -> int | None:
        """The exit code, None while it runs."""

    @property
    def is_whole(self) -> bool:
        """After its end: False if the container engine lost a part of its output. True for a killed command."""


class Launcher(Protocol):
    """Starts a command on this machine or in a container."""

    def launch(self, request: Request) -> Running: ...


class Observer(Protocol):
    """Receives the events of a command. `started` is called before the command runs."""

    def started(self, request: Request) -> Path | None:
        """Announce the command. Returns the log file that will hold all output."""

    def running(self, request: Request, identity: Mapping[str, object]) -> None: ...

    def output(self, chunk: bytes) -> None: ...

    def finished(self, outcome: Outcome) -> None: ...


class Quiet:
    """An Observer that records nothing: for commands that change nothing, and before the run has a journal."""

    def started(self, request: Request) -> Path | None:
        return None

    def running(self, request: Request, identity: Mapping[str, object]) -> None: ...

    def output(self, chunk: bytes) -> None: ...

    def finished(self, outcome: Outcome) -> None: ...
