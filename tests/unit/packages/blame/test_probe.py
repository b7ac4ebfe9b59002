"""Bisection: the number of probes, the comparison of failures, the end of a search."""

from __future__ import annotations

import pytest

from rollout.errors import PhaseFailed
from rollout.packages.blame.ddmin import Budget
from rollout.packages.blame.probe import Bisection, BisectionResult, ProbeResult, Symptom
from rollout.packages.blame.requirements import RootRequirement
from tests.unit.packages.blame.fakes import FakeProbe, want

PLAN = want(*"abcdefgh")


def bisected(probe: FakeProbe, *, probes: int = 100) -> tuple[BisectionResult, list[tuple[str, ...]]]:
    """The result and the reported probes."""
    reported: list[tuple[str, ...]] = []

    def report(packages: tuple[RootRequirement, ...], probed: ProbeResult) -> None:
        reported.append(tuple(each.name for each in packages))

    return Bisection(PLAN, probe, Budget(probes=probes, seconds=1e9), report).run(), reported


def sets(found: BisectionResult) -> set[frozenset[str]]:
    return {frozenset(each.packages) for each in found.sets}


@pytest.mark.parametrize("together", ["c", "bg", "ace", "gh"])
def test_the_culprits_are_found(together: str) -> None:
    """Each probe runs once and is reported."""
    probe = FakeProbe({frozenset(together): together[0]})
    found, reported = bisected(probe)
    assert ({frozenset(together)}, True) == (sets(found), found.is_finished)
    assert reported == probe.calls
    assert len(set(reported)) == len(reported)


def test_the_other_packages_are_searched_too() -> None:
    """The first of two failures hides the other."""
    found, _told = bisected(FakeProbe({frozenset("bc"): "b", frozenset("fg"): "f"}))
    assert {frozenset("bc"), frozenset("fg")} == sets(found)
    assert found.is_finished


def test_another_failure_is_not_the_same() -> None:
    """{a} alone fails differently without b, so it is not the culprit of the failure of a and b."""
    probe = FakeProbe({frozenset("ab"): "b", frozenset("a"): "a"})
    found, _told = bisected(probe)
    assert frozenset("ab") in sets(found)


def test_a_good_guess_saves_probes() -> None:
    """Suspects are probed first, and bisected alone if they fail in the same way."""
    guessed = FakeProbe({frozenset("ah"): "a"}, suspects="ah")
    blind = FakeProbe({frozenset("ah"): "a"})
    assert sets(bisected(guessed)[0]) == sets(bisected(blind)[0]) == {frozenset("ah")}
    assert len(guessed.calls) < len(blind.calls) / 2


def test_a_wrong_guess_does_not_change_the_result() -> None:
    found, _told = bisected(FakeProbe({frozenset("ah"): "a"}, suspects="cd"))
    assert {frozenset("ah")} == sets(found)


def test_a_failure_that_does_not_repeat_has_no_culprit() -> None:
    found, reported = bisected(FakeProbe({}))
    assert ((), True, [tuple("abcdefgh")]) == (found.sets, found.is_finished, reported)


def test_an_application_that_fails_alone_is_reported() -> None:
    """No package is blamed."""
    found, _told = bisected(FakeProbe({frozenset(): "core"}))
    assert [()] == [each.packages for each in found.sets]
    assert "without any package of the plan" in found.sets[0].sentence


def test_a_used_up_budget_is_reported() -> None:
    """The set found so far is not minimal."""
    found, reported = bisected(FakeProbe({frozenset("ace"): "a"}), probes=4)
    assert (False, [False]) == (found.is_finished, [each.is_minimal for each in found.sets])
    assert "not narrowed further" in found.sets[0].sentence
    assert len(reported) <= 5


def test_an_inconclusive_probe_ends_the_search() -> None:
    found, _told = bisected(FakeProbe({}, silent=[frozenset("abcdefgh")]))
    assert ((), False) == (found.sets, found.is_finished)


def test_a_probe_that_times_out_is_inconclusive() -> None:
    """The search ends with its results so far, not with an error."""

    class Late(FakeProbe):
        def __call__(self, packages: tuple[RootRequirement, ...]) -> ProbeResult:
            raise PhaseFailed("The phase has used up its 10 s.", cause="timeout")

    reported: list[ProbeResult] = []
    found = Bisection(
        PLAN, Late({}), Budget(probes=9, seconds=9), lambda packages, probed: reported.append(probed)
    ).run()
    assert ((), False) == (found.sets, found.is_finished)
    assert ["unresolved"] == [each.outcome for each in reported]


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
