"""What is run, how it is watched, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

TAIL_BYTES = 64 * 1024
LOST = b"\n[The container engine was too busy and lost the rest of this output.]\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A command: argv without a shell, the whole environment it gets, a deadline in seconds.

    `label` names it for people and for its log file. Standard input is always empty. `repeatable`: running it
    twice is the same as once, so it is run again where what it printed was lost on its way.
    """

    argv: tuple[str, ...]
    label: str
    cwd: Path
    env: Mapping[str, str] = field(default_factory=dict, repr=False)  # secrets are in it
    deadline: float = 600.0
    repeatable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a command did. `exit_code` is negative for a signal (as subprocess has it), None if it never started.

    `tail` is the end of its output (at most 64 KiB), `log` the file with all of it. Where the container engine lost
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
        lost = "" if self.is_whole else ", and the container engine lost output of it"
        return f"`{' '.join(self.request.argv)}` {end}{lost}"


class Running(Protocol):
    """A started command. `read` gives output as it comes."""

    @property
    def identity(self) -> Mapping[str, object]:
        """What the journal keeps of it, e.g. pid and start time."""

    def read(self, seconds: float) -> bytes | None:
        """Wait at most `seconds` for output: bytes, b"" where none came, None where the command has ended."""

    def signal(self, number: int) -> None:
        """Send a signal to the whole process group; silent where it has ended."""

    def exit_code(self) -> int | None:
        """The exit code, None while it runs."""

    @property
    def is_whole(self) -> bool:
        """After its end: False where the container engine lost a part of its output; True where it was killed."""


class Launcher(Protocol):
    """Starts a command somewhere: on this machine, or in a container."""

    def launch(self, request: Request) -> Running: ...


class Observer(Protocol):
    """Sees a command from its intent to its end; `started` comes before anything runs."""

    def started(self, request: Request) -> Path | None:
        """Announce; returns the log file that will hold all output."""

    def running(self, request: Request, identity: Mapping[str, object]) -> None: ...

    def output(self, chunk: bytes) -> None: ...

    def finished(self, outcome: Outcome) -> None: ...


class Quiet:
    """An Observer that keeps nothing: for questions that change nothing, and before there is a journal."""

    def started(self, request: Request) -> Path | None:
        return None

    def running(self, request: Request, identity: Mapping[str, object]) -> None: ...

    def output(self, chunk: bytes) -> None: ...

    def finished(self, outcome: Outcome) -> None: ...
