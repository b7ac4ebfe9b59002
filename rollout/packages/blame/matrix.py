"""Compatibility matrix: resolves each package with the application, and each pair of packages, within a time limit."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rollout.packages.blame.findings import join_names, one_line
from rollout.packages.blame.requirements import RootRequirement, SolverAnswer
from rollout.packages.blame.resolution_probe import Resolution

RESOLVES, CONFLICTS, MISSING = "resolves", "conflict", "missing"
IMPLIED, NOT_REACHED = "implied", "not_reached"
COMPILES, DOES_NOT_COMPILE = "compiles", "does_not_compile"
_BATCH = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One package with the application, or a pair of packages.

    `outcome` by resolution: resolves, conflict, missing (a needed package is not at the source), implied (one of the
    pair fails alone) or not_reached. By compiling a package alone: compiles, does_not_compile or unresolved.
    """

    packages: tuple[str, ...]
    outcome: str
    cause: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """All cells, single packages first. `is_complete` is False where the time limit ended the work."""

    cells: tuple[Cell, ...]
    seconds: float

    @property
    def is_complete(self) -> bool:
        return not any(cell.outcome == NOT_REACHED for cell in self.cells)

    def of(self, outcome: str) -> tuple[tuple[str, ...], ...]:
        """The packages of every cell with an outcome."""
        return tuple(cell.packages for cell in self.cells if cell.outcome == outcome)

    def sentence(self) -> str:
        """The result as one sentence: combinations tried, conflicts, combinations not reached."""
        faults = (*self.of(MISSING), *self.of(CONFLICTS))
        alone, pairs = ([join_names(names, "with") for names in faults if len(names) == size] for size in (1, 2))
        tried = len(self.cells) - len(self.of(NOT_REACHED))
        text = f"{tried} of {len(self.cells)} combinations tried: "
        text += (
            f"{join_names(alone)} cannot be combined with the application"
            if alone
            else "each resolves with the application"
        )
        text += f"; in conflict with each other: {join_names(pairs)}" if pairs else "; no pair is in conflict"
        broken = [join_names(names) for names in self.of(DOES_NOT_COMPILE)]
        text += f"; do not compile with the application: {join_names(broken)}" if broken else ""
        return text + ("." if self.is_complete else "; the others were not reached in time.")


def resolve_grid(
    resolution: Resolution,
    *,
    seconds: float,
    on_cell: Callable[[Cell], None],
    clock: Callable[[], float] = time.monotonic,
) -> Matrix:
    """Resolve every package and every pair, within `seconds`. `on_cell` receives each cell, in order."""
    began, plan = clock(), resolution.plan
    cells: list[Cell] = []

    def is_time_left() -> bool:
        return clock() - began < seconds

    def resolve(sets: Sequence[tuple[RootRequirement, ...]]) -> None:
        for start in range(0, len(sets), _BATCH):
            batch = sets[start : start + _BATCH]
            answers = resolution.ask(*batch) if is_time_left() else [None] * len(batch)
            for packages, answer in zip(batch, answers, strict=True):
                cells.append(_cell(packages, answer))
                on_cell(cells[-1])

    resolve([(each,) for each in plan])
    alone = {cell.packages[0] for cell in cells if cell.outcome in {CONFLICTS, MISSING}}
    pairs = list(itertools.combinations(plan, 2))
    resolve([pair for pair in pairs if not alone & {each.name for each in pair}])
    for pair in pairs:
        culprits = [each.name for each in pair if each.name in alone]
        if culprits:
            cells.append(_implied(pair, culprits))
            on_cell(cells[-1])
    return Matrix(cells=tuple(cells), seconds=clock() - began)


def _cell(packages: Sequence[RootRequirement], answer: SolverAnswer | None) -> Cell:
    names = tuple(each.name for each in packages)
    if answer is None:
        return Cell(packages=names, outcome=NOT_REACHED, cause="the time limit was reached")
    if answer.resolves:
        return Cell(packages=names, outcome=RESOLVES, seconds=answer.seconds)
    outcome = MISSING if answer.missing else CONFLICTS
    return Cell(packages=names, outcome=outcome, cause=one_line(answer.words), seconds=answer.seconds)


def _implied(pair: Sequence[RootRequirement], culprits: Sequence[str]) -> Cell:
    cause = f"{join_names(culprits)} cannot be combined with the application, even alone"
    return Cell(packages=tuple(each.name for each in pair), outcome=IMPLIED, cause=cause)
