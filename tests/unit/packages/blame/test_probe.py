"""Bisection: probes, what counts as the same failure, and when it stops."""

from __future__ import annotations

import pytest

from rollout.errors import PhaseFailed
from rollout.packages.blame.ddmin import Budget
from rollout.packages.blame.probe import Bisected, Bisection, Probed, Symptom
from rollout.packages.blame.requirements import Wanted
from tests.unit.packages.blame.fakes import FakeProbe, want

PLAN = want(*"abcdefgh")


def bisected(probe: FakeProbe, *, probes: int = 100) -> tuple[Bisected, list[tuple[str, ...]]]:
    """What was found, and the probes that were told of."""
    told: list[tuple[str, ...]] = []

    def tell(packages: tuple[Wanted, ...], probed: Probed) -> None:
        told.append(tuple(each.name for each in packages))

    return Bisection(PLAN, probe, Budget(probes=probes, seconds=1e9), tell).run(), told


def sets(found: Bisected) -> set[frozenset[str]]:
    return {frozenset(each.packages) for each in found.sets}


@pytest.mark.parametrize("together", ["c", "bg", "ace", "gh"])
def test_the_culprits_are_found(together: str) -> None:
    """And each probe is made once and told of."""
    probe = FakeProbe({frozenset(together): together[0]})
    found, told = bisected(probe)
    assert ({frozenset(together)}, True) == (sets(found), found.is_finished)
    assert told == probe.asked
    assert len(set(told)) == len(told)


def test_what_is_left_without_them_is_looked_at_as_well() -> None:
    """Two failures, the first of which hides the other."""
    found, _told = bisected(FakeProbe({frozenset("bc"): "b", frozenset("fg"): "f"}))
    assert {frozenset("bc"), frozenset("fg")} == sets(found)
    assert found.is_finished


def test_another_failure_is_not_the_same() -> None:
    """{a} alone fails differently where b is missing, and is not taken for the culprit of what a and b do."""
    probe = FakeProbe({frozenset("ab"): "b", frozenset("a"): "a"})
    found, _told = bisected(probe)
    assert frozenset("ab") in sets(found)


def test_a_good_guess_saves_probes() -> None:
    """Suspects are probed first, and only they are bisected if they fail alike."""
    guessed = FakeProbe({frozenset("ah"): "a"}, suspects="ah")
    blind = FakeProbe({frozenset("ah"): "a"})
    assert sets(bisected(guessed)[0]) == sets(bisected(blind)[0]) == {frozenset("ah")}
    assert len(guessed.asked) < len(blind.asked) / 2


def test_a_wrong_guess_misleads_nobody() -> None:
    found, _told = bisected(FakeProbe({frozenset("ah"): "a"}, suspects="cd"))
    assert {frozenset("ah")} == sets(found)


def test_what_does_not_fail_again_has_no_culprit() -> None:
    found, told = bisected(FakeProbe({}))
    assert ((), True, [tuple("abcdefgh")]) == (found.sets, found.is_finished, told)


def test_an_application_that_fails_by_itself_is_said_to() -> None:
    """No package is blamed."""
    found, _told = bisected(FakeProbe({frozenset(): "core"}))
    assert [()] == [each.packages for each in found.sets]
    assert "without any package of the plan" in found.sets[0].sentence


def test_a_spent_budget_is_said() -> None:
    """What was found so far is told as not minimal."""
    found, told = bisected(FakeProbe({frozenset("ace"): "a"}), probes=4)
    assert (False, [False]) == (found.is_finished, [each.is_minimal for each in found.sets])
    assert "not narrowed further" in found.sets[0].sentence
    assert len(told) <= 5


def test_a_probe_that_says_nothing_ends_it() -> None:
    found, _told = bisected(FakeProbe({}, silent=[frozenset("abcdefgh")]))
    assert ((), False) == (found.sets, found.is_finished)


def test_a_probe_whose_time_is_over_says_nothing() -> None:
    """The search ends with what it knows, and not with an error."""

    class Late(FakeProbe):
        def __call__(self, packages: tuple[Wanted, ...]) -> Probed:
            raise PhaseFailed("The phase has used up its 10 s.", cause="timeout")

    told: list[Probed] = []
    found = Bisection(PLAN, Late({}), Budget(probes=9, seconds=9), lambda packages, probed: told.append(probed)).run()
    assert ((), False) == (found.sets, found.is_finished)
    assert ["unresolved"] == [each.outcome for each in told]


def test_the_same_failure_by_cause_package_or_message() -> None:
    def symptom(cause: str, package: str | None, message: str) -> Symptom:
        return Symptom(cause=cause, package=package, message=message)

    one = symptom("compile_error", "ash", "could not compile in 3.2 s")
    assert one.is_like(symptom("compile_error", "ash", "something else"))
    assert not one.is_like(symptom("compile_error", "beacon", "could not compile in 3.2 s"))
    assert not one.is_like(symptom("version_conflict", "ash", "could not compile in 3.2 s"))
    assert one.is_like(symptom("compile_error", None, "could not compile in 17 s"))
    assert not one.is_like(symptom("compile_error", None, "no such file"))


def test_a_symptom_of_any_error() -> None:
    assert "timeout" == Symptom.of(PhaseFailed("too slow", cause="timeout", package="ash")).cause
    assert ("unknown", "ValueError: x") == (Symptom.of(ValueError("x")).cause, Symptom.of(ValueError("x")).message)
