"""Delta debugging (Zeller and Hildebrandt 2002): a failing set becomes one from which nothing can be left out. Pure."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Item = TypeVar("Item")
Fails = Callable[[tuple[Item, ...]], "bool | None"]
"""Whether a subset (in the order of the whole) fails in the same way: yes, no, or None where it cannot be said."""


@dataclass(slots=True, kw_only=True)
class Budget:
    """How much may be asked: `probes` questions, `seconds` of time. Shared by several searches if need be."""

    probes: int
    seconds: float
    clock: Callable[[], float] = field(default=time.monotonic, repr=False)
    asked: int = 0
    began: float = field(init=False)

    def __post_init__(self) -> None:
        self.began = self.clock()

    @property
    def spent(self) -> float:
        """Seconds since the start."""
        return self.clock() - self.began

    @property
    def is_left(self) -> bool:
        return self.asked < self.probes and self.spent < self.seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Minimal(Generic[Item]):
    """`items` fail. Where `is_minimal`, nothing can be left out of them (each subset with one less was asked)."""

    items: tuple[Item, ...]
    is_minimal: bool
    probes: int


class _BudgetSpent(Exception):
    """No further question may be asked."""


class Asked(Generic[Item]):
    """Questions with their answers, each asked once, within a budget."""

    def __init__(self, whole: Sequence[Item], fails: Fails[Item], budget: Budget) -> None:
        self._whole = tuple(whole)
        self._fails = fails
        self._budget = budget
        self._known: dict[frozenset[Item], bool | None] = {}

    def __call__(self, items: Sequence[Item]) -> bool:
        """What cannot be said does not count as failing: nothing is built on it."""
        key = frozenset(items)
        if key not in self._known:
            if not self._budget.is_left:
                raise _BudgetSpent
            self._budget.asked += 1
            self._known[key] = self._fails(tuple(item for item in self._whole if item in key))
        return self._known[key] is True


def ddmin(items: Sequence[Item], fails: Fails[Item], budget: Budget) -> Minimal[Item] | None:
    """A minimal failing subset of `items`; None where `items` do not fail, or nothing could be asked.

    Deterministic: the same answers lead to the same questions. Where the budget ends first, the smallest failing set
    so far. `items` are different from each other.
    """
    ask, before = Asked(items, fails, budget), budget.asked
    failing = tuple(items)
    parts = 2
    try:
        if not ask(failing):
            return None
        if ask(()):
            return Minimal(items=(), is_minimal=True, probes=budget.asked - before)
    except _BudgetSpent:
        return None if budget.asked == before else Minimal(items=failing, is_minimal=False, probes=1)
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
        return Minimal(items=failing, is_minimal=False, probes=budget.asked - before)
    return Minimal(items=failing, is_minimal=True, probes=budget.asked - before)


def _smaller(
    failing: tuple[Item, ...], parts: int, ask: Callable[[Sequence[Item]], bool]
) -> tuple[tuple[Item, ...], int] | None:
    """A part that fails, or what is left without one; with the number of parts to go on with."""
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
    """`parts` pieces in order, of sizes that differ by one at most."""
    edges = [len(items) * place // parts for place in range(parts + 1)]
    return [items[start:end] for start, end in itertools.pairwise(edges)]
