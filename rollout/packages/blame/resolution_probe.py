"""Blame from registry data alone: nothing is downloaded, nothing compiled; the solver's answers decide."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from rollout.hex.lookup import LookupResult, WantedPackage
from rollout.packages.blame import findings
from rollout.packages.blame.conflicts import every_minimal, minimal
from rollout.packages.blame.errors import RegistryDoubtful
from rollout.packages.blame.findings import Culprits
from rollout.packages.blame.requirements import Answer, Solver, Wanted, overrides, without

LookUp: TypeAlias = Callable[[tuple[WantedPackage, ...]], tuple[LookupResult, ...]]
"""Findings in the order of what is wanted; `partial(look_up, gateway)` is one."""

_DOUBTFUL = {"unreachable", "untrusted", "rate_limited", "bad_signature", "registry_error"}


class Resolution:
    """Questions about one core and one plan. `solver` and `look_up` are the world; the rest is pure.

    `archives` are installed beside the application: they can be missing, but not conflict.
    """

    def __init__(
        self,
        core: Sequence[Wanted],
        plan: Sequence[Wanted],
        *,
        solver: Solver,
        look_up: LookUp,
        archives: Sequence[Wanted] = (),
        goes_on: Callable[[], bool] = lambda: True,
    ) -> None:
        self.plan = tuple(plan)
        self.core = without(core, plan)
        self._overrides = overrides((*self.core, *self.plan))
        self._solver = solver
        self._look_up = look_up
        self._archives = tuple(archives)
        self._goes_on = goes_on
        self.is_complete = True

    def ask(self, *sets: Sequence[Wanted]) -> tuple[Answer, ...]:
        """The solver's answers to sets of requirements, each with everything of the core in it."""
        return self._solver.ask([(*self.core, *each) for each in sets], self._overrides)

    def culprits(self) -> tuple[Culprits, ...]:
        """Every minimal reason why core and plan do not resolve, those missing first; none where they do.

        `is_complete` is False afterwards where `goes_on` ended the search. Raises SolverBroken, RegistryDoubtful.
        """
        absent = self._missing((*self._archives, *self.plan))
        names = {name for each in absent for name in each.packages}
        there = tuple(each for each in self.plan if each.name not in names)
        # One question for all of it: what is asked of the registry is asked concurrently.
        whole, bare, *_alone = self.ask(there, (), *((each,) for each in there))
        if whole.resolves:
            return absent
        if not bare.resolves:
            return (*absent, self._explained((), self.core))
        found = every_minimal(there, self._conflicts, goes_on=self._goes_on)
        self.is_complete = found.is_complete
        return (*absent, *(self._explained(each, self._against(each)) for each in found.sets))

    def _missing(self, wanted: Sequence[Wanted]) -> tuple[Culprits, ...]:
        found = self._look_up(tuple(WantedPackage(name=each.name, requirement=each.requirement) for each in wanted))
        doubtful = [each for each in found if each.status in _DOUBTFUL]
        if doubtful:
            raise RegistryDoubtful(trouble=doubtful[0].sentence())
        return tuple(findings.missing(each.want.name, each.suggestions) for each in found if each.status == "missing")

    def _conflicts(self, packages: Sequence[Wanted]) -> bool:
        return not self.ask(packages)[0].resolves

    def _against(self, packages: tuple[Wanted, ...]) -> tuple[Wanted, ...]:
        """What of the core belongs to the conflict."""

        def in_conflict(part: Sequence[Wanted]) -> bool:
            return not self._solver.ask([(*part, *packages)], self._overrides)[0].resolves

        return minimal(self.core, in_conflict)

    def _explained(self, packages: tuple[Wanted, ...], against: tuple[Wanted, ...]) -> Culprits:
        if not packages:
            against = minimal(against, lambda part: not self._solver.ask([tuple(part)], self._overrides)[0].resolves)
        (answer,) = self._solver.ask([(*against, *packages)], self._overrides)
        if not answer.missing:
            return findings.conflict(packages or against, against if packages else (), answer.words)
        name = answer.missing[0]
        (told,) = self._look_up((WantedPackage(name=name, requirement=">= 0.0.0"),))
        if told.status in _DOUBTFUL:
            raise RegistryDoubtful(trouble=told.sentence())
        return findings.missing(name, told.suggestions, needed_by=packages or against, words=answer.words)
