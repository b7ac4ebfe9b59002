"""Delta debugging (ddmin, Zeller and Hildebrandt 2002): reduces a failing set to a minimal failing subset. Pure."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Item = TypeVar("Item")
Fails = Callable[[tuple[Item, ...]], "bool | None"]
"""Whether a subset (in the order of the whole set) fails in the same way. None where the test is inconclusive."""


@dataclass(slots=True, kw_only=True)
class Budget:
    """A limit of `probes` tests and `seconds` of time. Several searches can share one."""

    probes: int
    seconds: float
    clock: Callable[[], float] = field(default=time.monotonic, repr=False)
    used: int = 0
    began: float = field(init=False)

    def __post_init__(self) -> None:
        self.began = self.clock()

    @property
    def spent(self) -> float:
        """Seconds since the start."""
        return self.clock() - self.began

    @property
    def is_left(self) -> bool:
        return self.used < self.probes and self.spent < self.seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Minimal(Generic[Item]):
    """A failing set. `is_minimal` is True where every subset with one item less was tested and does not fail."""

    items: tuple[Item, ...]
    is_minimal: bool
    probes: int


class _BudgetSpent(Exception):
    """The budget allows no further test."""


class CachedTest(Generic[Item]):
    """The test function with a cache and a budget."""

    def __init__(self, whole: Sequence[Item], fails: Fails[Item], budget: Budget) -> None:
        self._whole = tuple(whole)
        self._fails = fails
        self._budget = budget
        self._known: dict[frozenset[Item], bool | None] = {}

    def __call__(self, items: Sequence[Item]) -> bool:
        """Whether a subset fails. An inconclusive test counts as not failing."""
        key = frozenset(items)
        if key not in self._known:
            if not self._budget.is_left:
                raise _BudgetSpent
            self._budget.used += 1
            self._known[key] = self._fails(tuple(item for item in self._whole if item in key))
        return self._known[key] is True


def ddmin(items: Sequence[Item], fails: Fails[Item], budget: Budget) -> Minimal[Item] | None:
    """A minimal failing subset of `items`; None where `items` do not fail, or the budget allows no test.

    Where the budget ends first, returns the smallest failing set so far. Deterministic. `items` must be distinct.
    """
    ask, before = CachedTest(items, fails, budget), budget.used
    failing = tuple(items)
    parts = 2
    try:
        if not ask(failing):
            return None
        if ask(()):
            return Minimal(items=(), is_minimal=True, probes=budget.used - before)
    except _BudgetSpent:
        return None if budget.used == before else Minimal(items=failing, is_minimal=False, probes=1)
    try:
        while len(failing) > 1:
            smaller = _smaller(failing, parts, ask)
            if smaller is not None:
                failing, parts = smaller
            elif parts < len(failing):
                parts = min(len(failing), parts * 2)
            else:
                break
    except _BudgetSpent:
        return Minimal(items=failing, is_minimal=False, probes=budget.used - before)
    return Minimal(items=failing, is_minimal=True, probes=budget.used - before)


def _smaller(
    failing: tuple[Item, ...], parts: int, ask: Callable[[Sequence[Item]], bool]
) -> tuple[tuple[Item, ...], int] | None:
    """A failing piece or complement, with the number of parts to continue with; None where there is none."""
    pieces = _split(failing, parts)
    for piece in pieces:
        if ask(piece):
            return piece, 2
    if parts > 2:
        for piece in pieces:
            rest = tuple(item for item in failing if item not in piece)
            if ask(rest):
                return rest, max(parts - 1, 2)
    return None


def _split(items: tuple[Item, ...], parts: int) -> list[tuple[Item, ...]]:
    """Split into `parts` pieces in order, whose sizes differ by at most one."""
    edges = [len(items) * place // parts for place in range(parts + 1)]
    return [items[start:end] for start, end in itertools.pairwise(edges)]
