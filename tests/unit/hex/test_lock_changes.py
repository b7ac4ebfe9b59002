"""What goes in early, and what a resolution changed."""

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
    """The solver of ash: compiled after it, it makes ash compile again."""
    lock, dependencies = _graph({"ash": ("?picosat",), "auth": ("ash",)})
    (hoist,) = hoists(lock, (("core", ("ash",)), ("login", ("auth", "picosat"))), dependencies=dependencies)
    assert ("picosat", "core", "login", ("ash",)) == (
        hoist.package,
        hoist.before_phase,
        hoist.from_phase,
        hoist.users,
    )
    assert "ash would compile again once it appears" == hoist.because


def test_one_that_only_somebody_requires_is_hoisted_too() -> None:
    """No phase names it, but it appears all the same."""
    lock, dependencies = _graph({"ash": ("?igniter",), "auth": ("ash", "igniter")})
    (hoist,) = hoists(lock, (("core", ("ash",)), ("login", ("auth",))), dependencies=dependencies)
    assert ("igniter", "core", "login", "~> 1.0") == (
        hoist.package, hoist.before_phase, hoist.from_phase, hoist.requirement,
    )  # fmt: skip


def test_within_a_phase_too() -> None:
    """Packages go in one at a time."""
    lock, dependencies = _graph({"one": ("?two",)})
    (hoist,) = hoists(lock, (("core", ("one", "two")),), dependencies=dependencies)
    assert ("two", "core", "core") == (hoist.package, hoist.before_phase, hoist.from_phase)


def test_hoisting_goes_on_until_nothing_compiles_twice() -> None:
    """What is hoisted may be noticed by what is earlier still, and brings what it requires."""
    lock, dependencies = _graph({"a": ("?x",), "b": ("?c",), "c": ("x",)})
    found = hoists(lock, (("p1", ("a",)), ("p2", ("b",)), ("p3", ("c",))), dependencies=dependencies)
    assert [("x", "p1"), ("c", "p2")] == [(each.package, each.before_phase) for each in found]


def test_nothing_to_hoist() -> None:
    """Required ones come by themselves; earlier ones are there; what is not resolved does not matter."""
    lock, dependencies = _graph({"a": ("b",), "c": ("?b", "a")})
    assert () == hoists(lock, (("p1", ("a",)), ("p2", ("c",))), dependencies=dependencies)
    lock = {name: locked for name, locked in lock.items() if name != "b"}
    assert () == hoists(lock, (("p1", ("a",)), ("p2", ("c",))), dependencies=dependencies)


def test_what_the_base_brings_is_there() -> None:
    """The bare application has decimal, so nobody has to bring it."""
    lock, dependencies = _graph({"phoenix": ("decimal",), "a": ("?decimal",), "b": ("decimal",)})
    phases = (("p1", ("a",)), ("p2", ("b",)))
    assert () == hoists(lock, phases, dependencies=dependencies, base=("phoenix",))
    assert ["decimal"] == [each.package for each in hoists(lock, phases, dependencies=dependencies)]


def test_cycles_of_options_end() -> None:
    """Two packages that each like the other."""
    lock, dependencies = _graph({"a": ("?b",), "b": ("?a", "?c"), "c": ("?a",)})
    found = hoists(lock, (("p1", ("a",)), ("p2", ("b",)), ("p3", ("c",))), dependencies=dependencies)
    assert {"b": "p1", "c": "p1"} == {each.package: each.before_phase for each in found}


def test_changes_are_told_apart() -> None:
    """Up, down, gone and new; 1.10 is above 1.9, a pre-release below its release."""
    before = _lock(a="1.9.0", b="2.0.0", c="1.0.0", d="3.0.0", same="1.0.0")
    after = _lock(a="1.10.0", b="2.0.0-rc.1", d="2.9.9", e="1.0.0", same="1.0.0")
    found = changes(before, after)
    assert ["a"] == [each.package for each in found.upgraded]
    assert ["b", "d"] == [each.package for each in found.downgraded]
    assert [("c", "1.0.0", None)] == [(each.package, each.before, each.after) for each in found.removed]
    assert [("e", None, "1.0.0")] == [(each.package, each.before, each.after) for each in found.added]
    assert "d went from 3.0.0 to 2.9.9" in found.sentences()


def test_no_change_and_git() -> None:
    """A Git revision is neither up nor down."""
    lock = _lock(a="1.0.0")
    assert () == changes(lock, lock).sentences()
    one = {"icons": Locked(kind="git", app="icons", name="icons", version="aaa")}
    two = {"icons": Locked(kind="git", app="icons", name="icons", version="bbb")}
    found = changes(one, two)
    assert ["icons"] == [each.package for each in found.moved]
    assert ((), ()) == (found.removed, found.downgraded)
