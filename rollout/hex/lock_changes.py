"""Compares two mix.lock files, and finds dependencies to install early so that no package compiles twice. Pure.

A package compiles again when one of its *optional* dependencies appears later. So an optional dependency that a later
phase installs is hoisted: it is installed before the first phase with a package that uses it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from rollout.hex.lockfile import Lock
from rollout.hex.registry import Dependency
from rollout.hex.version import Version

Dependencies: TypeAlias = Callable[[str, str], tuple[Dependency, ...]]
"""(package name, version) → dependencies of that release, such as `Gateway.dependencies`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hoist:
    """`package` is to be installed at the start of `before_phase` instead of in `from_phase`.

    `users` are the packages that depend on it optionally, `requirement` is the first one's. `because` is the reason,
    as a clause.
    """

    package: str
    requirement: str
    before_phase: str
    from_phase: str
    users: tuple[str, ...]

    @property
    def because(self) -> str:
        return f"{' and '.join(self.users)} would compile again once it appears"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A changed entry of the lock. `before` is None for an added package, `after` for a removed one."""

    package: str
    before: str | None
    after: str | None

    def sentence(self) -> str:
        if self.before is None:
            return f"{self.package} {self.after} was added"
        if self.after is None:
            return f"{self.package} {self.before} was removed"
        return f"{self.package} went from {self.before} to {self.after}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LockChanges:
    """All changes between two locks, each in alphabetical order. `moved` are Git repositories at another revision."""

    added: tuple[Change, ...] = ()
    removed: tuple[Change, ...] = ()
    upgraded: tuple[Change, ...] = ()
    downgraded: tuple[Change, ...] = ()
    moved: tuple[Change, ...] = ()

    def sentences(self) -> tuple[str, ...]:
        every = (*self.removed, *self.downgraded, *self.upgraded, *self.moved, *self.added)
        return tuple(change.sentence() for change in every)


def hoists(
    lock: Lock,
    phases: tuple[tuple[str, tuple[str, ...]], ...],
    *,
    dependencies: Dependencies,
    base: Iterable[str] = (),
) -> tuple[Hoist, ...]:
    """The packages to install earlier than in their phase, in the order in which to install them.

    `lock` is the whole plan's. `phases` are (name, packages) in order. `base` names the packages of the generated
    application, which are installed before. An optional dependency that no phase names is hoisted too, where another
    package requires it. A hoisted package can itself be an optional dependency of an earlier one, so the rule is
    applied until nothing changes.
    """
    graph = _graph(lock, dependencies)
    order = tuple(name for name, _packages in phases)
    steps = [(phase, package) for phase, packages in phases for package in packages]
    phase_of = ("", *(phase for phase, _package in steps))
    roots = [list(base), *([package] for _phase, package in steps)]
    found: dict[str, Hoist] = {}
    while True:
        arrival = _arrivals(graph, roots)
        late = next(((name, users) for name in sorted(arrival) if (users := _noticing(graph, arrival, name))), None)
        if late is None:
            return tuple(sorted(found.values(), key=lambda each: (order.index(each.before_phase), each.package)))
        name, users = late
        phase = phase_of[max(arrival[users[0]], 1)]
        start = phase_of.index(phase)
        found[name] = Hoist(
            package=name,
            requirement=_requirement(graph, users[0], name),
            before_phase=phase,
            from_phase=found[name].from_phase if name in found else phase_of[arrival[name]],
            users=users,
        )
        roots[start].append(name)


def changes(before: Lock, after: Lock) -> LockChanges:
    """The changes from one lock to another."""
    both = [
        Change(package=name, before=before[name].version, after=after[name].version)
        for name in sorted(before.keys() & after.keys())
        if before[name].version != after[name].version
    ]
    releases = [each for each in both if before[each.package].kind == after[each.package].kind == "hex"]
    downgraded = tuple(each for each in releases if _is_down(each))
    return LockChanges(
        added=tuple(
            Change(package=name, before=None, after=after[name].version)
            for name in sorted(after.keys() - before.keys())
        ),
        removed=tuple(
            Change(package=name, before=before[name].version, after=None)
            for name in sorted(before.keys() - after.keys())
        ),
        upgraded=tuple(each for each in releases if each not in downgraded),
        downgraded=downgraded,
        moved=tuple(each for each in both if each not in releases),
    )


def _is_down(change: Change) -> bool:
    return Version.parse(change.after or "") < Version.parse(change.before or "")


def _graph(lock: Lock, dependencies: Dependencies) -> dict[str, tuple[Dependency, ...]]:
    """Package name → those dependencies of its locked release that are in the lock."""
    names = {locked.name: locked for locked in lock.values() if locked.kind == "hex"}
    return {
        name: tuple(each for each in dependencies(name, locked.version) if each.package in names)
        for name, locked in names.items()
    }


def _arrivals(graph: Mapping[str, tuple[Dependency, ...]], roots: list[list[str]]) -> dict[str, int]:
    """Package → index in `roots` of the step that first compiles it."""
    arrival: dict[str, int] = {}
    for index, packages in enumerate(roots):
        waiting = list(packages)
        while waiting:
            name = waiting.pop()
            if name in arrival or name not in graph:
                continue
            arrival[name] = index
            waiting.extend(each.package for each in graph[name] if not each.optional)
    return arrival


def _noticing(graph: Mapping[str, tuple[Dependency, ...]], arrival: Mapping[str, int], name: str) -> tuple[str, ...]:
    """Packages that are installed before `name` and depend on it optionally, earliest first."""
    if arrival[name] <= 1:
        return ()
    users = (
        user
        for user, index in arrival.items()
        if index < arrival[name] and any(each.package == name and each.optional for each in graph[user])
    )
    return tuple(sorted(users, key=lambda user: (arrival[user], user)))


def _requirement(graph: Mapping[str, tuple[Dependency, ...]], user: str, name: str) -> str:
    return next(each.requirement for each in graph[user] if each.package == name)
