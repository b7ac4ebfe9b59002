"""Bisects a failure: installs subsets of the plan's packages and compares each result with the failure."""

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
from rollout.packages.blame.requirements import RootRequirement

PASSED, FAILED, UNRESOLVED = "passed", "failed", "unresolved"

# Causes that packages can have. Others, such as a stopped database, prove nothing about packages.
PACKAGE_CAUSES = frozenset({
    "package_missing", "package_broken", "version_conflict", "dependencies_outdated", "compile_error",
    "checksum_mismatch", "library_missing", "platform_mismatch", "toolchain_too_old", "command_missing",
    "program_error", "configuration_invalid", "file_missing", "timeout", "unknown",
})  # fmt: skip

_CHANGING = re.compile(r"\d+(?:\.\d+)*|0x[0-9a-f]+|/\S+")
_HEAD = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Symptom:
    """How an installation failed: its cause (`rollout.diagnosis.CAUSES`), the failing package, and the message."""

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
        """Whether cause and package are equal. Without a package, messages are compared, without numbers and paths."""
        if self.cause != other.cause:
            return False
        if self.package and other.package:
            return self.package == other.package
        return self._head() == other._head()

    def _head(self) -> str:
        return _CHANGING.sub("#", one_line(self.message))[:_HEAD]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeResult:
    """The result of a probe. `outcome` is passed, failed or unresolved (inconclusive)."""

    outcome: str
    seconds: float
    symptom: Symptom | None = None


class Probe(Protocol):
    """Installs a subset of the plan's packages into a fresh application, and leaves nothing behind."""

    def __call__(self, packages: tuple[RootRequirement, ...]) -> ProbeResult: ...

    def suspects(self, symptom: Symptom) -> tuple[RootRequirement, ...]:
        """The packages to try first for a symptom; () for none."""


OnProbe = Callable[[tuple[RootRequirement, ...], ProbeResult], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class BisectionResult:
    """The sets found, in order; none where all packages together do not fail.

    `is_finished` is False where the budget ended before the search.
    """

    sets: tuple[Culprits, ...]
    is_finished: bool


class Bisection:
    """A search for failing subsets of a plan with one probe, within a budget. `on_probe` receives every result."""

    def __init__(self, plan: Sequence[RootRequirement], probe: Probe, budget: Budget, on_probe: OnProbe) -> None:
        self._plan = tuple(plan)
        self._probe = probe
        self._budget = budget
        self._on_probe = on_probe
        self._known: dict[frozenset[RootRequirement], ProbeResult] = {}

    def run(self) -> BisectionResult:
        """Find a minimal failing set, then search the other packages, until they do not fail."""
        sets: list[Culprits] = []
        left = self._plan
        while left and self._budget.is_left:
            whole = self._tried(left)
            if whole.outcome != FAILED or whole.symptom is None:
                return BisectionResult(sets=tuple(sets), is_finished=whole.outcome == PASSED)
            found = self._narrowed(left, whole.symptom)
            if found is None:
                break
            sets.append(findings.does_not_compile(found.items, _says(whole.symptom),
                                                  is_minimal=found.is_minimal, of=len(self._plan)))  # fmt: skip
            if not found.is_minimal or not found.items:
                break
            left = tuple(each for each in left if each not in found.items)
        return BisectionResult(sets=tuple(sets), is_finished=not left)

    def _narrowed(self, packages: tuple[RootRequirement, ...], symptom: Symptom) -> Minimal[RootRequirement] | None:
        def fails(subset: tuple[RootRequirement, ...]) -> bool | None:
            probed = self._tried(subset)
            if probed.outcome == FAILED and probed.symptom is not None and probed.symptom.is_like(symptom):
                return True
            return False if probed.outcome == PASSED else None

        guess = tuple(each for each in self._probe.suspects(symptom) if each in packages)
        if guess and len(guess) < len(packages) and self._budget.is_left and fails(guess):
            packages = guess
        return ddmin(packages, fails, self._budget)

    def _tried(self, packages: tuple[RootRequirement, ...]) -> ProbeResult:
        key = frozenset(packages)
        if key not in self._known:
            began = self._budget.spent
            try:
                self._known[key] = self._probe(packages)
            except RolloutError as error:  # a deadline, or a failure of the site
                seconds = self._budget.spent - began
                self._known[key] = ProbeResult(outcome=UNRESOLVED, seconds=seconds, symptom=Symptom.of(error))
            self._on_probe(packages, self._known[key])
        return self._known[key]


def _says(symptom: Symptom) -> str:
    about = f" ({symptom.package})" if symptom.package and symptom.package not in symptom.message else ""
    return f"{symptom.cause}{about}: {symptom.message}"
