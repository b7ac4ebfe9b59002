"""Rates: shares of cases with their number of cases and their 95 % confidence interval (Wilson)."""

from __future__ import annotations

import importlib
import threading
from dataclasses import dataclass

CONFIDENCE = 0.95


class Bounded:
    """Base of shares with a 95 % confidence interval from `low` to `high`, as fractions of 1."""

    __slots__ = ()
    low: float
    high: float

    def excludes(self, least: float, most: float) -> bool:
        """Whether the interval and the range from `least` to `most` do not overlap."""
        return self.high < least or self.low > most

    def is_within(self, least: float, most: float) -> bool:
        """Whether the whole interval is in the range from `least` to `most`."""
        return least <= self.low and self.high <= most


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate(Bounded):
    """A share computed from several rates, such as a weighted mean. `n`: the cases of all of them together."""

    share: float
    n: int
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate(Bounded):
    """`hits` of `n` cases, with the Wilson interval (95 %) from `low` to `high`, as fractions of 1."""

    hits: int
    n: int
    low: float
    high: float

    @property
    def share(self) -> float:
        return self.hits / self.n


def rate(hits: int, n: int) -> Rate | None:
    """The rate with its Wilson interval; None without cases. Raises ValueError for `hits` outside 0…n."""
    if not 0 <= hits <= n:
        raise ValueError(f"{hits} of {n} is not a rate")
    if n == 0:
        return None
    from scipy.stats import binomtest  # noqa: PLC0415 - takes a second; see `preload`

    interval = binomtest(hits, n).proportion_ci(confidence_level=CONFIDENCE, method="wilson")
    return Rate(hits=hits, n=n, low=float(interval.low), high=float(interval.high))


def preload() -> None:
    """Import SciPy in a thread. Its import takes a second, which the end of a run need not wait for."""
    threading.Thread(target=importlib.import_module, args=("scipy.stats",), name="preload-scipy").start()
