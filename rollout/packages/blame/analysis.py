"""Blame and matrix of a site, from their start to their end in the journal."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

from rollout.config.plan import Plan
from rollout.errors import RolloutError
from rollout.hex import lockfile
from rollout.hex.lookup import look_up
from rollout.packages.blame import findings
from rollout.packages.blame.application import application_core
from rollout.packages.blame.compile_probe import CompileProbe
from rollout.packages.blame.ddmin import Budget
from rollout.packages.blame.errors import RegistryDoubtful, SolverBroken
from rollout.packages.blame.findings import Blame, Culprits
from rollout.packages.blame.matrix import (
    COMPILES,
    CONFLICTS,
    DOES_NOT_COMPILE,
    NOT_REACHED,
    RESOLVES,
    Cell,
    Matrix,
    resolve_grid,
)
from rollout.packages.blame.probe import OF_PACKAGES, PASSED, UNRESOLVED, Bisection, Probe, Probed, Symptom
from rollout.packages.blame.requirements import Wanted, held_by, of_plan
from rollout.packages.blame.resolution_probe import Resolution
from rollout.packages.blame.scratch_project import Scratch
from rollout.packages.blame.solver import hex_solver
from rollout.phases.step import Step
from rollout.site.site import Site


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds: seconds of the search by resolution and of all probes together, and how many probes there may be."""

    resolving: float = 120.0
    probing: float = 1800.0
    probes: int = 80


DEFAULT_LIMITS = Limits()
_MARGIN = 300.0  # seconds for what is begun before a bound and ends after it


def blame(
    site: Site,
    plan: Plan,
    failure: BaseException | Symptom,
    *,
    phase: str,
    probes: Sequence[Probe] = (),
    limits: Limits = DEFAULT_LIMITS,
) -> Blame:
    """Find out which packages of the plan made `phase` fail, from resolution, then by installing subsets.

    Needs the site's forge and gateway; leaves nothing in the site, an interrupt included. Subsets are compiled in a
    scratch project; where that does not fail, `probes` are asked in order. Never raises for what it cannot find out.
    """
    symptom = failure if isinstance(failure, Symptom) else Symptom.of(failure)
    with _Journaled(site, plan, phase, limits, symptom) as journaled:
        if symptom.cause not in OF_PACKAGES:
            return journaled.finished((), f"The packages are not to blame: {symptom.cause}, {symptom.message}")
        if not plan.packages:
            return journaled.finished((), "The path installs no packages of its own.")
        try:
            return _found(journaled, probes)
        except (RolloutError, OSError) as error:
            return journaled.unfinished(f"It could not be found out: {error}")


def matrix(site: Site, plan: Plan, *, phase: str, minutes: float, compiles: bool = False) -> Matrix:
    """Which packages of the plan go with the application, and with each other; within `minutes`.

    With `compiles`, what is left of the time goes into compiling each package alone with the application. Raises
    SolverBroken, RegistryDoubtful, PhaseFailed.
    """
    began, journal = time.monotonic(), site.run.journal

    def tell(cell: Cell) -> None:
        journal.record("matrix.cell", path=plan.name, **{**asdict(cell), "seconds": round(cell.seconds, 4)})

    step = _step(site, plan, phase, minutes * 60 + _MARGIN)
    with Scratch(step).open() as scratch:
        grid, core, wanted = _grid(scratch, plan, seconds=minutes * 60, tell=tell)
        if compiles:
            until = began + minutes * 60
            probe = CompileProbe(scratch, core, wanted)
            grid = replace(grid, cells=(*grid.cells, *_compiled(probe, grid, wanted, until, tell)))
    grid = replace(grid, seconds=time.monotonic() - began)
    journal.record(
        "matrix.finished",
        path=plan.name,
        cells=len(grid.cells),
        reached=len(grid.cells) - len(grid.of(NOT_REACHED)),
        conflicts=[list(names) for names in grid.of(CONFLICTS)],
        seconds=round(grid.seconds, 3),
        sentence=grid.sentence(),
    )
    return grid


def _found(journaled: _Journaled, probes: Sequence[Probe]) -> Blame:
    site, limits = journaled.site, journaled.limits
    wanted = of_plan(journaled.plan.packages)
    with Scratch(journaled.step).open() as scratch:
        try:
            core, sets, complete = _by_resolution(scratch, journaled.plan, journaled.symptom, seconds=limits.resolving)
        except (SolverBroken, RegistryDoubtful) as error:
            return journaled.unfinished(f"It could not be found out: {error.message}")
        if sets:
            return journaled.finished(
                _as_seen(sets, journaled.symptom), "" if complete else "There may be others: the time for it was over."
            )
        budget = Budget(probes=limits.probes, seconds=limits.probing)
        compiling = CompileProbe(scratch, core, wanted, site=site.application)
        for probe in (compiling, *probes):
            result = Bisection(wanted, probe, budget, journaled.probed).run()
            if result.sets:
                return journaled.finished(
                    result.sets, "" if result.is_finished else "There may be others: the budget of probes was spent."
                )
            if not result.is_finished:
                return journaled.unfinished("The budget of probes was spent before anything was found.")
    how = "resolve, fetch and compile together in a fresh application" if not probes else "can be installed together"
    return journaled.finished((), f"The packages are not to blame: all {len(wanted)} of them {how}.")


