"""Probes: a subset of the plan's packages is installed somewhere, and what comes of it is compared with the failure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from rollout.diagnosis import Diagnosis
from rollout.errors import RolloutError
from rollout.packages.blame import findings
from rollout.packages.blame.ddmin import Budget, Minimal, ddmin
from rollout.packages.blame.findings import Culprits, one_line
from rollout.packages.blame.requirements import Wanted

PASSED, FAILED, UNRESOLVED = "passed", "failed", "unresolved"

# What a choice of packages can bring about; anything else (a database that is down) says nothing about them.
OF_PACKAGES = frozenset({
    "package_missing", "package_broken", "version_conflict", "dependencies_outdated", "compile_error",
    "checksum_mismatch", "library_missing", "platform_mismatch", "toolchain_too_old", "command_missing",
    "program_error", "configuration_invalid", "file_missing", "timeout", "unknown",
})  # fmt: skip

_CHANGING = re.compile(r"\d+(?:\.\d+)*|0x[0-9a-f]+|/\S+")
_HEAD = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Symptom:
    """How an installation failed: one of `rollout.diagnosis.CAUSES`, the package it is about, what was said."""

    cause: str
    package: str | None
    message: str

    @classmethod
    def of(cls, error: BaseException) -> Symptom:
        """The symptom of a phase's error."""
        if isinstance(error, RolloutError):
            return cls(cause=error.cause or "unknown", package=error.package, message=error.message)
        return cls(cause="unknown", package=None, message=f"{type(error).__name__}: {error}")

    @classmethod
    def from_diagnosis(cls, diagnosis: Diagnosis) -> Symptom:
        return cls(cause=diagnosis.cause, package=diagnosis.package, message=diagnosis.message)

    def is_like(self, other: Symptom) -> bool:
        """The same cause, about the same package; where one names none, the same message but for numbers and paths."""
        if self.cause != other.cause:
            return False
        if self.package and other.package:
            return self.package == other.package
        return self._head() == other._head()

    def _head(self) -> str:
        return _CHANGING.sub("#", one_line(self.message))[:_HEAD]


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """What came of a probe. `outcome`: passed, failed or unresolved (it says nothing); `symptom` tells how."""

    outcome: str
    seconds: float
    symptom: Symptom | None = None


class Probe(Protocol):
    """Installs these packages of the plan, no others, into a fresh application; leaves nothing behind."""

    def __call__(self, packages: tuple[Wanted, ...]) -> Probed: ...

    def suspects(self, symptom: Symptom) -> tuple[Wanted, ...]:
        """A guess at whom the symptom may be about, tried before all others; () for none."""


Tell = Callable[[tuple[Wanted, ...], Probed], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bisected:
    """`sets` in the order in which they were found; none where all packages together do not fail.

    `is_finished` is False where the budget ended before it was known that there are no others.
    """

    sets: tuple[Culprits, ...]
    is_finished: bool


class Bisection:
    """One search over one plan, with one probe, within a budget. `tell` hears of every probe that was made."""

    def __init__(self, plan: Sequence[Wanted], probe: Probe, budget: Budget, tell: Tell) -> None:
        self._plan = tuple(plan)
        self._probe = probe
        self._budget = budget
        self._tell = tell
        self._known: dict[frozenset[Wanted], Probed] = {}

    def run(self) -> Bisected:
        """Find a minimal failing set; then look at what is left without it, until that no longer fails."""
        sets: list[Culprits] = []
        left = self._plan
        while left and self._budget.is_left:
            whole = self._tried(left)
            if whole.outcome != FAILED or whole.symptom is None:
                return Bisected(sets=tuple(sets), is_finished=whole.outcome == PASSED)
            found = self._narrowed(left, whole.symptom)
            if found is None:
                break
            sets.append(findings.does_not_compile(found.items, _says(whole.symptom),
                                                  is_minimal=found.is_minimal, of=len(self._plan)))  # fmt: skip
            if not found.is_minimal or not found.items:
                break
            left = tuple(each for each in left if each not in found.items)
        return Bisected(sets=tuple(sets), is_finished=not left)

    def _narrowed(self, packages: tuple[Wanted, ...], symptom: Symptom) -> Minimal[Wanted] | None:
        def fails(subset: tuple[Wanted, ...]) -> bool | None:
            probed = self._tried(subset)
            if probed.outcome == FAILED and probed.symptom is not None and probed.symptom.is_like(symptom):
                return True
            return False if probed.outcome == PASSED else None

        guess = tuple(each for each in self._probe.suspects(symptom) if each in packages)
        if guess and len(guess) < len(packages) and self._budget.is_left and fails(guess):
            packages = guess
        return ddmin(packages, fails, self._budget)

    def _tried(self, packages: tuple[Wanted, ...]) -> Probed:
        key = frozenset(packages)
        if key not in self._known:
            began = self._budget.spent
            try:
                self._known[key] = self._probe(packages)
            except RolloutError as error:  # its time was over, or the site gave way under it
                seconds = self._budget.spent - began
                self._known[key] = Probed(outcome=UNRESOLVED, seconds=seconds, symptom=Symptom.of(error))
            self._tell(packages, self._known[key])
        return self._known[key]


def _says(symptom: Symptom) -> str:
    about = f" ({symptom.package})" if symptom.package and symptom.package not in symptom.message else ""
    return f"{symptom.cause}{about}: {symptom.message}"
