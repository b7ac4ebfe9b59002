"""Blame by resolution, with a scripted solver."""

from __future__ import annotations

import pytest

from rollout.hex.lockfile import Locked
from rollout.packages.blame.errors import RegistryInconclusive
from rollout.packages.blame.requirements import RootRequirement, core_with_lock
from rollout.packages.blame.resolution_probe import Resolution
from tests.unit.packages.blame.fakes import FakeLookUp, FakeSolver, core, want

CORE = core("phoenix", "gettext", "jason")


def culprits(solver: FakeSolver, *names: str, look_up: FakeLookUp | None = None) -> dict[tuple[str, ...], str]:
    """Packages → kind of every set that is found."""
    resolution = Resolution(CORE, want(*names), solver=solver, look_up=look_up or FakeLookUp())
    return {each.packages: each.kind for each in resolution.culprits()}


def test_a_plan_that_resolves_has_no_culprits() -> None:
    """One call of the solver is enough."""
    solver = FakeSolver()
    assert {} == culprits(solver, "ash", "beacon")
    assert 1 == solver.batches


def test_a_package_conflicts_with_the_application() -> None:
    """The sentence names both requirements and their origin, then the solver's explanation for these two."""
    solver = FakeSolver(("beacon", "gettext"))
    (found,) = Resolution(CORE, want("ash", "beacon", "cloak"), solver=solver, look_up=FakeLookUp()).culprits()
    assert ("conflict", ("beacon",), ("gettext",)) == (found.kind, found.packages, found.against)
    assert found.sentence == (
        "beacon ~> 1.0 cannot be combined with gettext ~> 1.0 (which the new Phoenix application requires): "
        "Because beacon, gettext: version solving failed."
    )
    assert frozenset({"beacon", "gettext"}) in solver.sets


def test_pairs_and_triples_and_several_at_once() -> None:
    solver = FakeSolver("ab", "cde", ("f", "jason"))
    assert {("a", "b"): "conflict", ("c", "d", "e"): "conflict", ("f",): "conflict"} == culprits(solver, *"abcdefgh")


def test_a_missing_package_is_no_conflict() -> None:
    """It is reported with similar names; the other packages are resolved without it."""
    look_up = FakeLookUp(near=("beacon",), becon="missing")
    solver = FakeSolver(("becon",), "ab")
    resolution = Resolution(CORE, want("becon", "a", "b"), solver=solver, look_up=look_up)
    missing, conflict = resolution.culprits()
    assert ("missing", ("becon",)) == (missing.kind, missing.packages)
    assert "did you mean beacon?" in missing.sentence
    assert ("conflict", ("a", "b")) == (conflict.kind, conflict.packages)
    assert not any("becon" in names for names in solver.sets)


def test_a_missing_dependency_is_found() -> None:
    """The solver's explanation names it; the lookup confirms that it is missing."""
    solver = FakeSolver(("a", "ghost"), unknown=("ghost",))
    resolution = Resolution(
        core("ghost"), want("a", "b"), solver=solver, look_up=FakeLookUp(near=("host",), ghost="missing")
    )
    (found,) = resolution.culprits()
    assert ("missing", ("a",)) == (found.kind, found.packages)
    assert "ghost, which it needs, does not exist at the source (did you mean host?)" in found.sentence


def test_a_missing_archive_is_reported() -> None:
    """It is installed outside the application, so the solver does not resolve it."""
    solver = FakeSolver()
    resolution = Resolution(CORE, want("a"), solver=solver, look_up=FakeLookUp(igniter_new="missing"),
                            archives=want("igniter_new"))  # fmt: skip
    assert ["igniter_new"] == [name for each in resolution.culprits() for name in each.packages]
    assert not any("igniter_new" in names for names in solver.sets)


@pytest.mark.parametrize("status", ["unreachable", "rate_limited", "bad_signature", "registry_error"])
def test_an_unresponsive_registry_is_inconclusive(status: str) -> None:
    """A package seems to be missing while the registry is down."""
    with pytest.raises(RegistryInconclusive):
        culprits(FakeSolver(), "a", look_up=FakeLookUp(a=status))


def test_the_plan_replaces_requirements_of_the_application() -> None:
    """mix.exs can declare a package only once."""
    resolution = Resolution(CORE, want("gettext"), solver=FakeSolver(), look_up=FakeLookUp())
    assert ["phoenix", "jason"] == [each.name for each in resolution.core]


def test_an_override_holds_in_every_subset() -> None:
    """Without it, a subset could conflict where the whole plan does not."""
    solver = FakeSolver("ab")
    plan = (*want("decimal", override=True), *want("a", "b"))
    Resolution(CORE, plan, solver=solver, look_up=FakeLookUp()).culprits()
    assert {frozenset({"decimal"})} == solver.overrides


def test_an_application_that_does_not_resolve_alone() -> None:
    """No package of the plan is blamed."""
    (found,) = Resolution(CORE, want("a"), solver=FakeSolver(("phoenix", "jason")), look_up=FakeLookUp()).culprits()
    assert ("phoenix", "jason") == found.packages


def test_an_interrupted_search_is_incomplete() -> None:
    solver = FakeSolver("ab", "cd")
    resolution = Resolution(CORE, want(*"abcd"), solver=solver, look_up=FakeLookUp(), may_continue=lambda: False)
    assert () == resolution.culprits()
    assert not resolution.is_complete


def test_locked_packages_are_pinned() -> None:
    """Instead of the application's requirements. Git dependencies are left out."""
    lock = {
        "decimal": Locked(kind="hex", app="decimal", name="decimal", version="3.1.1"),
        "heroicons": Locked(kind="git", app="heroicons", name="heroicons", version="88ab3a0"),
    }
    asked = (
        RootRequirement(name="decimal", requirement="~> 2.0 or ~> 3.0"),
        RootRequirement(name="jason", requirement="~> 1.2"),
    )
    held = core_with_lock(lock, asked)
    assert [str(each) for each in held] == ["jason ~> 1.2", "decimal == 3.1.1"]
    assert held[1].whose == "which the lock of the application contains"
