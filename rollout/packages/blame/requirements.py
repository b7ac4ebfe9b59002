"""What is wanted together: the application's own dependencies and the plan's packages, as Hex's solver sees them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from rollout.config.plan import Package
from rollout.hex.lockfile import Lock

CORE, INSTALLER, LOCK, PLAN = "core", "installer", "lock", "plan"
_WHOSE = {
    CORE: "which the new Phoenix application asks for",
    INSTALLER: "which the installer put into the application",
    LOCK: "which the lock of the application holds",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A requirement at the root of a resolution. `origin`: core, installer, lock or plan; `only` as in mix.exs."""

    name: str
    requirement: str
    origin: str = PLAN
    override: bool = False
    only: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.name} {self.requirement}"

    @property
    def whose(self) -> str:
        """Who asks for it, as a relative clause; empty for the plan's own."""
        return _WHOSE.get(self.origin, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the solver says to one set. `solution`: name → version; `words` why there is none.

    `unknown` are names that the registry did not know while the solver was looking, `seconds` what it took there.
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
        """Packages whose absence is a part of the solver's reasons."""
        gone = "doesn't exist" in self.words
        return tuple(name for name in self.unknown if gone and f'"{name}' in self.words)


class Solver(Protocol):
    """Says of sets of requirements whether they resolve; many at once cost less than one by one."""

    def ask(self, sets: Sequence[tuple[Wanted, ...]], overrides: frozenset[str]) -> tuple[Answer, ...]:
        """Answers in the order of `sets`. `overrides` are packages of which only root requirements count.

        Raises SolverBroken, RegistryDoubtful.
        """


def of_plan(packages: Iterable[Package]) -> tuple[Wanted, ...]:
    """The plan's packages as requirements."""
    return tuple(
        Wanted(name=each.name, requirement=each.requirement, override=each.override, only=each.only)
        for each in packages
    )


def held_by(lock: Lock, core: Iterable[Wanted]) -> tuple[Wanted, ...]:
    """The core where nothing may change that is locked: a package of the lock is wanted in just its release."""
    held = {
        each.name: Wanted(name=each.name, requirement=f"== {each.version}", origin=LOCK)
        for each in lock.values()
        if each.kind == "hex"
    }
    return (*(each for each in core if each.name not in held), *held.values())


def without(core: Iterable[Wanted], plan: Iterable[Wanted]) -> tuple[Wanted, ...]:
    """The core's requirements but for those which the plan replaces: mix.exs can name a package only once."""
    replaced = {each.name for each in plan}
    return tuple(each for each in core if each.name not in replaced)


def overrides(wanted: Iterable[Wanted]) -> frozenset[str]:
    """Names that are overridden. They stay so in every subset: else taking an override away would make a conflict."""
    return frozenset(each.name for each in wanted if each.override)
