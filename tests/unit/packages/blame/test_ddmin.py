"""Delta debugging: what it finds is one of the planted sets, and nothing can be left out of it."""

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
    """Of several, one; and it is minimal: without any of its items the rest does not fail."""

    def fails(items: tuple[int, ...]) -> bool:
        return any(each <= set(items) for each in planted)

    found = ddmin(ITEMS, fails, enough())
    assert found is not None
    assert found.is_minimal
    assert frozenset(found.items) in planted
    assert not any(fails(rest) for rest in itertools.combinations(found.items, len(found.items) - 1))


@given(planted_sets, st.sets(st.frozensets(st.sampled_from(ITEMS), max_size=9), max_size=30))
def test_never_builds_on_what_could_not_be_said(planted: list[frozenset[int]], silent: set[frozenset[int]]) -> None:
    """An unresolved subset counts neither as failing nor ends the search; the result still fails."""

    def fails(items: tuple[int, ...]) -> bool | None:
        return None if frozenset(items) in silent else any(each <= set(items) for each in planted)

    found = ddmin(ITEMS, fails, enough())
    assert found is not None
    assert fails(found.items) is True


@given(planted_sets)
def test_asks_the_same_questions_twice_in_the_same_order(planted: list[frozenset[int]]) -> None:
    """Deterministic, and no question twice in one search; items stay in their order."""

    def questions() -> list[tuple[int, ...]]:
        asked: list[tuple[int, ...]] = []

        def fails(items: tuple[int, ...]) -> bool:
            asked.append(items)
            return any(each <= set(items) for each in planted)

        ddmin(ITEMS, fails, enough())
        return asked

    first = questions()
    assert first == questions()
    assert len(set(first)) == len(first)
    assert all(list(each) == sorted(each) for each in first)


@given(planted_sets, st.integers(min_value=1, max_value=40))
def test_a_spent_budget_leaves_the_smallest_failing_set_so_far(planted: list[frozenset[int]], probes: int) -> None:
    """It is said not to be minimal unless it is known to be, and no question goes beyond the budget."""
    budget, count = Budget(probes=probes, seconds=1e9), 0

    def fails(items: tuple[int, ...]) -> bool:
        nonlocal count
        count += 1
        return any(each <= set(items) for each in planted)

    found = ddmin(ITEMS, fails, budget)
    assert found is not None
    assert count == budget.asked <= probes
    assert any(each <= set(found.items) for each in planted)
    assert not found.is_minimal or frozenset(found.items) in planted


def test_time_is_a_bound_as_well() -> None:
    """Each question takes ten seconds of twenty-five: three are asked."""
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


def test_what_does_not_fail_has_no_culprit() -> None:
    assert ddmin(ITEMS, lambda items: False, enough()) is None
    assert ddmin(ITEMS, lambda items: None, enough()) is None


def test_what_fails_without_any_item_is_no_item_s_fault() -> None:
    found = ddmin(ITEMS, lambda items: True, enough())
    assert found is not None
    assert () == found.items


def test_a_pair_among_many_takes_few_questions() -> None:
    """Twenty-four packages, two culprits: fewer than a hundred probes, not one for each of 276 pairs."""
    found = ddmin(range(24), lambda items: {3, 17} <= set(items), enough())
    assert found is not None
    assert {3, 17} == set(found.items)
    assert found.probes < 100
