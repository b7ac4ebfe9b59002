"""Finds packages that conflict or are missing by resolving subsets of the plan from registry data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from rollout.hex.lookup import LookupResult, WantedPackage
from rollout.packages.blame import findings
from rollout.packages.blame.conflicts import all_minimal_conflicts, minimal_conflict
from rollout.packages.blame.errors import RegistryInconclusive
from rollout.packages.blame.findings import Culprits
from rollout.packages.blame.requirements import RootRequirement, Solver, SolverAnswer, overrides, without_replaced

LookUp: TypeAlias = Callable[[tuple[WantedPackage, ...]], tuple[LookupResult, ...]]
"""Looks up packages, results in the same order, such as `partial(look_up, gateway)`."""

_INCONCLUSIVE = {"unreachable", "untrusted", "rate_limited", "bad_signature", "registry_error"}


class Resolution:
    """Resolves subsets of a plan together with the application's own requirements, the core.

    `archives` are installed outside the application, so they can be missing, but cannot conflict. Pure apart from
    `solver` and `look_up`.
    """

    def __init__(
        self,
        core: Sequence[RootRequirement],
        plan: Sequence[RootRequirement],
        *,
        solver: Solver,
        look_up: LookUp,
        archives: Sequence[RootRequirement] = (),
        may_continue: Callable[[], bool] = lambda: True,
    ) -> None:
        self.plan = tuple(plan)
        self.core = without_replaced(core, plan)
        self._overrides = overrides((*self.core, *self.plan))
        self._solver = solver
        self._look_up = look_up
        self._archives = tuple(archives)
        self._goes_on = may_continue
        self.is_complete = True

    def ask(self, *sets: Sequence[RootRequirement]) -> tuple[SolverAnswer, ...]:
        """The solver's answers for sets of requirements, each together with the whole core."""
        return self._solver.ask([(*self.core, *each) for each in sets], self._overrides)

    def culprits(self) -> tuple[Culprits, ...]:
        """Every minimal set that prevents core and plan from resolving, missing packages first. () where they resolve.

        `is_complete` is False afterwards where `may_continue` has ended the search. Raises SolverFailed,
        RegistryInconclusive.
        """
        absent = self._missing((*self._archives, *self.plan))
        names = {name for each in absent for name in each.packages}
        there = tuple(each for each in self.plan if each.name not in names)
        # One call for all of them, so that Hex fetches registry entries concurrently.
        whole, bare, *_alone = self.ask(there, (), *((each,) for each in there))
        if whole.resolves:
            return absent
        if not bare.resolves:
            return (*absent, self._explained((), self.core))
        found = all_minimal_conflicts(there, self._conflicts, may_continue=self._goes_on)
        self.is_complete = found.is_complete
        return (*absent, *(self._explained(each, self._against(each)) for each in found.sets))

    def _missing(self, wanted: Sequence[RootRequirement]) -> tuple[Culprits, ...]:
        found = self._look_up(tuple(WantedPackage(name=each.name, requirement=each.requirement) for each in wanted))
        inconclusive = [each for each in found if each.status in _INCONCLUSIVE]
        if inconclusive:
            raise RegistryInconclusive(problem=inconclusive[0].sentence())
        return tuple(findings.missing(each.want.name, each.suggestions) for each in found if each.status == "missing")

    def _conflicts(self, packages: Sequence[RootRequirement]) -> bool:
        return not self.ask(packages)[0].resolves

    def _against(self, packages: tuple[RootRequirement, ...]) -> tuple[RootRequirement, ...]:
        """The requirements of the core that are part of the conflict."""

        def in_conflict(part: Sequence[RootRequirement]) -> bool:
            return not self._solver.ask([(*part, *packages)], self._overrides)[0].resolves

        return minimal_conflict(self.core, in_conflict)

    def _explained(self, packages: tuple[RootRequirement, ...], against: tuple[RootRequirement, ...]) -> Culprits:
        if not packages:
            against = minimal_conflict(
                against, lambda part: not self._solver.ask([tuple(part)], self._overrides)[0].resolves
            )
        (answer,) = self._solver.ask([(*against, *packages)], self._overrides)
        if not answer.missing:
            return findings.conflict(packages or against, against if packages else (), answer.words)
        name = answer.missing[0]
        (result,) = self._look_up((WantedPackage(name=name, requirement=">= 0.0.0"),))
        if result.status in _INCONCLUSIVE:
            raise RegistryInconclusive(problem=result.sentence())
        return findings.missing(name, result.suggestions, needed_by=packages or against, words=answer.words)
