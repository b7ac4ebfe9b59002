"""Root requirements for Hex's solver (the application's and the plan's), and the solver's answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from rollout.config.plan import Package
from rollout.hex.lockfile import Lock

CORE, INSTALLER, LOCK, PLAN = "core", "installer", "lock", "plan"
_WHOSE = {
    CORE: "which the new Phoenix application requires",
    INSTALLER: "which the installer added to the application",
    LOCK: "which the lock of the application contains",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RootRequirement:
    """A requirement at the root of a resolution. `origin` is core, installer, lock or plan; `only` is as in mix.exs."""

    name: str
    requirement: str
    origin: str = PLAN
    override: bool = False
    only: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.name} {self.requirement}"

    @property
    def whose(self) -> str:
        """Where the requirement comes from, as a relative clause. Empty for the plan's own."""
        return _WHOSE.get(self.origin, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class SolverAnswer:
    """The solver's answer for one set: `solution` (name → version), or `words`, its explanation of the conflict.

    `unknown` are names that the registry did not have. `seconds` is the time in the solver.
    """

    solution: Mapping[str, str] | None = None
    words: str = ""
    unknown: tuple[str, ...] = ()
    seconds: float = field(default=0.0, compare=False)

    @property
    def resolves(self) -> bool:
        return self.solution is not None

    @property
    def missing(self) -> tuple[str, ...]:
        """Missing packages that the solver's explanation names."""
        gone = "doesn't exist" in self.words
        return tuple(name for name in self.unknown if gone and f'"{name}' in self.words)


class Solver(Protocol):
    """Resolves sets of requirements. One call with many sets is faster than many calls."""

    def ask(self, sets: Sequence[tuple[RootRequirement, ...]], overrides: frozenset[str]) -> tuple[SolverAnswer, ...]:
        """The answers in the order of `sets`. For packages in `overrides`, only root requirements count.

        Raises SolverFailed, RegistryInconclusive.
        """


def plan_requirements(packages: Iterable[Package]) -> tuple[RootRequirement, ...]:
    """The plan's packages as root requirements."""
    return tuple(
        RootRequirement(name=each.name, requirement=each.requirement, override=each.override, only=each.only)
        for each in packages
    )


def core_with_lock(lock: Lock, core: Iterable[RootRequirement]) -> tuple[RootRequirement, ...]:
    """The core with every locked package pinned to its release."""
    held = {
        each.name: RootRequirement(name=each.name, requirement=f"== {each.version}", origin=LOCK)
        for each in lock.values()
        if each.kind == "hex"
    }
    return (*(each for each in core if each.name not in held), *held.values())


def without_replaced(core: Iterable[RootRequirement], plan: Iterable[RootRequirement]) -> tuple[RootRequirement, ...]:
    """The core without packages of the plan, because mix.exs can declare a package only once."""
    replaced = {each.name for each in plan}
    return tuple(each for each in core if each.name not in replaced)


def overrides(wanted: Iterable[RootRequirement]) -> frozenset[str]:
    """The overridden packages. They are overridden in every subset: removing an override can cause a conflict."""
    return frozenset(each.name for each in wanted if each.override)
