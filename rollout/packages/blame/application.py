"""What the application asks for by itself: of a fresh one, and what the installer has put into this one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from rollout.packages.blame.errors import SolverBroken
from rollout.packages.blame.requirements import INSTALLER, Wanted
from rollout.packages.blame.scratch_project import Scratch
from rollout.packages.blame.solver import HexSolver

_FRESH = "fresh"


def application_core(scratch: Scratch, solver: HexSolver, plan: Iterable[Wanted]) -> tuple[Wanted, ...]:
    """The requirements of a fresh application, then those that neither it nor the plan explains.

    A fresh one is generated where phx_new is installed in the site; else the site's own mix.exs has to do. Without
    either there are none.
    """
    site = scratch.step.site
    fresh = _fresh(scratch, solver)
    present = _declared(solver, str(site.in_forge.root / site.app)) if site.file("mix.exs").is_file() else ()
    if not fresh and not present:
        scratch.step.note("What the application asks for by itself could not be had; packages are compared alone.")
    known = {each.name for each in (*fresh, *plan)}
    others = tuple(each for each in present if each.name not in known)
    return (*fresh, *(replace(each, origin=INSTALLER) for each in others)) if fresh else others


def _fresh(scratch: Scratch, solver: HexSolver) -> tuple[Wanted, ...]:
    if not any((scratch.step.site.directory / ".home/mix/archives").glob("phx_new-*")):
        return ()
    made = scratch.run(
        "mix", "phx.new", f"{_FRESH}/xavos", "--app", "xavos", "--module", "Xavos", "--database", "postgres",
        "--binary-id", "--no-install", "--no-version-check", label="mix phx.new for comparison", deadline=120, env={},
    )  # fmt: skip
    return _declared(solver, scratch.seen(f"{_FRESH}/xavos")) if made.ok else ()


def _declared(solver: HexSolver, folder: str) -> tuple[Wanted, ...]:
    """Nothing where its mix.exs cannot be read: a failed installer may have left half of one."""
    try:
        return solver.declared(folder)
    except SolverBroken:
        return ()
