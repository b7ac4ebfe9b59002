"""A share of cases with its interval: no rate is shown without n, none is believed beyond what n can carry."""

from __future__ import annotations

import importlib
import threading
from dataclasses import dataclass

CONFIDENCE = 0.95


class Bounded:
    """What has an interval: `low` and `high` bound the share behind it (95 %), as fractions of 1."""

    __slots__ = ()
    low: float
    high: float

    def excludes(self, least: float, most: float) -> bool:
        """True where the interval and `least`…`most` have nothing in common."""
        return self.high < least or self.low > most

    def is_within(self, least: float, most: float) -> bool:
        """True where the whole interval lies in `least`…`most`."""
        return least <= self.low and self.high <= most


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate(Bounded):
    """A share that is no count of cases, such as one weighed from several rates; `n` cases are behind it in all."""

    share: float
    n: int
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate(Bounded):
    """`hits` of `n` cases; `low` and `high` bound the share behind it (Wilson, 95 %), as fractions of 1."""

    hits: int
    n: int
    low: float
    high: float

    @property
    def share(self) -> float:
        return self.hits / self.n


def rate(hits: int, n: int) -> Rate | None:
    """The rate with its Wilson interval; None where there is no case. Raises ValueError for `hits` outside 0…n."""
    if not 0 <= hits <= n:
        raise ValueError(f"{hits} of {n} is no rate")
    if n == 0:
        return None
    from scipy.stats import binomtest  # noqa: PLC0415 - takes a second; see `preload`

    interval = binomtest(hits, n).proportion_ci(confidence_level=CONFIDENCE, method="wilson")
    return Rate(hits=hits, n=n, low=float(interval.low), high=float(interval.high))


def preload() -> None:
    """Import SciPy beside what is going on, so that the end of a run need not wait a second for it."""
    threading.Thread(target=importlib.import_module, args=("scipy.stats",), name="preload-scipy").start()
