"""Caches the compiled packages of all builds of a blame analysis."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rollout.hex.lock_changes import Dependencies
from rollout.hex.lockfile import Lock
from rollout.hex.registry import Dependency

LIB = "_build/dev/lib"
_KEPT = "_kept/dev/lib"  # at the depth of LIB, because links to priv/ are relative


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedPackages:
    """The locked packages that a set of requirements needs: application name → build key.

    A key covers name, version and the keys of all present dependencies, optional ones included: a package compiles
    differently where an optional dependency is present.
    """

    keys: Mapping[str, str]
    reached: Mapping[str, frozenset[str]] = field(default_factory=dict)


def select_locked(lock: Lock, roots: Iterable[str], dependencies: Dependencies) -> LockedPackages:
    """The locked packages that `roots` need. Roots outside the lock are ignored."""
    names = {locked.name: locked for locked in lock.values() if locked.kind == "hex"}
    graph: dict[str, tuple[Dependency, ...]] = {}
    waiting = [root for root in roots if root in names]
    while waiting:
        name = waiting.pop()
        if name not in graph:
            graph[name] = tuple(each for each in dependencies(name, names[name].version) if each.package in names)
            waiting.extend(each.package for each in graph[name] if not each.optional)
    there = {name: tuple(sorted(each.package for each in graph[name] if each.package in graph)) for name in graph}
    keys: dict[str, str] = {}
    for name in there:
        _key(name, there, {each: names[each].version for each in there}, keys, frozenset())
    return LockedPackages(
        keys={names[name].app: keys[name] for name in sorted(there)},
        reached={name: _reached(name, there) for name in there},
    )


def _key(
    name: str,
    there: Mapping[str, tuple[str, ...]],
    versions: Mapping[str, str],
    keys: dict[str, str],
    above: frozenset[str],
) -> str:
    if name not in keys:
        # A cycle can only contain optional dependencies, which Mix ignores too.
        below = [_key(each, there, versions, keys, above | {name}) for each in there[name] if each not in above]
        text = "\0".join((name, versions[name], *below))
        keys[name] = f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:20]}"
    return keys[name]


def _reached(name: str, there: Mapping[str, tuple[str, ...]]) -> frozenset[str]:
    found: set[str] = set()
    waiting = [name]
    while waiting:
        each = waiting.pop()
        if each not in found:
            found.add(each)
            waiting.extend(there[each])
    return frozenset(found)


class BuildCache:
    """The build folder of a scratch project and the cache beside it. Builds are moved between both."""

    def __init__(self, project: Path) -> None:
        self._lib = project / LIB
        self._kept = project / _KEPT

    def restore(self, picked: LockedPackages) -> tuple[str, ...]:
        """Move the cached builds of `picked` to the build folder. Returns the applications without a build."""
        shutil.rmtree(self._lib, ignore_errors=True)
        self._lib.mkdir(parents=True)
        self._kept.mkdir(parents=True, exist_ok=True)
        for app, key in picked.keys.items():
            if (self._kept / key).is_dir():
                (self._kept / key).rename(self._lib / app)
        return self.missing(picked)

    def missing(self, picked: LockedPackages) -> tuple[str, ...]:
        return tuple(app for app in picked.keys if not is_built(self._lib / app))

    def save(self, picked: LockedPackages) -> None:
        """Move complete builds to the cache."""
        for app, key in picked.keys.items():
            if is_built(self._lib / app):
                shutil.rmtree(self._kept / key, ignore_errors=True)
                (self._lib / app).rename(self._kept / key)

    def has(self, key: str) -> bool:
        return (self._kept / key).is_dir()

    def import_builds(self, picked: LockedPackages, lib: Path) -> None:
        """Copy another project's builds of `picked` to the cache. Mix needs their modification times."""
        self._kept.mkdir(parents=True, exist_ok=True)
        for app, key in picked.keys.items():
            if is_built(lib / app) and not self.has(key):
                shutil.copytree(lib / app, self._kept / key, symlinks=True)


def is_built(folder: Path) -> bool:
    """Whether a build is complete: Mix and Rebar write the `.app` file last."""
    return any(folder.glob("ebin/*.app"))
