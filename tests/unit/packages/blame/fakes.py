"""Fake solver, lookup and probe for tests, with scripted results, which count their calls."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rollout.hex.lookup import LookupResult, WantedPackage
from rollout.packages.blame.probe import FAILED, PASSED, UNRESOLVED, ProbeResult, Symptom
from rollout.packages.blame.requirements import CORE, RootRequirement, SolverAnswer


def want(*names: str, origin: str = "plan", override: bool = False) -> tuple[RootRequirement, ...]:
    return tuple(RootRequirement(name=name, requirement="~> 1.0", origin=origin, override=override) for name in names)


def core(*names: str) -> tuple[RootRequirement, ...]:
    return want(*names, origin=CORE)


class FakeSolver:
    """Sets that contain one of `conflicts` do not resolve; a name in `unknown` is not in the registry."""

    def __init__(self, *conflicts: Iterable[str], unknown: Iterable[str] = ()) -> None:
        self.conflicts = [frozenset(each) for each in conflicts]
        self.unknown = frozenset(unknown)
        self.sets: list[frozenset[str]] = []
        self.batches = 0
        self.overrides: set[frozenset[str]] = set()

    def ask(self, sets: Sequence[tuple[RootRequirement, ...]], overrides: frozenset[str]) -> tuple[SolverAnswer, ...]:
        self.batches += 1
        self.overrides.add(overrides)
        return tuple(self._answer(frozenset(each.name for each in wanted)) for wanted in sets)

    def _answer(self, names: frozenset[str]) -> SolverAnswer:
        self.sets.append(names)
        for conflict in self.conflicts:
            if conflict <= names:
                absent = conflict & self.unknown
                why = "".join(f' "{name} ~> 1.0" which doesn\'t exist' for name in sorted(absent))
                return SolverAnswer(words=f"Because {', '.join(sorted(conflict))}:{why}\nversion solving failed.",
                              unknown=tuple(sorted(absent)))  # fmt: skip
        return SolverAnswer(solution=dict.fromkeys(names, "1.0.0"))


class FakeLookUp:
    """Names in `statuses` are found with that status, all others are there."""

    def __init__(self, near: tuple[str, ...] = (), **statuses: str) -> None:
        self._near = near
        self._statuses = statuses

    def __call__(self, wants: tuple[WantedPackage, ...]) -> tuple[LookupResult, ...]:
        return tuple(
            LookupResult(want=each, status=self._statuses.get(each.name, "found"), suggestions=self._near)
            for each in wants
        )


class FakeProbe:
    """A set that contains one of `breaks` (names → failing package) fails. A set in `silent` is unresolved."""

    def __init__(
        self,
        breaks: dict[frozenset[str], str],
        *,
        silent: Iterable[frozenset[str]] = (),
        suspects: Iterable[str] = (),
    ) -> None:
        self._breaks = breaks
        self._silent = frozenset(silent)
        self._suspects = want(*suspects)
        self.calls: list[tuple[str, ...]] = []

    def __call__(self, packages: tuple[RootRequirement, ...]) -> ProbeResult:
        names = frozenset(each.name for each in packages)
        self.calls.append(tuple(each.name for each in packages))
        if names in self._silent:
            return ProbeResult(outcome=UNRESOLVED, seconds=1.0)
        for together, culprit in self._breaks.items():
            if together <= names:
                symptom = Symptom(cause="compile_error", package=culprit, message=f"{culprit} does not compile")
                return ProbeResult(outcome=FAILED, seconds=1.0, symptom=symptom)
        return ProbeResult(outcome=PASSED, seconds=1.0)

    def suspects(self, symptom: Symptom) -> tuple[RootRequirement, ...]:
        return self._suspects
