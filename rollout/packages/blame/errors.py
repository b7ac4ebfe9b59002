"""Errors of a blame analysis that cannot find the packages at fault."""

from __future__ import annotations

from rollout.errors import RolloutError


class SolverFailed(RolloutError):
    """Hex's solver returned neither a solution nor a conflict."""

    def __init__(self, *, why: str) -> None:
        super().__init__(
            f"Hex's solver could not be used: {why}",
            advice="Its output is in the log of `ask Hex's solver`. The failure of the phase is reported separately.",
        )


class RegistryInconclusive(RolloutError):
    """The registry did not respond to every request, so a package can seem to be missing."""

    cause = "registry_unreachable"

    def __init__(self, *, problem: str) -> None:
        super().__init__(
            f"The registry did not respond to every request ({problem}), so its responses prove nothing.",
            advice="Run again once the source responds.",
        )
