"""95 % confidence intervals of differences and weighted sums of proportions, from their Wilson intervals. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rollout.results.rates import Rate, rate


def newcombe(hits: int, n: int, other_hits: int, other_n: int) -> tuple[float, float]:
    """The interval of the difference of two independent proportions; both n above 0.

    Hybrid score: method 10 of R. G. Newcombe, Interval estimation for the difference between independent proportions,
    Statistics in Medicine 17 (1998), 873-890.
    """
    return _square_and_add(_rate(hits, n), _rate(other_hits, other_n), 0.0)


def newcombe_paired(both: int, only_first: int, only_second: int, neither: int) -> tuple[float, float]:
    """The interval of the difference of two paired proportions; at least one pair.

    Hybrid score with the correlation corrected for continuity: method 10 of R. G. Newcombe, Improved confidence
    intervals for the difference between binomial proportions based on paired data, Statistics in Medicine 17 (1998),
    2635-2650.
    """
    n = both + only_first + only_second + neither
    first, second = both + only_first, both + only_second
    margins = first * (n - first) * second * (n - second)
    covariance = both * neither - only_first * only_second
    corrected = max(covariance - n / 2, 0) if covariance > 0 else covariance
    phi = corrected / math.sqrt(margins) if margins else 0.0
    return _square_and_add(_rate(first, n), _rate(second, n), phi)


def _square_and_add(first: Rate, second: Rate, phi: float) -> tuple[float, float]:
    """Newcombe's hybrid score interval from two Wilson intervals and the correlation `phi`."""
    estimate = first.share - second.share

    def distance(one: float, other: float) -> float:
        return math.sqrt(max(0.0, one * one - 2 * phi * one * other + other * other))

    down = distance(first.share - first.low, second.high - second.share)
    up = distance(first.high - first.share, second.share - second.low)
    return max(-1.0, estimate - down), min(1.0, estimate + up)


def _rate(hits: int, n: int) -> Rate:
    found = rate(hits, n)
    if found is None:
        raise ValueError("a proportion needs at least one case")
    return found


def mover(parts: Sequence[tuple[float, Rate]]) -> tuple[float, float, float]:
    """Estimate and interval (low, high) of Σ w·p: `parts` are pairs of a weight w, of any sign, and a proportion p.

    MOVER: G. Y. Zou and A. Donner, Construction of confidence limits about effect measures, Statistics in Medicine 27
    (2008), 1693-1702; for sums of proportions Zou, Huang and Zhang, Computational Statistics & Data Analysis 53 (2009),
    1080-1085. The proportions are independent. With weights 1 and -1 the interval is Newcombe's hybrid score.
    """
    estimate = math.fsum(weight * found.share for weight, found in parts)
    down = up = 0.0
    for weight, found in parts:
        below, above = found.share - found.low, found.high - found.share
        down += (weight * (below if weight >= 0 else above)) ** 2
        up += (weight * (above if weight >= 0 else below)) ** 2
    return estimate, estimate - math.sqrt(down), estimate + math.sqrt(up)
