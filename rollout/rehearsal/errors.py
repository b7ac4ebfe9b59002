"""Errors of scenarios, and of building the registry of stand-in packages."""

from __future__ import annotations

from pathlib import Path

from rollout.errors import RolloutError, UsageError
from rollout.installation import command


class InvalidScenario(UsageError):
    """A scenario file is invalid."""

    def __init__(self, *, file: Path, where: str, problem: str) -> None:
        super().__init__(f"{file}: {where}: {problem}.", advice="Correct the scenario. Nothing was built.")


class RegistryNotBuilt(RolloutError):
    """`mix hex.registry build` failed."""

    cause = "registry_error"

    def __init__(self, *, scenario: str, exit_code: int, output: str) -> None:
        super().__init__(
            f"The registry of the rehearsal scenario {scenario!r} was not built (exit code {exit_code}): "
            f"{output.strip()[-800:] or 'nothing was printed'}",
            advice=f"Run again. If it fails again, the forge's Hex may be too old (`{command('doctor')}`).",
        )
