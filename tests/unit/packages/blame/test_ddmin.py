"""Delta debugging: its result is one of the planted sets, and minimal."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from rollout.packages.blame.ddmin import Budget, ddmin

ITEMS = tuple(range(12))
planted_sets = st.lists(st.frozensets(st.sampled_from(ITEMS), min_size=1, max_size=4), min_size=1, max_size=4)


def enough() -> Budget:
    return Budget(probes=10_000, seconds=1e9)


@given(planted_sets)
def test_finds_a_planted_set(planted: list[frozenset[int]]) -> None:
    """One of several. Without any of its items, the rest does not fail."""

    def fails(items: tuple[int, ...]) -> bool:
        return any(each <= set(items) for each in planted)

    found = ddmin(ITEMS, fails, enough())
    assert found is not None
    assert found.is_minimal
    assert frozenset(found.items) in planted
    assert not any(fails(rest) for rest in itertools.combinations(found.items, len(found.items) - 1))


@given(planted_sets, st.sets(st.frozensets(st.sampled_from(ITEMS), max_size=9), max_size=30))
def test_an_inconclusive_subset_counts_as_not_failing(
    planted: list[frozenset[int]], silent: set[frozenset[int]]
) -> None:
    """The search continues, and its result fails."""

    def fails(items: tuple[int, ...]) -> bool | None:
        return None if frozenset(items) in silent else any(each <= set(items) for each in planted)

    found = ddmin(ITEMS, fails, enough())
    assert found is not None
    assert fails(found.items) is True


@given(planted_sets)
def test_a_search_is_deterministic(planted: list[frozenset[int]]) -> None:
    """No subset is tested twice; items keep their order."""

    def questions() -> list[tuple[int, ...]]:
        tested: list[tuple[int, ...]] = []

        def fails(items: tuple[int, ...]) -> bool:
            tested.append(items)
            return any(each <= set(items) for each in planted)

        ddmin(ITEMS, fails, enough())
        return tested

    first = questions()
    assert first == questions()
    assert len(set(first)) == len(first)
    assert all(list(each) == sorted(each) for each in first)


@given(planted_sets, st.integers(min_value=1, max_value=40))
def test_a_spent_budget_leaves_the_smallest_failing_set_so_far(planted: list[frozenset[int]], probes: int) -> None:
    """It is not reported as minimal, and no test exceeds the budget."""
    budget, count = Budget(probes=probes, seconds=1e9), 0

    def fails(items: tuple[int, ...]) -> bool:
        nonlocal count
        count += 1
        return any(each <= set(items) for each in planted)

    found = ddmin(ITEMS, fails, budget)
    assert found is not None
    assert count == budget.used <= probes
    assert any(each <= set(found.items) for each in planted)
    assert not found.is_minimal or frozenset(found.items) in planted


def test_the_budget_limits_time_too() -> None:
    """Each test takes ten of twenty-five seconds: three run."""
    now = 0.0

    def clock() -> float:
        return now

    def fails(items: tuple[int, ...]) -> bool:
        nonlocal now
        now += 10
        return 3 in items

    found = ddmin(ITEMS, fails, Budget(probes=100, seconds=25, clock=clock))
    assert found is not None
    assert (3, False) == (found.probes, found.is_minimal)


def test_a_passing_set_has_no_culprits() -> None:
    assert ddmin(ITEMS, lambda items: False, enough()) is None
    assert ddmin(ITEMS, lambda items: None, enough()) is None


def test_a_failure_without_any_item_has_an_empty_set() -> None:
    found = ddmin(ITEMS, lambda items: True, enough())
    assert found is not None
    assert () == found.items


def test_a_pair_among_many_takes_few_tests() -> None:
    """Two culprits among 24 packages: fewer than 100 tests, not one for each of 276 pairs."""
    found = ddmin(range(24), lambda items: {3, 17} <= set(items), enough())
    assert found is not None
    assert {3, 17} == set(found.items)
    assert found.probes < 100
