"""Order and change of a resolved set of packages. Pure: registry data and locks in, advice out.

A package that depends on another *optionally* compiles again once that other one appears. So an optional
dependency that a later phase brings goes in before the first phase with a package that would notice it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from rollout.hex.lockfile import Lock
from rollout.hex.registry import Dependency
from rollout.hex.version import Version

Dependencies: TypeAlias = Callable[[str, str], tuple[Dependency, ...]]
"""(package name, version) → what that release depends on; `Gateway.dependencies` is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hoist:
    """`package` should go in at the start of `before_phase`; `from_phase` is the one that would have brought
    it.

    `requirement` is what the first of `users` (packages that depend on it optionally) asks for; `because`
    says why, as the second half of a sentence.
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
    """`before` is None for what was added, `after` None for what was removed."""

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
    """In alphabetical order each. `moved` are Git repositories at another revision, neither up nor down."""

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
    """What has to go in earlier than its phase, so that nothing compiles twice; in the order in which to put
    it in.

    `lock` is that of the whole plan; `phases` are (name, packages) in order; `base` names what is installed
    before the first of them (the bare application), with whatever that requires. Also hoisted: an optional
    dependency that no phase names but somebody requires. What was hoisted can be noticed by what is earlier
    still, so the rule is applied until nothing changes.
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
    """What a resolution did to the lock."""
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
    """Package name → dependencies of its locked release, only those that are themselves in the lock."""
    names = {locked.name: locked for locked in lock.values() if locked.kind == "hex"}
    return {
        name: tuple(each for each in dependencies(name, locked.version) if each.package in names)
        for name, locked in names.items()
    }


def _arrivals(graph: Mapping[str, tuple[Dependency, ...]], roots: list[list[str]]) -> dict[str, int]:
    """Package → index in `roots` of the step in which it is first compiled (with whatever it requires)."""
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
    """Who is there before `name` and depends on it optionally, earliest first; nobody where it cannot be
    earlier.
    """
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
