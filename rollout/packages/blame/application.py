"""Finds the requirements that phx.new or the Igniter installer added outside the plan."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from rollout.application import APPLICATION
from rollout.packages.blame.errors import SolverFailed
from rollout.packages.blame.requirements import INSTALLER, RootRequirement
from rollout.packages.blame.scratch_project import ScratchProject
from rollout.packages.blame.solver import HexSolver

_FRESH = "fresh"


def application_core(
    scratch: ScratchProject, solver: HexSolver, plan: Iterable[RootRequirement]
) -> tuple[RootRequirement, ...]:
    """The requirements of a fresh application, then those that the installer has added to the site's application.

    The fresh application is generated if phx_new is installed in the site. Otherwise, the site's mix.exs is used.
    """
    site = scratch.step.site
    fresh = _fresh(scratch, solver)
    present = _declared(solver, str(site.in_forge.root / site.app)) if site.file("mix.exs").is_file() else ()
    if not fresh and not present:
        scratch.step.note("The application's own requirements are unknown; only the packages of the plan are compared.")
    known = {each.name for each in (*fresh, *plan)}
    others = tuple(each for each in present if each.name not in known)
    return (*fresh, *(replace(each, origin=INSTALLER) for each in others)) if fresh else others


def _fresh(scratch: ScratchProject, solver: HexSolver) -> tuple[RootRequirement, ...]:
    if not any((scratch.step.site.directory / ".home/mix/archives").glob("phx_new-*")):
        return ()
    made = scratch.run(
        *APPLICATION.phx_new(f"{_FRESH}/{APPLICATION.app}"), label="mix phx.new for comparison", deadline=120, env={},
    )  # fmt: skip
    return _declared(solver, scratch.seen(f"{_FRESH}/{APPLICATION.app}")) if made.ok else ()


def _declared(solver: HexSolver, folder: str) -> tuple[RootRequirement, ...]:
    """The requirements in a mix.exs; () where it cannot be read, for example after a failed installer."""
    try:
        return solver.declared(folder)
    except SolverFailed:
        return ()
