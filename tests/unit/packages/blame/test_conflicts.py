"""All minimal conflicting sets, compared with trying every subset."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from rollout.packages.blame.conflicts import all_minimal_conflicts, minimal_conflict

ITEMS = tuple("abcdefg")
planted_sets = st.lists(st.frozensets(st.sampled_from(ITEMS), min_size=1, max_size=3), max_size=5)


def smallest(planted: list[frozenset[str]]) -> set[frozenset[str]]:
    """Those that contain no other one."""
    return {each for each in planted if not any(other < each for other in planted)}


@given(planted_sets)
def test_exactly_the_minimal_conflicts_are_found(planted: list[frozenset[str]]) -> None:
    """Overlapping ones too, smallest first."""
    found = all_minimal_conflicts(ITEMS, lambda items: any(each <= set(items) for each in planted))
    assert found.is_complete
    assert smallest(planted) == {frozenset(each) for each in found.sets}
    assert len(set(found.sets)) == len(found.sets)
    assert sorted(map(len, found.sets)) == [len(each) for each in found.sets]


@given(st.frozensets(st.integers(0, 30), max_size=6))
def test_removing_items_finds_a_minimal_conflict(culprits: frozenset[int]) -> None:
    assert culprits == set(minimal_conflict(range(31), lambda items: culprits <= set(items)))


def test_two_culprits_among_forty_take_fewer_than_forty_tests() -> None:
    count = 0

    def conflicts(items: tuple[int, ...]) -> bool:
        nonlocal count
        count += 1
        return {4, 33} <= set(items)

    assert (4, 33) == minimal_conflict(range(40), conflicts)
    assert count < 40


def test_independent_conflicts_are_found_first() -> None:
    """Six pairs; the search is cut off and reported as incomplete."""
    pairs = [frozenset(pair) for pair in zip(range(0, 12, 2), range(1, 12, 2), strict=True)]
    looks = itertools.count()
    found = all_minimal_conflicts(range(12), lambda items: any(pair <= set(items) for pair in pairs),
                          may_continue=lambda: next(looks) < 7)  # fmt: skip
    assert set(pairs) == {frozenset(each) for each in found.sets}
    assert not found.is_complete


def test_a_set_without_conflict_has_no_culprits() -> None:
    found = all_minimal_conflicts(ITEMS, lambda items: False)
    assert (True, ()) == (found.is_complete, found.sets)
