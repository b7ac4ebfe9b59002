"""Errors of the benchmark."""

from __future__ import annotations

from pathlib import Path

from rollout.errors import RolloutError
from rollout.installation import command


class RunFailed(RolloutError):
    """A measured run did not deploy, so its times mean nothing. `code` is None after the time limit."""

    def __init__(self, *, command: tuple[str, ...], code: int | None, log: Path, end: str) -> None:
        how = "did not end in time" if code is None else f"ended with exit code {code}"
        super().__init__(
            f"`{' '.join(command)}` {how}, so there is nothing to measure. The end of its output:\n{end}\n",
            advice=f"Read {log}.",
        )


class NothingToMeasure(RolloutError):
    """One side of a measured comparison cannot be measured."""

    def __init__(self, *, what: str, reason: str) -> None:
        super().__init__(f"{what} cannot be measured: {reason}.", advice=f"See `{command('doctor')}`, then run again.")
