"""A grid of compatibility: each package with the application, and each pair, by resolution; bounded in time. Pure."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rollout.packages.blame.findings import listed, one_line
from rollout.packages.blame.requirements import Answer, Wanted
from rollout.packages.blame.resolution_probe import Resolution

RESOLVES, CONFLICTS, MISSING = "resolves", "conflict", "missing"
IMPLIED, NOT_REACHED = "implied", "not_reached"
COMPILES, DOES_NOT_COMPILE = "compiles", "does_not_compile"
_BATCH = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One package with the application, or a pair. `outcome`: resolves, conflict, missing (it needs a package that is
    not at the source), implied (one of the pair does not go even without the other), not_reached; or what a probe
    says of a package alone: compiles, does_not_compile, unresolved. `cause` says why, `seconds` what it took.
    """

    packages: tuple[str, ...]
    outcome: str
    cause: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """Every cell, packages alone first. `is_complete` is False where the time was over before the last one."""

    cells: tuple[Cell, ...]
    seconds: float

    @property
    def is_complete(self) -> bool:
        return not any(cell.outcome == NOT_REACHED for cell in self.cells)

    def of(self, outcome: str) -> tuple[tuple[str, ...], ...]:
        """The packages of every cell with that outcome."""
        return tuple(cell.packages for cell in self.cells if cell.outcome == outcome)

    def sentence(self) -> str:
        """For people: what was asked, what is in conflict, what was not reached."""
        faults = (*self.of(MISSING), *self.of(CONFLICTS))
        alone, pairs = ([listed(names, "with") for names in faults if len(names) == size] for size in (1, 2))
        asked = len(self.cells) - len(self.of(NOT_REACHED))
        text = f"{asked} of {len(self.cells)} combinations asked: "
        text += (
            f"{listed(alone)} cannot be combined with the application"
            if alone
            else "each resolves with the application"
        )
        text += f"; in conflict with each other: {listed(pairs)}" if pairs else "; no pair is in conflict"
        broken = [listed(names) for names in self.of(DOES_NOT_COMPILE)]
        text += f"; not to be compiled with the application: {listed(broken)}" if broken else ""
        return text + ("." if self.is_complete else "; the others were not reached in time.")


def resolve_grid(
    resolution: Resolution,
    *,
    seconds: float,
    tell: Callable[[Cell], None],
    clock: Callable[[], float] = time.monotonic,
) -> Matrix:
    """Ask for every package and every pair, within `seconds`; `tell` hears of each cell, in the order of the grid."""
    began, plan = clock(), resolution.plan
    cells: list[Cell] = []

    def is_time_left() -> bool:
        return clock() - began < seconds

    def asked(sets: Sequence[tuple[Wanted, ...]]) -> None:
        for start in range(0, len(sets), _BATCH):
            batch = sets[start : start + _BATCH]
            answers = resolution.ask(*batch) if is_time_left() else [None] * len(batch)
            for packages, answer in zip(batch, answers, strict=True):
                cells.append(_cell(packages, answer))
                tell(cells[-1])

    asked([(each,) for each in plan])
    alone = {cell.packages[0] for cell in cells if cell.outcome in {CONFLICTS, MISSING}}
    pairs = list(itertools.combinations(plan, 2))
    asked([pair for pair in pairs if not alone & {each.name for each in pair}])
    for pair in pairs:
        culprits = [each.name for each in pair if each.name in alone]
        if culprits:
            cells.append(_implied(pair, culprits))
            tell(cells[-1])
    return Matrix(cells=tuple(cells), seconds=clock() - began)


def _cell(packages: Sequence[Wanted], answer: Answer | None) -> Cell:
    names = tuple(each.name for each in packages)
    if answer is None:
        return Cell(packages=names, outcome=NOT_REACHED, cause="the time was over")
    if answer.resolves:
        return Cell(packages=names, outcome=RESOLVES, seconds=answer.seconds)
    outcome = MISSING if answer.missing else CONFLICTS
    return Cell(packages=names, outcome=outcome, cause=one_line(answer.words), seconds=answer.seconds)


def _implied(pair: Sequence[Wanted], culprits: Sequence[str]) -> Cell:
    cause = f"{listed(culprits)} cannot be combined with the application even alone"
    return Cell(packages=tuple(each.name for each in pair), outcome=IMPLIED, cause=cause)
