"""What can go wrong before a rehearsal begins."""

from __future__ import annotations

from pathlib import Path

from rollout.errors import RolloutError, UsageError


class InvalidScenario(UsageError):
    """A scenario file cannot be what was meant."""

    def __init__(self, *, file: Path, where: str, problem: str) -> None:
        super().__init__(f"{file}: {where}: {problem}.", advice="Correct the scenario; nothing was built.")


class RegistryNotBuilt(RolloutError):
    """`mix hex.registry build` did not make the rehearsal's registry."""

    cause = "registry_error"

    def __init__(self, *, scenario: str, exit_code: int, output: str) -> None:
        super().__init__(
            f"The registry of the rehearsal scenario {scenario!r} was not built (exit code {exit_code}): "
            f"{output.strip()[-800:] or 'nothing was printed'}",
            advice="Run it again; if it stays, the forge's Hex may be too old (`pytest --doctor`).",
        )
