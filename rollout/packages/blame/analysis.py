"""Finds the packages that made a phase fail, tests pairs of packages, and journals the results."""

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
from rollout.packages.blame.errors import RegistryInconclusive, SolverFailed
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
from rollout.packages.blame.probe import PACKAGE_CAUSES, PASSED, UNRESOLVED, Bisection, Probe, ProbeResult, Symptom
from rollout.packages.blame.requirements import RootRequirement, core_with_lock, plan_requirements
from rollout.packages.blame.resolution_probe import Resolution
from rollout.packages.blame.scratch_project import ScratchProject
from rollout.packages.blame.solver import hex_solver
from rollout.phases.step import Step
from rollout.site.site import Site


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits of blame: seconds for resolution, seconds for all probes together, and the number of probes."""

    resolving: float = 120.0
    probing: float = 1800.0
    probes: int = 80


DEFAULT_LIMITS = Limits()
_MARGIN = 300.0  # seconds for a command that starts before a limit and ends after it


def blame(
    site: Site,
    plan: Plan,
    failure: BaseException | Symptom,
    *,
    phase: str,
    probes: Sequence[Probe] = (),
    limits: Limits = DEFAULT_LIMITS,
) -> Blame:
    """Find the packages of the plan that made `phase` fail: first by resolution, then by installing subsets.

    Needs the site's forge and gateway. Leaves nothing in the site, even after an interrupt. Subsets are compiled in a
    scratch project. Where that does not fail, the other `probes` are used in order. Without a result, the Blame is
    unfinished; nothing is raised.
    """
    symptom = failure if isinstance(failure, Symptom) else Symptom.of(failure)
    with _JournaledBlame(site, plan, phase, limits, symptom) as journaled:
        if symptom.cause not in PACKAGE_CAUSES:
            return journaled.finished((), f"The packages are not the cause: {symptom.cause}, {symptom.message}")
        if not plan.packages:
            return journaled.finished((), "The path installs no packages.")
        try:
            return _found(journaled, probes)
        except (RolloutError, OSError) as error:
            return journaled.unfinished(f"Blame has no result: {error}")


def matrix(site: Site, plan: Plan, *, phase: str, minutes: float, compiles: bool = False) -> Matrix:
    """Resolve each package of the plan with the application, and each pair, within `minutes`.

    With `compiles`, the rest of the time is used to compile each package alone with the application. Raises
    SolverFailed, RegistryInconclusive, PhaseFailed.
    """
    began, journal = time.monotonic(), site.run.journal

    def on_cell(cell: Cell) -> None:
        journal.record("matrix.cell", path=plan.name, **{**asdict(cell), "seconds": round(cell.seconds, 4)})

    step = _step(site, plan, phase, minutes * 60 + _MARGIN)
    with ScratchProject(step).open() as scratch:
        grid, core, wanted = _grid(scratch, plan, seconds=minutes * 60, on_cell=on_cell)
        if compiles:
            until = began + minutes * 60
            probe = CompileProbe(scratch, core, wanted)
            grid = replace(grid, cells=(*grid.cells, *_compiled(probe, grid, wanted, until, on_cell)))
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


def _found(journaled: _JournaledBlame, probes: Sequence[Probe]) -> Blame:
    site, limits = journaled.site, journaled.limits
    wanted = plan_requirements(journaled.plan.packages)
    with ScratchProject(journaled.step).open() as scratch:
        try:
            core, sets, complete = _by_resolution(scratch, journaled.plan, journaled.symptom, seconds=limits.resolving)
        except (SolverFailed, RegistryInconclusive) as error:
            return journaled.unfinished(f"Blame has no result: {error.message}")
        if sets:
            remark = "" if complete else "There may be others: the time limit was reached."
            return journaled.finished(_matching_symptom_first(sets, journaled.symptom), remark)
        budget = Budget(probes=limits.probes, seconds=limits.probing)
        compiling = CompileProbe(scratch, core, wanted, site=site.application)
        for probe in (compiling, *probes):
            result = Bisection(wanted, probe, budget, journaled.probed).run()
            if result.sets:
                return journaled.finished(
                    result.sets, "" if result.is_finished else "There may be others: the budget of probes was used up."
                )
            if not result.is_finished:
                return journaled.unfinished("The budget of probes was used up without a result.")
    how = "resolve, fetch and compile together in a fresh application" if not probes else "can be installed together"
    return journaled.finished((), f"The packages are not the cause: all {len(wanted)} of them {how}.")


def _matching_symptom_first(sets: Sequence[Culprits], symptom: Symptom) -> tuple[Culprits, ...]:
    """The sets that explain the symptom first. With several problems at once, one can hide the others."""
    seen = {"package_missing": findings.MISSING, "version_conflict": findings.CONFLICT}.get(symptom.cause)
    return tuple(sorted(sets, key=lambda each: each.kind != seen))


def _by_resolution(
    scratch: ScratchProject, plan: Plan, symptom: Symptom, *, seconds: float
) -> tuple[tuple[RootRequirement, ...], tuple[Culprits, ...], bool]:
    """The core, its conflicts with the plan, and whether the search is complete.

    Where nothing conflicts, but the symptom is a conflict, the application's lock is tried too.
    """
    until = time.monotonic() + seconds
    site, wanted = scratch.step.site, plan_requirements(plan.packages)
    with hex_solver(scratch) as solver:
        fresh = application_core(scratch, solver, wanted)

        def resolution(core: tuple[RootRequirement, ...]) -> Resolution:
            return Resolution(core, wanted, solver=solver, look_up=partial(look_up, site.registry),
                              archives=plan_requirements(plan.archives),
                              may_continue=lambda: time.monotonic() < until)  # fmt: skip

        free = resolution(fresh)
        sets = free.culprits()
        if sets or symptom.cause != "version_conflict" or not free.is_complete:
            return free.core, sets, free.is_complete
        locked = resolution(core_with_lock(lockfile.read(site.file("mix.lock")), fresh))
        return free.core, locked.culprits(), locked.is_complete


def _grid(
    scratch: ScratchProject, plan: Plan, *, seconds: float, on_cell: Any
) -> tuple[Matrix, tuple[RootRequirement, ...], tuple[RootRequirement, ...]]:
    wanted = plan_requirements(plan.packages)
    with hex_solver(scratch) as solver:
        core = application_core(scratch, solver, wanted)
        resolution = Resolution(core, wanted, solver=solver, look_up=partial(look_up, scratch.step.site.registry))
        return resolve_grid(resolution, seconds=seconds, on_cell=on_cell), resolution.core, wanted


def _compiled(
    probe: CompileProbe, grid: Matrix, wanted: Sequence[RootRequirement], until: float, on_cell: Any
) -> Iterator[Cell]:
    """Compile each package that resolves alone with the application."""
    resolving = {names[0] for names in grid.of(RESOLVES) if len(names) == 1}
    for each in wanted:
        if each.name not in resolving:
            continue
        if time.monotonic() >= until:
            cell = Cell(
                packages=(each.name,), outcome=NOT_REACHED, cause="the time limit was reached before it was compiled"
            )
        else:
            probed = probe((each,))
            outcome = {PASSED: COMPILES, UNRESOLVED: UNRESOLVED}.get(probed.outcome, DOES_NOT_COMPILE)
            cause = findings.one_line(probed.symptom.message) if probed.symptom else ""
            cell = Cell(packages=(each.name,), outcome=outcome, cause=cause, seconds=probed.seconds)
        on_cell(cell)
        yield cell


def _step(site: Site, plan: Plan, phase: str, seconds: float) -> Step:
    """A step of the failed phase for blame's commands, with its own time limit."""
    return Step(site, plan, replace(plan.phase(phase), timeout_seconds=seconds))


