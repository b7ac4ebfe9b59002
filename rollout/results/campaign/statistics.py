"""Counts results of trials, and computes success rates and differences between paths. Pure.

Shares are fractions of 1. Results of several populations are rejected. Void trials are not counted: the fault never
bit, or the run has no outcome. A void trial that left residue counts as dirty. Intervals are of 95 %, without a
correction for multiple comparisons.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from rollout.results.campaign.intervals import newcombe, newcombe_paired
from rollout.results.campaign.trials import CONTROL, KILLS, OUTCOMES_OF_A_PATH, Result
from rollout.results.rates import Rate, rate

Key = TypeVar("Key", bound=Hashable)
Place = tuple[str, str, str, str]  # path, fault, form, the path's own phase
Expectations = Mapping[Place, tuple[str, ...]]  # place → expected outcomes; () if the path promises none
FAULT = "fault"
OUTCOMES = ("deployed", "refused", "rolled_back", "killed", "dirty", "void", "error")
NEVER_BIT, NO_OUTCOME = "its fault never bit", "its run has no outcome or timed out"


# -- counting ---------------------------------------------------------------------------------------------------------


def population(results: Iterable[Result]) -> str:
    """The population of all results, "" without results. Raises ValueError for several populations."""
    found = sorted({result.population for result in results})
    if len(found) > 1:
        raise ValueError(f"results of {' and '.join(found)} are never counted together")
    return found[0] if found else ""


def counted(results: Iterable[Result]) -> tuple[Result, ...]:
    """The results that count. Raises ValueError for several populations."""
    results = tuple(results)
    population(results)
    return tuple(result for result in results if result.counts)


def voids(results: Iterable[Result]) -> tuple[tuple[Result, str], ...]:
    """The void trials, each with the reason."""
    return tuple((one, NO_OUTCOME if outcome(one) == "error" else NEVER_BIT) for one in results if not one.counts)


def success(results: Iterable[Result]) -> Rate | None:
    """The share of counted trials that deployed; None without counted trials."""
    found = counted(results)
    return rate(sum(one.succeeded for one in found), len(found))


def clean(results: Iterable[Result]) -> Rate | None:
    """The share of trials without residue, whatever their outcome; None without cases.

    A dirty trial is a case even if it is void.
    """
    results = tuple(results)
    population(results)
    cases = [one for one in results if one.counts or one.is_dirty]
    return rate(sum(not one.is_dirty for one in cases), len(cases))


def rates(
    results: Iterable[Result],
    key_of: Callable[[Result], Key],
    measure: Callable[[Iterable[Result]], Rate | None] = success,
) -> dict[Key, Rate]:
    """The rate of each group of results with equal key, in the order of first appearance; groups without cases are out.

    Raises ValueError for several populations.
    """
    results = tuple(results)
    population(results)
    groups: dict[Key, list[Result]] = {}
    for one in results:
        groups.setdefault(key_of(one), []).append(one)
    return {key: found for key, group in groups.items() if (found := measure(group)) is not None}


def outcome(result: Result) -> str:
    """The outcome of a trial, one of OUTCOMES. Residue after recovery makes it dirty, whatever its run reported."""
    if "error" in {result.outcome, result.settled}:
        return "error"
    if not result.bit or result.settled not in OUTCOMES_OF_A_PATH:
        return "void"
    if result.is_dirty:
        return "dirty"
    return result.outcome if result.outcome in OUTCOMES else "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """Counts of the trials of one path with one fault, in one form, at one phase.

    `n`: number of trials without void ones. `expected`: outcomes that the path promises, () for none. `as_expected`:
    whether all trials met the expectation; None if there was no expectation, or no trial counted.
    """

    path: str
    fault: str
    family: str
    form: str
    group: str
    phase: str
    outcomes: Mapping[str, int]
    n: int
    expected: tuple[str, ...]
    unexpected: int
    as_expected: bool | None


def is_expected(result: Result, expected: Sequence[str]) -> bool | None:
    """Whether the trial met the expectation; None if there is none, or the trial is void.

    False in any case: foreign things were changed, something stays after recovery, or the run has no outcome. A path
    that promises any outcome also promises to leave no residue, even if the fault never bit.
    """
    if "error" in {result.outcome, result.settled} or result.owed or result.changed or (expected and result.is_dirty):
        return False
    if not result.counts or not expected:
        return None
    return result.settled in expected


def cells(results: Sequence[Result], expectations: Expectations) -> tuple[Cell, ...]:
    """All cells with trials, in the order of their first trial. Control trials and kills have no cell."""
    population(results)
    groups: dict[Place, list[Result]] = {}
    for one in results:
        if one.specification.kind == FAULT:
            groups.setdefault(place(one), []).append(one)
    return tuple(_cell(key, group, expectations.get(key, ())) for key, group in groups.items())


def place(result: Result) -> Place:
    """The key of a trial's cell."""
    trial = result.specification
    return trial.path, trial.fault, trial.form, trial.phase


