"""What trials say: counts, rates, differences, success in the real world. Pure; every share is a fraction of 1.

Nothing is said of results of several populations at once, and a trial that does not count (its fault never bit, or its
run did not say how it ended) counts for nothing, unless it left something behind: that is never left out. Intervals are
of 95 %, each for itself: none is widened for being one of many.
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
Expectations = Mapping[Place, tuple[str, ...]]  # the outcomes that are promised; () where nothing is
FAULT = "fault"
OUTCOMES = ("deployed", "refused", "rolled_back", "killed", "dirty", "void", "error")
NEVER_BIT, UNTOLD = "its fault never bit", "its run did not say how it ended, or not in time"


# -- counting ---------------------------------------------------------------------------------------------------------


def population(results: Iterable[Result]) -> str:
    """What all results are of, "" where there is none. Raises ValueError for results of several populations."""
    found = sorted({result.population for result in results})
    if len(found) > 1:
        raise ValueError(f"results of {' and '.join(found)} are never counted together")
    return found[0] if found else ""


def counting(results: Iterable[Result]) -> tuple[Result, ...]:
    """Those that may be counted. Raises ValueError for results of several populations."""
    results = tuple(results)
    population(results)
    return tuple(result for result in results if result.counts)


def voids(results: Iterable[Result]) -> tuple[tuple[Result, str], ...]:
    """Those that count for nothing, and why."""
    return tuple((one, UNTOLD if outcome(one) == "error" else NEVER_BIT) for one in results if not one.counts)


def success(results: Iterable[Result]) -> Rate | None:
    """The share that was deployed; None where nothing counts."""
    counted = counting(results)
    return rate(sum(one.succeeded for one in counted), len(counted))


def clean(results: Iterable[Result]) -> Rate | None:
    """The share that left nothing which nobody has taken away, however it ended; None where nothing counts.

    Whatever left something is counted, also where its fault never bit or its run said nothing.
    """
    results = tuple(results)
    population(results)
    counted = [one for one in results if one.counts or one.is_dirty]
    return rate(sum(not one.is_dirty for one in counted), len(counted))


def rates(
    results: Iterable[Result], of: Callable[[Result], Key], measure: Callable[[Iterable[Result]], Rate | None] = success
) -> dict[Key, Rate]:
    """The measure for each key, in the order in which the keys first appear; without those of which nothing counts."""
    results = tuple(results)
    population(results)
    groups: dict[Key, list[Result]] = {}
    for one in results:
        groups.setdefault(of(one), []).append(one)
    return {key: found for key, group in groups.items() if (found := measure(group)) is not None}


def outcome(result: Result) -> str:
    """One of OUTCOMES: how the run ended; what was left behind for good is dirty, whatever the run said."""
    if "error" in {result.outcome, result.settled}:
        return "error"
    if not result.bit or result.settled not in OUTCOMES_OF_A_PATH:
        return "void"
    if result.is_dirty:
        return "dirty"
    return result.outcome if result.outcome in OUTCOMES else "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """Trials of one path under one fault in one form at one phase.

    `n` counts without what is void. `expected` are the outcomes that are promised, () for none; `as_expected` is None
    where nothing was promised and nothing went wrong, or nothing counts.
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
    """Whether the trial came to what is promised; None where there is nothing to hold it to.

    What has been changed for good, or a run that says nothing or does not end, is expected of nobody; and whoever
    promises anything promises to leave nothing, whether a fault bit or not.
    """
    if "error" in {result.outcome, result.settled} or result.owed or result.changed or (expected and result.is_dirty):
        return False
    if not result.counts or not expected:
        return None
    return result.settled in expected


def cells(results: Sequence[Result], expectations: Expectations) -> tuple[Cell, ...]:
    """Every cell that was tried, faults in the order of their first trial. Control and kills have no cell."""
    population(results)
    groups: dict[Place, list[Result]] = {}
    for one in results:
        if one.specification.kind == FAULT:
            groups.setdefault(place(one), []).append(one)
    return tuple(_cell(key, group, expectations.get(key, ())) for key, group in groups.items())


