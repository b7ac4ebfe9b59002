"""What the paths of a run are at, and the few lines that show it on a terminal."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from rich.console import RenderableType
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from rollout.text.plain import duration

_COMMANDS_SHOWN = 3


@dataclass(slots=True, kw_only=True)
class Work:
    """What a path is at: how many of its phases are done, and what it is doing since when ("" for nothing)."""

    phases: int = 0
    done: int = 0
    doing: str = ""
    since: float = 0.0

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.since


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A command that has begun and not ended; `path` is "" where it belongs to none."""

    path: str
    label: str
    since: float


@dataclass(slots=True, kw_only=True)
class Progress:
    """The work of every path that is not over, and the commands that run, by id."""

    paths: dict[str, Work] = field(default_factory=dict)
    commands: dict[str, Running] = field(default_factory=dict)

    def of(self, path: str) -> Work:
        return self.paths.setdefault(path, Work())

    @property
    def busy(self) -> Mapping[str, Work]:
        """The paths that are doing something."""
        return {path: work for path, work in self.paths.items() if work.doing}

    def running(self, path: str) -> tuple[Running, ...]:
        """The commands of a path, the last begun last."""
        return tuple(command for command in list(self.commands.values()) if command.path in {path, ""})

    def table(self, spinner: Spinner) -> RenderableType:
        """For each busy path what it does and for how long, its newest commands, and how far it is."""
        table = Table.grid(padding=(0, 1))
        for path, work in self.busy.items():
            table.add_row(spinner, Text(work.doing, "bold"), Text(duration(work.seconds), "cyan"))
            for command in self.running(path)[-_COMMANDS_SHOWN:]:
                label = Text(command.label, "dim", overflow="ellipsis", no_wrap=True)
                table.add_row("", label, Text(duration(time.monotonic() - command.since), "dim"))
            if work.phases:
                table.add_row("", Text(f"{path} {min(work.done + 1, work.phases)}/{work.phases}", "dim"), "")
        return table

    def overdue(self, seconds: float) -> Iterator[str]:
        """A sentence for each path that has been at the same thing for longer than that."""
        for path, work in self.busy.items():
            if work.seconds >= seconds:
                commands = self.running(path)
                at = f", at {commands[-1].label}" if commands else ""
                yield f"{work.doing}: still going after {duration(work.seconds)}{at}"