def _as_seen(sets: Sequence[Culprits], symptom: Symptom) -> tuple[Culprits, ...]:
    """Those first that explain what was seen; with several faults at once, one of them hides the others."""
    seen = {"package_missing": findings.MISSING, "version_conflict": findings.CONFLICT}.get(symptom.cause)
    return tuple(sorted(sets, key=lambda each: each.kind != seen))


def _by_resolution(
    scratch: Scratch, plan: Plan, symptom: Symptom, *, seconds: float
) -> tuple[tuple[Wanted, ...], tuple[Culprits, ...], bool]:
    """The application's own requirements, what conflicts, and whether that is all.

    Where nothing conflicts and yet a conflict was seen, the lock that the application came with is asked about too.
    """
    until = time.monotonic() + seconds
    site, wanted = scratch.step.site, of_plan(plan.packages)
    with hex_solver(scratch) as solver:
        fresh = application_core(scratch, solver, wanted)

        def resolution(core: tuple[Wanted, ...]) -> Resolution:
            return Resolution(core, wanted, solver=solver, look_up=partial(look_up, site.registry),
                              archives=of_plan(plan.archives), goes_on=lambda: time.monotonic() < until)  # fmt: skip

        free = resolution(fresh)
        sets = free.culprits()
        if sets or symptom.cause != "version_conflict" or not free.is_complete:
            return free.core, sets, free.is_complete
        locked = resolution(held_by(lockfile.read(site.file("mix.lock")), fresh))
        return free.core, locked.culprits(), locked.is_complete


def _grid(
    scratch: Scratch, plan: Plan, *, seconds: float, tell: Any
) -> tuple[Matrix, tuple[Wanted, ...], tuple[Wanted, ...]]:
    wanted = of_plan(plan.packages)
    with hex_solver(scratch) as solver:
        core = application_core(scratch, solver, wanted)
        resolution = Resolution(core, wanted, solver=solver, look_up=partial(look_up, scratch.step.site.registry))
        return resolve_grid(resolution, seconds=seconds, tell=tell), resolution.core, wanted


def _compiled(probe: CompileProbe, grid: Matrix, wanted: Sequence[Wanted], until: float, tell: Any) -> Iterator[Cell]:
    """A cell for each package that resolves alone, compiled with the application."""
    resolving = {names[0] for names in grid.of(RESOLVES) if len(names) == 1}
    for each in wanted:
        if each.name not in resolving:
            continue
        if time.monotonic() >= until:
            cell = Cell(packages=(each.name,), outcome=NOT_REACHED, cause="the time for compiling was over")
        else:
            probed = probe((each,))
            outcome = {PASSED: COMPILES, UNRESOLVED: UNRESOLVED}.get(probed.outcome, DOES_NOT_COMPILE)
            cause = findings.one_line(probed.symptom.message) if probed.symptom else ""
            cell = Cell(packages=(each.name,), outcome=outcome, cause=cause, seconds=probed.seconds)
        tell(cell)
        yield cell


def _step(site: Site, plan: Plan, phase: str, seconds: float) -> Step:
    """Commands of blame are told as those of the phase that it is about, with time of their own."""
    return Step(site, plan, replace(plan.phase(phase), timeout_seconds=seconds))


class _Journaled:
    """Blame's events: one start, its probes, and one end however it ends."""

    def __init__(self, site: Site, plan: Plan, phase: str, limits: Limits, symptom: Symptom) -> None:
        self.site, self.plan, self.limits = site, plan, limits
        self.step = _step(site, plan, phase, limits.resolving + limits.probing + _MARGIN)
        self.symptom = symptom
        self._began = time.monotonic()
        self._probes = 0
        self._is_finished = False

    def __enter__(self) -> _Journaled:
        self._record("blame.started", packages=[each.name for each in self.plan.packages],
                     phase=self.step.phase.name, failure=asdict(self.symptom))  # fmt: skip
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if not self._is_finished:
            with contextlib.suppress(Exception), self.site.run.journal.forgiving():
                self.unfinished("It was interrupted.")

    def probed(self, packages: tuple[Wanted, ...], probed: Probed) -> None:
        """One more probe has been made."""
        self._probes += 1
        told = asdict(probed.symptom) if probed.symptom else {}
        self._record("blame.probe", packages=[each.name for each in packages], outcome=probed.outcome,
                     seconds=round(probed.seconds, 3), **told)  # fmt: skip

    def finished(self, sets: tuple[Culprits, ...], remark: str = "") -> Blame:
        """The end: what was found, and what there is to say besides."""
        sentence = " ".join(filter(None, (findings.said(sets) if sets else "", remark)))
        evidence = "\n\n".join(each.evidence for each in sets) or self.symptom.message
        return self._ended(sets[0].kind if sets else findings.NONE, sets, sentence, evidence)

    def unfinished(self, why: str) -> Blame:
        """The end without a finding."""
        return self._ended(findings.UNFINISHED, (), why, self.symptom.message)

    def _ended(self, kind: str, sets: tuple[Culprits, ...], sentence: str, evidence: str) -> Blame:
        blamed = Blame(kind=kind, sets=sets, sentence=sentence, evidence=evidence, probes=self._probes,
                       seconds=time.monotonic() - self._began)  # fmt: skip
        self._is_finished = True
        self._record(
            "blame.finished",
            kind=kind,
            culprits=list(blamed.culprits),
            sentence=sentence,
            evidence=evidence,
            probes=blamed.probes,
            seconds=round(blamed.seconds, 3),
            sets=[asdict(each) for each in sets],
        )
        return blamed

    def _record(self, event: str, **facts: Any) -> None:
        self.site.run.journal.record(event, path=self.plan.name, **facts)
