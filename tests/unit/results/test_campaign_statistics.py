"""Statistics of trials: formulas against examples from the literature, counting rules, comparisons."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollout.results.campaign import statistics
from rollout.results.campaign.intervals import mover, newcombe, newcombe_paired
from rollout.results.campaign.real_world import real_difference, real_world
from rollout.results.campaign.summary import completed, summarise
from rollout.results.campaign.trials import Result
from rollout.results.campaign.trouble_mix import Mix, Trouble
from rollout.results.rates import Rate, rate
from tests.unit.campaign.trials import result, trial
from tests.unit.report.campaigns import campaign, many, row

COUNTS = st.integers(0, 40)


def made(outcome: str = "deployed", *, bites: int = 1, left: tuple[str, ...] = (), **of: Any) -> Result:
    return result(trial(**of), outcome=outcome, settled=outcome, bites=bites, changed=left)


def control(path: str, arm: str, outcome: str = "deployed", seed: int = 1) -> Result:
    of = trial(kind="control", path=path, arm=arm, seed=seed, fault="", family="", form="", group="", phase="")
    return result(of, outcome=outcome, settled=outcome, bites=0)


def known(hits: int, n: int) -> Rate:
    found = rate(hits, n)
    assert found is not None
    return found


# -- intervals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "interval"),
    [
        ((1, 1, 7, 12), (-0.507, -0.026)),  # Bentur et al. 2009, in Fagerland, Lydersen and Laake 2014
        ((14, 5, 0, 22), (0.011, 0.226)),  # Altman et al., Statistics with Confidence, 2000, table 6.2
    ],
)
def test_paired_intervals_are_those_of_the_literature(
    table: tuple[int, int, int, int], interval: tuple[float, float]
) -> None:
    """Newcombe's method 10 for paired proportions, with negative and positive correlation."""
    low, high = newcombe_paired(*table)
    assert (round(low, 3), round(high, 3)) == interval


@pytest.mark.parametrize(
    ("table", "interval"),
    [
        ((56, 70, 48, 80), (0.0524, 0.3339)),  # Newcombe 1998, example (a), method 10
        ((9, 10, 3, 10), (0.1705, 0.8090)),  # example (b)
        ((5, 56, 0, 29), (-0.0381, 0.1926)),  # example (d)
    ],
)
def test_unpaired_intervals_are_those_of_newcombe(
    table: tuple[int, int, int, int], interval: tuple[float, float]
) -> None:
    """The examples of Newcombe 1998, to four digits."""
    low, high = newcombe(*table)
    assert (round(low, 4), round(high, 4)) == interval


@given(COUNTS, COUNTS, COUNTS, COUNTS)
def test_paired_interval_contains_the_difference_and_is_symmetric(both: int, one: int, two: int, neither: int) -> None:
    """It is within -1…1 and around the estimate. With swapped paths it has the opposite sign."""
    n = both + one + two + neither
    if n == 0:
        return
    low, high = newcombe_paired(both, one, two, neither)
    back = newcombe_paired(both, two, one, neither)
    assert -1 <= low <= (one - two) / n + 1e-12
    assert (one - two) / n - 1e-12 <= high <= 1
    assert math.isclose(low, -back[1], abs_tol=1e-9)
    assert math.isclose(high, -back[0], abs_tol=1e-9)


@given(st.integers(1, 30).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
       st.integers(1, 30).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))  # fmt: skip
def test_mover_of_a_difference_is_newcombe(one: tuple[int, int], two: tuple[int, int]) -> None:
    """With weights 1 and -1. For a single proportion it is the Wilson interval."""
    first, second = known(*one), known(*two)
    _, low, high = mover([(1.0, first), (-1.0, second)])
    assert newcombe(*one, *two) == pytest.approx((max(-1.0, low), min(1.0, high)))
    assert mover([(1.0, first)]) == pytest.approx((first.share, first.low, first.high))


