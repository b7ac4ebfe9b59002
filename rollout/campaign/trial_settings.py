"""The settings that all trials of a campaign share, as data that can be sent to a Dask worker."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rollout.config.options import Options


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialSettings:
    """Folders, pytest arguments and the timeout of all trials.

    `home`: the folder in which each trial has a subfolder. `state`: the same for state folders, whose journals recovery
    reads. `cache`: the shared cache; its checkpoints let a trial start near the target phase. `arguments`: those of
    every run (source, forge, database, …). `timeout`: seconds for one run. `session`: the id of the process that runs
    the campaign; a resumed campaign has a new one.
    """

    home: Path
    state: Path
    cache: Path
    arguments: tuple[str, ...]
    population: str
    timeout: float
    session: str = ""

    @property
    def bytecode(self) -> Path:
        """The folder for the bytecode that Python compiles for trials, even if the user disabled bytecode files."""
        return self.home / "__pycache__"


def arguments(options: Options) -> tuple[str, ...]:
    """The options of the campaign that every run of a trial gets too."""
    return options.as_arguments(
        "source", "git_source", "scenario", "forge", "database", "assets", "source_key", "offline", "stage", "from"
    )