def _cell(key: Place, group: Sequence[Result], expected: tuple[str, ...]) -> Cell:
    judged = [is_good for one in group if (is_good := is_expected(one, expected)) is not None]
    counts = Counter(outcome(one) for one in group)
    first = group[0].specification
    return Cell(path=key[0], fault=key[1], family=first.family, form=key[2], group=first.group, phase=key[3],
                outcomes={name: counts[name] for name in OUTCOMES if counts[name]},
                n=sum(one.counts for one in group), expected=expected, unexpected=judged.count(False),
                as_expected=all(judged) if judged else None)  # fmt: skip


# -- differences ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The success rate of `first` minus that of `second`, with its interval.

    `n`: number of pairs if paired, else the cases of both. `left_out`: pairs in which one trial does not count.
    `only_first`, `only_second`: pairs in which only that path succeeded. `covered`: for real-world success, the share
    of the mix that was measured on both paths; both shares are computed over that part.
    """

    first: str
    second: str
    share_first: float
    share_second: float
    n: int
    low: float
    high: float
    is_paired: bool
    only_first: int = 0
    only_second: int = 0
    left_out: int = 0
    covered: float | None = None

    @property
    def estimate(self) -> float:
        return self.share_first - self.share_second

    @property
    def winner(self) -> str:
        """The one with the higher success rate; "" if the interval contains 0."""
        if self.low > 0:
            return self.first
        return self.second if self.high < 0 else ""


def compare(results: Sequence[Result], first: str, second: str) -> Difference | None:
    """The paired difference in success of two paths under faults; None without a pair in which both trials count.

    Trials of one block are a pair: they share seed, fault, form and group.
    """
    population(results)
    blocks: dict[tuple[object, ...], dict[str, Result]] = {}
    for one in results:
        trial = one.specification
        if trial.kind == FAULT and trial.path in {first, second}:
            key = (trial.block, trial.seed, trial.fault, trial.form, trial.group)
            blocks.setdefault(key, {})[trial.path] = one
    pairs = [(block[first], block[second]) for block in blocks.values() if len(block) == 2]
    table = Counter((one.succeeded, two.succeeded) for one, two in pairs if one.counts and two.counts)
    n = table.total()
    if not n:
        return None
    both, only_first, only_second = table[True, True], table[True, False], table[False, True]
    low, high = newcombe_paired(both, only_first, only_second, table[False, False])
    return Difference(first=first, second=second, share_first=(both + only_first) / n,
                      share_second=(both + only_second) / n, n=n, low=low, high=high, is_paired=True,
                      only_first=only_first, only_second=only_second, left_out=len(pairs) - n)  # fmt: skip


def control(results: Iterable[Result], path: str) -> Difference | None:
    """The A/A control of a path: success of arm A minus that of arm B. The arms are equal, so it should be near 0."""
    arms: dict[str, list[Result]] = {"A": [], "B": []}
    for one in counted(results):
        trial = one.specification
        if trial.kind == CONTROL and trial.path == path and trial.arm in arms:
            arms[trial.arm].append(one)
    a, b = success(arms["A"]), success(arms["B"])
    if a is None or b is None:
        return None
    low, high = newcombe(a.hits, a.n, b.hits, b.n)
    return Difference(first="A", second="B", share_first=a.share, share_second=b.share, n=a.n + b.n, low=low, high=high,
                      is_paired=False)  # fmt: skip


# -- kills ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Kills:
    """Kill trials of a path. `recovered`: of the killed runs, those that left nothing after recovery.

    `missed`: trials whose run ended before the kill. `remaining`: trials that left something after recovery.
    """

    path: str
    recovered: Rate | None
    missed: int
    remaining: tuple[Result, ...]

    @property
    def n(self) -> int:
        """Number of kill trials."""
        return self.missed + (self.recovered.n if self.recovered else 0)


def kills(results: Iterable[Result], path: str) -> Kills:
    """Count the kill trials of a path."""
    mine = [one for one in results if one.specification.kind == KILLS and one.specification.path == path]
    population(mine)
    killed = [one for one in mine if one.outcome == "killed"]
    remaining = tuple(one for one in mine if one.is_dirty or one.settled == "error")
    good = sum(one not in remaining for one in killed)
    return Kills(path=path, recovered=rate(good, len(killed)), missed=len(mine) - len(killed), remaining=remaining)