def test_mover_by_hand() -> None:
    """Half 8 of 10 (0.4902…0.9433), half 1 of 1 (0.2065…1)."""
    share, low, high = mover([(0.5, known(8, 10)), (0.5, known(1, 1))])
    assert share == pytest.approx(0.9)
    assert low == pytest.approx(0.9 - math.hypot(0.5 * (0.8 - 0.4902), 0.5 * (1 - 0.2065)), abs=1e-4)
    assert high == pytest.approx(0.9 + 0.5 * (0.9433 - 0.8), abs=1e-4)


# -- counting ---------------------------------------------------------------------------------------------------------


def test_void_trials_are_not_counted_and_are_listed_with_a_reason() -> None:
    """A fault that never bit, and a run without an outcome."""
    results = (made(), made("rolled_back"), made("void", bites=0), made("error"))
    found = statistics.success(results)
    assert found is not None
    assert (found.hits, found.n) == (1, 2)
    assert [why for _, why in statistics.voids(results)] == [statistics.NEVER_BIT, statistics.NO_OUTCOME]
    assert statistics.success(results[2:]) is None


def test_a_run_that_timed_out_is_unexpected_and_void() -> None:
    """Even if it was rolled back completely after it was stopped."""
    hung = replace(made("error"), settled="rolled_back")
    assert statistics.is_expected(hung, ("rolled_back", "refused")) is False
    assert statistics.success([hung]) is None
    assert statistics.voids([hung]) == ((hung, statistics.NO_OUTCOME),)
    assert statistics.outcome(hung) == "error"


def test_a_dirty_trial_always_counts_as_dirty() -> None:
    """Even if its fault never bit or its run has no outcome."""
    results = [
        made("rolled_back"),
        made("rolled_back", bites=0),
        made("void", bites=0, left=("container x",)),
        replace(made("error"), settled="dirty"),
    ]
    found = statistics.clean(results)
    assert found is not None
    assert (found.hits, found.n) == (1, 3)
    assert statistics.rates(results, lambda one: one.specification.path, statistics.clean) == {"realistic": found}


