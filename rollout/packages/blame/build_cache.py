"""Compiled packages, kept from probe to probe: each under a key of everything that went into it."""

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
_KEPT = "_kept/dev/lib"  # as deep as LIB: links to priv/ are relative


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Packages as locked that a set of requirements brings in: application name → key of its build.

    The key says name, version, and the keys of whatever it depends on that is there, optional or not: a package
    compiles differently where an optional dependency of it is present.
    """

    keys: Mapping[str, str]
    reached: Mapping[str, frozenset[str]] = field(default_factory=dict)


def chosen(lock: Lock, roots: Iterable[str], dependencies: Dependencies) -> Chosen:
    """What the packages `roots` bring in, by the lock; those that are not locked bring nothing."""
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
    return Chosen(
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
        # A dependency on something above it can only be an optional one that Mix leaves out, too.
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


class Builds:
    """The build folder of a scratch project, and beside it everything compiled before, to be moved in and out."""

    def __init__(self, project: Path) -> None:
        self._lib = project / LIB
        self._kept = project / _KEPT

    def lay(self, picked: Chosen) -> tuple[str, ...]:
        """Make the build folder hold what was compiled of `picked`; returns the applications that are still to do."""
        shutil.rmtree(self._lib, ignore_errors=True)
        self._lib.mkdir(parents=True)
        self._kept.mkdir(parents=True, exist_ok=True)
        for app, key in picked.keys.items():
            if (self._kept / key).is_dir():
                (self._kept / key).rename(self._lib / app)
        return self.lacking(picked)

    def lacking(self, picked: Chosen) -> tuple[str, ...]:
        return tuple(app for app in picked.keys if not is_built(self._lib / app))

    def keep(self, picked: Chosen) -> None:
        """Put away what is compiled now; half of a package is not kept."""
        for app, key in picked.keys.items():
            if is_built(self._lib / app):
                shutil.rmtree(self._kept / key, ignore_errors=True)
                (self._lib / app).rename(self._kept / key)

    def has(self, key: str) -> bool:
        return (self._kept / key).is_dir()

    def take_over(self, picked: Chosen, lib: Path) -> None:
        """Copy what another project has compiled of `picked`, with its times: Mix goes by them."""
        self._kept.mkdir(parents=True, exist_ok=True)
        for app, key in picked.keys.items():
            if is_built(lib / app) and not self.has(key):
                shutil.copytree(lib / app, self._kept / key, symlinks=True)


def is_built(folder: Path) -> bool:
    """Mix and Rebar write the application's file last."""
    return any(folder.glob("ebin/*.app"))