def place(result: Result) -> Place:
    """The key of the cell that a trial belongs to."""
    trial = result.specification
    return trial.path, trial.fault, trial.form, trial.phase


def _cell(key: Place, group: Sequence[Result], expected: tuple[str, ...]) -> Cell:
    answers = [is_expected(one, expected) for one in group]
    told = [answer for answer in answers if answer is not None]
    counted = Counter(outcome(one) for one in group)
    first = group[0].specification
    return Cell(path=key[0], fault=key[1], family=first.family, form=key[2], group=first.group, phase=key[3],
                outcomes={name: counted[name] for name in OUTCOMES if counted[name]},
                n=sum(one.counts for one in group), expected=expected, unexpected=told.count(False),
                as_expected=all(told) if told else None)  # fmt: skip


# -- differences ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Success of `first` less that of `second`, with its interval.

    `n`: pairs where they are paired, else cases of both together. `left_out`: pairs of which one half does not count.
    `only_first`, `only_second`: pairs in which one succeeded and the other did not. `covered`: of a difference in the
    real world, the share of the mix that was measured on both, over which both shares are taken here.
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
        """Who succeeds more often; "" where the interval holds 0: then nobody does, as far as is known."""
        if self.low > 0:
            return self.first
        return self.second if self.high < 0 else ""


def compare(results: Sequence[Result], first: str, second: str) -> Difference | None:
    """Success of two paths under faults, paired: trials of one block share seed, fault, form and place.

    None where there is no pair of which both halves count.
    """
    population(results)
    blocks: dict[tuple[object, ...], dict[str, Result]] = {}
    for one in results:
        trial = one.specification
        if trial.kind == FAULT and trial.path in {first, second}:
            key = (trial.block, trial.seed, trial.fault, trial.form, trial.group)
            blocks.setdefault(key, {})[trial.path] = one
    pairs = [(block[first], block[second]) for block in blocks.values() if len(block) == 2]
    counted = Counter((one.succeeded, two.succeeded) for one, two in pairs if one.counts and two.counts)
    n = counted.total()
    if not n:
        return None
    both, only_first, only_second = counted[True, True], counted[True, False], counted[False, True]
    low, high = newcombe_paired(both, only_first, only_second, counted[False, False])
    return Difference(first=first, second=second, share_first=(both + only_first) / n,
                      share_second=(both + only_second) / n, n=n, low=low, high=high, is_paired=True,
                      only_first=only_first, only_second=only_second, left_out=len(pairs) - n)  # fmt: skip


def control(results: Iterable[Result], path: str) -> Difference | None:
    """The A/A control of a path: arm A less arm B. They are the same thing, so the interval should hold 0."""
    arms: dict[str, list[Result]] = {"A": [], "B": []}
    for one in counting(results):
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
    """The kill loop of a path: runs that SIGKILL has ended, and of those the ones after whose recovery nothing was
    left. `missed`: the run was over before. `remaining`: trials after which something was left.
    """

    path: str
    recovered: Rate | None
    missed: int
    remaining: tuple[Result, ...]

    @property
    def n(self) -> int:
        """How many trials there were."""
        return self.missed + (self.recovered.n if self.recovered else 0)


def kills(results: Iterable[Result], path: str) -> Kills:
    """What the kill loop has found on the path."""
    mine = [one for one in results if one.specification.kind == KILLS and one.specification.path == path]
    population(mine)
    killed = [one for one in mine if one.outcome == "killed"]
    remaining = tuple(one for one in mine if one.is_dirty or one.settled == "error")
    good = sum(one not in remaining for one in killed)
    return Kills(path=path, recovered=rate(good, len(killed)), missed=len(mine) - len(killed), remaining=remaining)
