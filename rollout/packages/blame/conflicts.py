"""Minimal sets in conflict, where a set with more in it is in conflict too. Pure: a question goes in, sets come out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")
Conflicts = Callable[[tuple[Item, ...]], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found(Generic[Item]):
    """Every minimal set that was found, smallest first; `is_complete` where there are no others."""

    sets: tuple[tuple[Item, ...], ...]
    is_complete: bool


def minimal(items: Sequence[Item], conflicts: Conflicts[Item]) -> tuple[Item, ...]:
    """A subset of `items`, which are in conflict, from which nothing can be left out.

    Pieces are left out first, halves of a size that shrinks to one: with few culprits among many items that takes
    fewer questions than one by one.
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


def every_minimal(
    items: Sequence[Item], conflicts: Conflicts[Item], *, goes_on: Callable[[], bool] = lambda: True, most: int = 4096
) -> Found[Item]:
    """Every minimal set in conflict (Reiter's hitting sets): each one found is broken in every possible way.

    Looks at no more than `most` ways, and only while `goes_on()`. Independent conflicts are found first.
    """
    found: list[tuple[Item, ...]] = []
    seen: set[frozenset[Item]] = set()
    waiting: list[frozenset[Item]] = [frozenset()]
    while waiting:
        left_out = waiting.pop()
        if left_out in seen:
            continue
        if len(seen) >= most or not goes_on():
            return Found(sets=_ordered(found, items), is_complete=False)
        seen.add(left_out)
        here = next((each for each in found if left_out.isdisjoint(each)), None)
        if here is None:
            rest = tuple(item for item in items if item not in left_out)
            if not conflicts(rest):
                continue
            here = minimal(rest, conflicts)
            found.append(here)
        waiting.extend(left_out | {item} for item in reversed(here))
    return Found(sets=_ordered(found, items), is_complete=True)


def _ordered(found: Sequence[tuple[Item, ...]], items: Sequence[Item]) -> tuple[tuple[Item, ...], ...]:
    places = {item: place for place, item in enumerate(items)}
    return tuple(sorted(found, key=lambda each: (len(each), [places[item] for item in each])))
