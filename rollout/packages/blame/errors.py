"""What can keep blame from finding out."""

from __future__ import annotations

from rollout.errors import RolloutError


class SolverBroken(RolloutError):
    """Hex's solver gave no answer: neither a solution nor a conflict."""

    def __init__(self, *, why: str) -> None:
        super().__init__(
            f"Hex's solver could not be asked: {why}",
            advice="The log of `ask Hex's solver` has what it printed; the failure itself is told apart from this.",
        )


class RegistryDoubtful(RolloutError):
    """The registry did not answer everything, so that a package may seem to be missing which is not."""

    cause = "registry_unreachable"

    def __init__(self, *, trouble: str) -> None:
        super().__init__(
            f"The registry did not answer everything ({trouble}), so nothing can be concluded from what it said.",
            advice="Run again once the source answers.",
        )