def test_populations_are_never_mixed() -> None:
    """Every function rejects results of real packages with results of stand-ins, or of two scenarios."""
    mixed = (control("realistic", "A"), result(population="real"), result(trial(path="ambitious")))
    for ask in (
        statistics.success, statistics.clean, lambda all_: statistics.rates(all_, lambda one: one.run),
        lambda all_: statistics.compare(all_, "realistic", "ambitious"), lambda all_: statistics.cells(all_, {}),
        lambda all_: statistics.control(all_, "realistic"),
        lambda all_: real_world(all_, Mix(troubles=()), "realistic"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match="real and rehearsal:default are never counted together"):
            ask(mixed)
    with pytest.raises(ValueError, match="never counted together"):
        summarise(campaign([row(), row(population="real", of={"seed": 8})]))
    with pytest.raises(ValueError, match="is of real, its trials are of rehearsal:default"):
        summarise(campaign([row()], population="real"))


def test_a_cell_is_as_expected_or_unexpected_or_without_expectation() -> None:
    """A trial that changed something for good is always unexpected, even if its path promises nothing."""
    promises = {("realistic", "sigterm", "transient", "database"): ("rolled_back", "refused")}
    results = [made("rolled_back"), made("void", bites=0), made("dirty", path="ambitious")]
    good, open_ = statistics.cells(results, promises)
    assert (good.as_expected, good.n, good.outcomes) == (True, 1, {"rolled_back": 1, "void": 1})
    assert (open_.as_expected, open_.expected) == (None, ())

    broken, touched = statistics.cells(
        [made("deployed"), made("rolled_back"), made("deployed", path="ambitious", left=("lost: a file",))], promises
    )
    assert (broken.as_expected, broken.unexpected) == (False, 1)
    assert (touched.as_expected, touched.outcomes) == (False, {"dirty": 1})


def test_residue_is_unexpected_even_if_the_fault_never_bit() -> None:
    """For a path that promises to leave none. A path without a promise has no expectation."""
    left = made("dirty", bites=0)
    assert statistics.is_expected(left, ("rolled_back", "refused")) is False
    assert statistics.is_expected(left, ()) is None
    assert statistics.is_expected(made("void", bites=0), ("rolled_back", "refused")) is None
    assert statistics.is_expected(made("error", bites=0), ()) is False


def test_control_and_kills_have_no_cell() -> None:
    """They have no target phase."""
    assert statistics.cells([control("realistic", "A"), made("killed", kind="kills", at=3.0)], {}) == ()


# -- differences ------------------------------------------------------------------------------------------------------


def pairs(both: int, one: int, two: int, neither: int) -> list[Result]:
    kinds = [(True, True)] * both + [(True, False)] * one + [(False, True)] * two + [(False, False)] * neither
    return [
        made("deployed" if good else "rolled_back", block=block, seed=block, path=path)
        for block, answers in enumerate(kinds)
        for path, good in zip(("realistic", "ambitious"), answers, strict=True)
    ]


def test_paths_are_compared_in_pairs() -> None:
    """The example of Altman et al. as trials. With swapped paths the winner is the same."""
    found = statistics.compare(pairs(14, 5, 0, 22), "realistic", "ambitious")
    assert found is not None
    assert (found.n, found.only_first, found.only_second, found.is_paired) == (41, 5, 0, True)
    assert (round(found.low, 3), round(found.high, 3), found.winner) == (0.011, 0.226, "realistic")
    back = statistics.compare(pairs(14, 5, 0, 22), "ambitious", "realistic")
    assert back is not None
    assert back.winner == "realistic"


def test_an_interval_that_contains_zero_has_no_winner() -> None:
    """Three of ten against one of ten."""
    found = statistics.compare(pairs(1, 2, 0, 7), "realistic", "ambitious")
    assert found is not None
    assert found.low < 0 < found.estimate
    assert found.winner == ""


def test_a_pair_with_a_void_trial_is_left_out_and_counted() -> None:
    """A trial without a partner on the other path is not a pair."""
    results = [*pairs(2, 0, 0, 1), made(block=50), made("void", bites=0, block=50, path="ambitious"), made(block=51)]
    found = statistics.compare(results, "realistic", "ambitious")
    assert found is not None
    assert (found.n, found.left_out) == (3, 1)
    assert statistics.compare(results[-1:], "realistic", "ambitious") is None


def test_the_control_compares_arms_and_nothing_else() -> None:
    """Equal arms have a difference of zero."""
    results = [control("realistic", arm, seed=seed) for seed in range(5) for arm in "AB"]
    found = statistics.control([*results, made("rolled_back")], "realistic")
    assert found is not None
    assert (found.n, found.estimate, found.winner) == (10, 0.0, "")
    assert statistics.control(results[:1], "realistic") is None


# -- the real world ---------------------------------------------------------------------------------------------------


def mix(**weights: tuple[float, float]) -> Mix:
    return Mix(troubles=tuple(
        Trouble(fault=fault, probability=weight, transient=share, assumption=True, because="a test")
        for fault, (weight, share) in weights.items()
    ))  # fmt: skip


def test_real_world_success_is_weighted_by_the_mix() -> None:
    """0.8 × 1 + 0.2 × (0.75 × 1 + 0.25 × 0), with every stratum measured."""
    results = [control("realistic", "A"), made(form="transient"), made("rolled_back", form="persistent")]
    found = real_world(results, mix(sigterm=(0.2, 0.75)), "realistic")
    assert found is not None
    assert found.share == pytest.approx(0.95)
    assert found.covered == pytest.approx(1)
    assert found.missing == ()
    _, low, high = mover([(0.8, known(1, 1)), (0.15, known(1, 1)), (0.05, known(0, 1))])
    assert (found.low, found.high) == pytest.approx((low, min(1, high)))


def test_missing_strata_are_listed_and_the_weights_renormalised() -> None:
    """0.7 for none, 0.1 for sigterm. Not measured: disk_full, and the persistent form of sigterm."""
    results = [control("realistic", "A"), made("rolled_back", form="transient"), made(fault="disk_full", bites=0)]
    found = real_world(results, mix(sigterm=(0.2, 0.5), disk_full=(0.1, 0.0)), "realistic")
    assert found is not None
    assert found.covered == pytest.approx(0.8)
    assert found.share == pytest.approx(0.7 / 0.8)
    assert {(one.fault, one.form) for one in found.missing} == {("sigterm", "persistent"), ("disk_full", "persistent")}
    assert real_world(results, mix(sigterm=(0.2, 0.5)), "ambitious") is None


def test_kills_count_as_trials_of_sigkill() -> None:
    """A killed run has not deployed, so its stratum has the success rate 0."""
    killed = made("killed", kind="kills", fault="sigkill", at=4.0, phase="", group="")
    killed = result(killed.specification, outcome="killed", settled="rolled_back")
    found = real_world([control("realistic", "A"), killed], mix(sigkill=(0.5, 1.0)), "realistic")
    assert found is not None
    assert found.share == pytest.approx(0.5)


def test_paths_differ_over_what_was_measured_on_both() -> None:
    """A stratum that was measured on one path only is left out of the comparison."""
    results = [control(path, arm, seed=seed) for path in ("a", "b") for arm in "AB" for seed in range(9)]
    results.append(made("rolled_back", path="a"))
    found = real_difference(results, mix(sigterm=(0.2, 1.0)), "a", "b")
    assert found is not None
    assert (found.estimate, found.winner, found.n) == (0.0, "", 36)
    assert real_difference(results, mix(), "a", "c") is None


@settings(max_examples=40)
@given(st.lists(st.tuples(st.sampled_from(["none", "x", "y"]), st.booleans(), st.booleans()), max_size=30),
       st.floats(0, 0.5), st.floats(0, 0.5), st.floats(0, 1))  # fmt: skip
def test_real_world_success_is_a_share(
    trials: list[tuple[str, bool, bool]], x: float, y: float, transient: float
) -> None:
    """For any trials: 0 ≤ low ≤ share ≤ high ≤ 1, and at most the whole mix is covered."""
    results = [
        control("realistic", "A", "deployed" if good else "rolled_back")
        if fault == "none"
        else made("deployed" if good else "rolled_back", fault=fault, form="transient" if passing else "persistent")
        for fault, good, passing in trials
    ]
    found = real_world(results, mix(x=(x, transient), y=(y, 1 - transient)), "realistic")
    if found is not None:
        assert 0 <= found.low <= found.share + 1e-9
        assert found.share <= found.high + 1e-9 <= 1 + 2e-9
        assert 0 < found.covered <= 1 + 1e-9


# -- the whole --------------------------------------------------------------------------------------------------------


def test_kills_count_what_recovery_left() -> None:
    """A killed run that is clean, one that left something, and a run that ended before the kill."""
    of = {"kind": "kills", "fault": "sigkill", "phase": "", "group": ""}
    results = [
        result(trial(**of, at=1.0), outcome="killed", settled="rolled_back"),
        result(trial(**of, at=2.0), outcome="killed", settled="rolled_back", owed=("container x",)),
        result(trial(**of, at=3.0), outcome="deployed", settled="deployed", bites=0),
    ]
    found = statistics.kills(results, "realistic")
    assert found.recovered is not None
    assert (found.recovered.hits, found.recovered.n, found.missed) == (1, 2, 1)
    assert [one.owed for one in found.remaining] == [("container x",)]


def test_completing_a_campaign_is_idempotent() -> None:
    """The computed keys do not depend on earlier computed keys. A trial with two rows counts once."""
    data = many(blocks=8)
    once = completed(data)
    assert once == completed(once)
    assert once["done"] == len(data["trials"])
    twice = completed({**data, "trials": [*data["trials"], *data["trials"]]})
    assert once["measured"] == twice["measured"]
    assert once["measured"]["differences"][0]["winner"] is None or isinstance(
        once["measured"]["differences"][0]["winner"], str
    )


def test_invalid_rows_are_ignored_and_counted() -> None:
    """An edited campaign.json does not break the report."""
    assert summarise(campaign([{"what": "ever"}, row()])).unreadable == 1


def test_less_than_half_of_the_mix_gives_no_real_world_estimate() -> None:
    """Trials with rare faults alone are not enough."""
    results = [result(trial(seed=seed)) for seed in range(20)]
    assert real_world(results, mix(sigterm=(0.02, 1.0)), "realistic") is None
    assert real_world(results, mix(sigterm=(0.6, 1.0)), "realistic") is not None
