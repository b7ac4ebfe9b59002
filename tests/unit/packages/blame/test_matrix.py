"""The compatibility matrix: resolved, implied and unreached cells."""

from __future__ import annotations

import itertools

from rollout.packages.blame.matrix import Cell, Matrix, resolve_grid
from rollout.packages.blame.resolution_probe import Resolution
from tests.unit.packages.blame.fakes import FakeLookUp, FakeSolver, core, want


def grid(solver: FakeSolver, names: str, *, seconds: float = 1e9, step: float = 0.0) -> tuple[Matrix, list[Cell]]:
    """The matrix and the cells it reported of; each look at the clock takes `step` seconds."""
    resolution = Resolution(core("phoenix"), want(*names), solver=solver, look_up=FakeLookUp())
    ticks, reported = itertools.count(), list[Cell]()
    made = resolve_grid(resolution, seconds=seconds, on_cell=reported.append, clock=lambda: next(ticks) * step)
    return made, reported


def test_every_package_and_every_pair_has_a_cell() -> None:
    made, reported = grid(FakeSolver(), "abcde")
    assert 5 + 10 == len(made.cells)
    assert list(made.cells) == reported
    assert made.is_complete
    assert "each resolves with the application; no pair is in conflict" in made.sentence()


def test_implied_conflicts_are_not_resolved() -> None:
    """A pair with a package that fails alone is implied."""
    solver = FakeSolver(("a", "phoenix"), "bc")
    made, _told = grid(solver, "abcd")
    assert (("a",), ("b", "c")) == made.of("conflict")
    assert {("a", "b"), ("a", "c"), ("a", "d")} == set(made.of("implied"))
    assert not any({"a", "b"} <= names for names in solver.sets)
    assert "a cannot be combined with the application; in conflict with each other: b with c" in made.sentence()


def test_a_package_that_is_not_there_is_missing_in_the_grid() -> None:
    made, _told = grid(FakeSolver(("a",), unknown="a"), "ab")
    assert (("a",),) == made.of("missing")


def test_unreached_cells_are_reported() -> None:
    """They have the outcome not_reached."""
    made, _told = grid(FakeSolver(), "abcdefgh", seconds=10, step=4)
    assert 8 + 28 == len(made.cells)
    assert 0 < len(made.of("not_reached")) < 36
    assert not made.is_complete
    assert made.sentence().endswith("the others were not reached in time.")