class _JournaledBlame:
    """Journals blame: one start, each probe, and one end, whatever happens."""

    def __init__(self, site: Site, plan: Plan, phase: str, limits: Limits, symptom: Symptom) -> None:
        self.site, self.plan, self.limits = site, plan, limits
        self.step = _step(site, plan, phase, limits.resolving + limits.probing + _MARGIN)
        self.symptom = symptom
        self._began = time.monotonic()
        self._probes = 0
        self._is_finished = False

    def __enter__(self) -> _JournaledBlame:
        self._record("blame.started", packages=[each.name for each in self.plan.packages],
                     phase=self.step.phase.name, failure=asdict(self.symptom))  # fmt: skip
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if not self._is_finished:
            with contextlib.suppress(Exception), self.site.run.journal.forgiving():
                self.unfinished("It was interrupted.")

    def probed(self, packages: tuple[RootRequirement, ...], probed: ProbeResult) -> None:
        """Journal a probe."""
        self._probes += 1
        symptom = asdict(probed.symptom) if probed.symptom else {}
        self._record("blame.probe", packages=[each.name for each in packages], outcome=probed.outcome,
                     seconds=round(probed.seconds, 3), **symptom)  # fmt: skip

    def finished(self, sets: tuple[Culprits, ...], remark: str = "") -> Blame:
        """Journal the end with the sets found and a remark."""
        sentence = " ".join(filter(None, (findings.summary(sets) if sets else "", remark)))
        evidence = "\n\n".join(each.evidence for each in sets) or self.symptom.message
        return self._ended(sets[0].kind if sets else findings.NONE, sets, sentence, evidence)

    def unfinished(self, why: str) -> Blame:
        """Journal the end without a result."""
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
