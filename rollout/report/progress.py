"""Tracks the current phase and commands of each path, and formats them for a terminal."""

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
    """The progress of one path. `doing`: the current phase or rollback, "" for none; `since`: its monotonic start."""

    phases: int = 0
    done: int = 0
    doing: str = ""
    since: float = 0.0

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.since


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A running command. `path`: "" if it belongs to no path."""

    path: str
    label: str
    since: float


@dataclass(slots=True, kw_only=True)
class Progress:
    """The unfinished paths by name, and the running commands by id."""

    paths: dict[str, Work] = field(default_factory=dict)
    commands: dict[str, Running] = field(default_factory=dict)

    def of(self, path: str) -> Work:
        return self.paths.setdefault(path, Work())

    @property
    def busy(self) -> Mapping[str, Work]:
        """The paths with a current phase or rollback."""
        return {path: work for path, work in self.paths.items() if work.doing}

    def running(self, path: str) -> tuple[Running, ...]:
        """The running commands of a path, newest last."""
        return tuple(command for command in list(self.commands.values()) if command.path in {path, ""})

    def table(self, spinner: Spinner) -> RenderableType:
        """For each busy path: what it does and for how long, its newest commands, and its number of phases."""
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
        """A sentence for each path whose current phase or rollback takes longer than `seconds`."""
        for path, work in self.busy.items():
            if work.seconds >= seconds:
                commands = self.running(path)
                at = f", command: {commands[-1].label}" if commands else ""
                yield f"{work.doing}: still running after {duration(work.seconds)}{at}"
