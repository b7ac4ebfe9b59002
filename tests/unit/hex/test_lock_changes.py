"""Hoisting of optional dependencies, and the changes between two locks."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from rollout.hex.lock_changes import changes, hoists
from rollout.hex.lockfile import Lock, Locked
from rollout.hex.registry import Dependency


def _lock(**versions: str) -> Lock:
    return {name: Locked(kind="hex", app=name, name=name, version=version) for name, version in versions.items()}


def _graph(edges: Mapping[str, tuple[str, ...]]) -> tuple[Lock, Callable[[str, str], tuple[Dependency, ...]]]:
    """`"a": ("b", "?c")`: a requires b and depends on c optionally."""
    names = {*edges, *(each.lstrip("?") for needs in edges.values() for each in needs)}

    def dependencies(name: str, version: str) -> tuple[Dependency, ...]:
        assert "1.0.0" == version
        return tuple(
            Dependency(
                package=each.lstrip("?"),
                app=each.lstrip("?"),
                requirement="~> 1.0",
                optional=each.startswith("?"),
            )
            for each in edges.get(name, ())
        )

    return _lock(**dict.fromkeys(names, "1.0.0")), dependencies


def test_an_optional_dependency_that_comes_later_is_hoisted() -> None:
    """As ash's solver: installed after ash, it makes ash compile again."""
    lock, dependencies = _graph({"ash": ("?picosat",), "auth": ("ash",)})
    (hoist,) = hoists(lock, (("core", ("ash",)), ("login", ("auth", "picosat"))), dependencies=dependencies)
    assert ("picosat", "core", "login", ("ash",)) == (
        hoist.package,
        hoist.before_phase,
        hoist.from_phase,
        hoist.users,
    )
    assert "ash would compile again once it appears" == hoist.because


def test_a_dependency_that_no_phase_names_is_hoisted_too() -> None:
    """Another package requires it."""
    lock, dependencies = _graph({"ash": ("?igniter",), "auth": ("ash", "igniter")})
    (hoist,) = hoists(lock, (("core", ("ash",)), ("login", ("auth",))), dependencies=dependencies)
    assert ("igniter", "core", "login", "~> 1.0") == (
        hoist.package, hoist.before_phase, hoist.from_phase, hoist.requirement,
    )  # fmt: skip


def test_hoisting_works_within_a_phase() -> None:
    """Packages are installed one at a time."""
    lock, dependencies = _graph({"one": ("?two",)})
    (hoist,) = hoists(lock, (("core", ("one", "two")),), dependencies=dependencies)
    assert ("two", "core", "core") == (hoist.package, hoist.before_phase, hoist.from_phase)


def test_hoisting_repeats_until_nothing_compiles_twice() -> None:
    """A hoisted package, or one that it requires, can be an optional dependency itself."""
    lock, dependencies = _graph({"a": ("?x",), "b": ("?c",), "c": ("x",)})
    found = hoists(lock, (("p1", ("a",)), ("p2", ("b",)), ("p3", ("c",))), dependencies=dependencies)
    assert [("x", "p1"), ("c", "p2")] == [(each.package, each.before_phase) for each in found]


def test_nothing_to_hoist() -> None:
    """Required dependencies, earlier packages and packages outside the lock are not hoisted."""
    lock, dependencies = _graph({"a": ("b",), "c": ("?b", "a")})
    assert () == hoists(lock, (("p1", ("a",)), ("p2", ("c",))), dependencies=dependencies)
    lock = {name: locked for name, locked in lock.items() if name != "b"}
    assert () == hoists(lock, (("p1", ("a",)), ("p2", ("c",))), dependencies=dependencies)


def test_packages_of_the_base_are_not_hoisted() -> None:
    """The generated application contains decimal."""
    lock, dependencies = _graph({"phoenix": ("decimal",), "a": ("?decimal",), "b": ("decimal",)})
    phases = (("p1", ("a",)), ("p2", ("b",)))
    assert () == hoists(lock, phases, dependencies=dependencies, base=("phoenix",))
    assert ["decimal"] == [each.package for each in hoists(lock, phases, dependencies=dependencies)]


def test_cycles_of_optional_dependencies_end() -> None:
    """Two packages that depend on each other optionally."""
    lock, dependencies = _graph({"a": ("?b",), "b": ("?a", "?c"), "c": ("?a",)})
    found = hoists(lock, (("p1", ("a",)), ("p2", ("b",)), ("p3", ("c",))), dependencies=dependencies)
    assert {"b": "p1", "c": "p1"} == {each.package: each.before_phase for each in found}


def test_changes_are_classified() -> None:
    """Upgraded, downgraded, removed and added. 1.10 is above 1.9, a pre-release is below its release."""
    before = _lock(a="1.9.0", b="2.0.0", c="1.0.0", d="3.0.0", same="1.0.0")
    after = _lock(a="1.10.0", b="2.0.0-rc.1", d="2.9.9", e="1.0.0", same="1.0.0")
    found = changes(before, after)
    assert ["a"] == [each.package for each in found.upgraded]
    assert ["b", "d"] == [each.package for each in found.downgraded]
    assert [("c", "1.0.0", None)] == [(each.package, each.before, each.after) for each in found.removed]
    assert [("e", None, "1.0.0")] == [(each.package, each.before, each.after) for each in found.added]
    assert "d went from 3.0.0 to 2.9.9" in found.sentences()


def test_equal_locks_have_no_changes_and_git_revisions_are_moved() -> None:
    """A Git revision is neither an upgrade nor a downgrade."""
    lock = _lock(a="1.0.0")
    assert () == changes(lock, lock).sentences()
    one = {"icons": Locked(kind="git", app="icons", name="icons", version="aaa")}
    two = {"icons": Locked(kind="git", app="icons", name="icons", version="bbb")}
    found = changes(one, two)
    assert ["icons"] == [each.package for each in found.moved]
    assert ((), ()) == (found.removed, found.downgraded)
