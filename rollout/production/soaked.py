"""What became of a soak: its load, and the memory of each instance."""

from __future__ import annotations

from dataclasses import dataclass

from rollout.errors import PostconditionFailed
from rollout.production.load_outcome import Loaded
from rollout.results.soak import MemoryFigures


@dataclass(frozen=True, slots=True, kw_only=True)
class Soaked:
    """A soak that has ended. `bound`: the bytes that an instance may use."""

    loaded: Loaded
    memory: tuple[MemoryFigures, ...]
    bound: int

    @property
    def wrong(self) -> tuple[str, ...]:
        """What is wrong with the memory of each instance that used too much, or grew."""
        return tuple(found for each in self.memory if (found := each.wrong(self.bound)))

    def require_steady(self) -> None:
        """Raise PostconditionFailed if an instance used more than the bound, or grew."""
        if self.wrong:
            raise PostconditionFailed(
                expected="steady memory below its bound during the soak",
                found="; ".join(self.wrong),
                advice="The report shows the memory of each instance. Look for what the release keeps.",
            )
