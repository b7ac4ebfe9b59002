"""What keeps a measurement from being taken."""

from __future__ import annotations

from pathlib import Path

from rollout.errors import RolloutError


class RunFailed(RolloutError):
    """A run that was to be measured did not deploy: its times would mean nothing."""

    def __init__(self, *, command: tuple[str, ...], code: int, log: Path, end: str) -> None:
        super().__init__(
            f"`{' '.join(command)}` ended with exit code {code}, so there is nothing to measure. Its end:\n{end}\n",
            advice=f"Read {log}.",
        )


class NothingToMeasure(RolloutError):
    """One side of a comparison gives no answer."""

    def __init__(self, *, what: str, reason: str) -> None:
        super().__init__(f"{what} cannot be measured: {reason}.", advice="See `make doctor`, then run again.")
