"""Finds all smallest sets of packages that conflict with each other. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")
Conflicts = Callable[[tuple[Item, ...]], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class MinimalConflicts(Generic[Item]):
    """The minimal conflicting sets, smallest first. `is_complete` is True where there are no others."""

    sets: tuple[tuple[Item, ...], ...]
    is_complete: bool


def minimal_conflict(items: Sequence[Item], conflicts: Conflicts[Item]) -> tuple[Item, ...]:
    """A minimal conflicting subset of the conflicting `items`: without any one of its items it does not conflict.

    Removes pieces first and halves their size until it is one. With few culprits among many items, that takes fewer
    tests than removing items one by one.
    """
    needed = tuple(items)
    size = max(1, len(needed) // 2)
    while True:
        place = 0
        while place < len(needed):
            rest = needed[:place] + needed[place + size :]
            if conflicts(rest):
                needed = rest
            else:
                place += size
        if size == 1:
            return needed
        size //= 2


def all_minimal_conflicts(
    items: Sequence[Item],
    conflicts: Conflicts[Item],
    *,
    may_continue: Callable[[], bool] = lambda: True,
    most: int = 4096,
) -> MinimalConflicts[Item]:
    """Every minimal conflicting set, by Reiter's hitting set algorithm: each found set is broken in every possible way.

    Tries at most `most` ways, and only while `may_continue()`. Independent conflicts are found first.
    """
    found: list[tuple[Item, ...]] = []
    seen: set[frozenset[Item]] = set()
    waiting: list[frozenset[Item]] = [frozenset()]
    while waiting:
        left_out = waiting.pop()
        if left_out in seen:
            continue
        if len(seen) >= most or not may_continue():
            return MinimalConflicts(sets=_ordered(found, items), is_complete=False)
        seen.add(left_out)
        here = next((each for each in found if left_out.isdisjoint(each)), None)
        if here is None:
            rest = tuple(item for item in items if item not in left_out)
            if not conflicts(rest):
                continue
            here = minimal_conflict(rest, conflicts)
            found.append(here)
        waiting.extend(left_out | {item} for item in reversed(here))
    return MinimalConflicts(sets=_ordered(found, items), is_complete=True)


def _ordered(found: Sequence[tuple[Item, ...]], items: Sequence[Item]) -> tuple[tuple[Item, ...], ...]:
    places = {item: place for place, item in enumerate(items)}
    return tuple(sorted(found, key=lambda each: (len(each), [places[item] for item in each])))
