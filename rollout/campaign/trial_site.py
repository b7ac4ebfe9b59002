"""Where trials are made, as data that can be sent to another machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rollout.config.options import Options


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """`home` is the folder below which each trial has one of its own, `state` that of their journals, by which recovery
    finds what a trial has left. `cache` is shared: its checkpoints let a trial begin where the fault strikes.

    `arguments` are those of every run (source, forge, database, …); `patience` seconds are given to a run, then it is
    stopped. `session` is the sitting in which a campaign is carried out: each time that it is gone on with, another.
    """

    home: Path
    state: Path
    cache: Path
    arguments: tuple[str, ...]
    population: str
    patience: float
    session: str = ""

    @property
    def bytecode(self) -> Path:
        """Where Python keeps what it compiles for trials, also where the user wants none of it beside the sources."""
        return self.home / "__pycache__"


def arguments(options: Options) -> tuple[str, ...]:
    """What a trial's run is told that the campaign was told; what every trial has of its own is left out."""
    told = {
        "source": options.source, "git-source": options.git_source, "scenario": options.scenario,
        "forge": options.forge, "database": options.database, "assets": options.assets,
    }  # fmt: skip
    given = [f"--{name}={value}" for name, value in told.items()]
    if options.source_key:
        given.append(f"--source-key={options.source_key}")
    return (*given, *(("--offline",) if options.offline else ()))
