"""Rates and their Wilson intervals."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.results.rates import rate


def wilson(hits: int, n: int) -> tuple[float, float]:
    """The Wilson interval by its formula, with z for 95 %."""
    z = 1.959963984540054
    share, spread = hits / n, z * z / n
    middle = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / n + spread / (4 * n)) / (1 + spread)
    return middle - half, middle + half


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_equals_the_wilson_formula(case: tuple[int, int]) -> None:
    """For any hits of any n. The interval always contains the share."""
    found = rate(*case)
    assert found is not None
    low, high = wilson(*case)
    assert math.isclose(found.low, max(0.0, low), abs_tol=1e-9)
    assert math.isclose(found.high, min(1.0, high), abs_tol=1e-9)
    assert found.low <= found.share <= found.high


def test_known_intervals() -> None:
    """1 of 1 and 8 of 10, from published tables."""
    once, often = rate(1, 1), rate(8, 10)
    assert once is not None
    assert often is not None
    assert (0.2065, 1.0) == (round(once.low, 4), round(once.high, 4))
    assert (0.4902, 0.9433) == (round(often.low, 4), round(often.high, 4))


def test_no_cases_give_no_rate() -> None:
    """More hits than cases are rejected."""
    assert rate(0, 0) is None
    for hits, n in ((2, 1), (-1, 3)):
        with pytest.raises(ValueError, match="is not a rate"):
            rate(hits, n)


def test_intervals_exclude_a_range_or_are_within_it() -> None:
    """Both bounds belong to the range."""
    found = rate(8, 10)
    assert found is not None
    assert found.excludes(0.02, 0.02)
    assert found.excludes(0.95, 1.0)
    assert not found.excludes(0.8, 0.8)
    assert found.is_within(0.4, 1.0)
    assert not found.is_within(0.7, 0.9)
