"""Estimates a path's success rate in practice: weights the rate under each fault by its probability. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rollout.results.campaign.intervals import mover
from rollout.results.campaign.statistics import Difference, counted, rates
from rollout.results.campaign.trials import CONTROL, Result
from rollout.results.campaign.trouble_mix import NONE, Mix
from rollout.results.rates import Rate

LEAST_COVERED = 0.5  # the measured share of the mix that an estimate needs


@dataclass(frozen=True, slots=True, kw_only=True)
class Stratum:
    """One part of the mix. `weight`: its probability. `rate`: the measured success, None if it was not measured."""

    fault: str
    form: str
    weight: float
    rate: Rate | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RealWorld:
    """The estimated success rate of one attempt in practice, with its interval.

    `covered`: the measured share of the mix. Strata that were not measured are left out, and the other weights are
    divided by `covered`. `widest`: the stratum that contributes most to the width of the interval.
    """

    path: str
    share: float
    low: float
    high: float
    covered: float
    strata: tuple[Stratum, ...]

    @property
    def n(self) -> int:
        return sum(stratum.rate.n for stratum in self.strata if stratum.rate)

    @property
    def missing(self) -> tuple[Stratum, ...]:
        """Strata that were not measured, most likely first."""
        return tuple(sorted((one for one in self.strata if one.rate is None), key=lambda one: -one.weight))

    @property
    def widest(self) -> Stratum:
        def width(one: Stratum) -> float:
            return one.weight * (one.rate.high - one.rate.low) if one.rate else -1.0

        return max(self.strata, key=width)


def strata(results: Iterable[Result], mix: Mix, path: str) -> tuple[Stratum, ...]:
    """Every part of the mix with its success rate on the path: `none` from control trials, others by fault and form.

    Trials of kind `kills` count as trials of the fault `sigkill`.
    """
    mine = (one for one in counted(results) if one.specification.path == path)
    found = rates(mine, _stratum_of)
    return tuple(
        Stratum(fault=fault, form=form, weight=weight, rate=found.get((fault, form)))
        for (fault, form), weight in mix.strata.items()
    )


def _stratum_of(result: Result) -> tuple[str, str]:
    trial = result.specification
    return (NONE, "") if trial.kind == CONTROL else (trial.fault, trial.form)


def real_world(results: Iterable[Result], mix: Mix, path: str) -> RealWorld | None:
    """Real-world success of the path; None if less than half of the mix was measured."""
    parts = strata(results, mix, path)
    measured = [(one.weight, one.rate) for one in parts if one.rate is not None]
    covered = math.fsum(weight for weight, _ in measured)
    if covered < LEAST_COVERED:
        return None
    share, low, high = mover([(weight / covered, found) for weight, found in measured])
    return RealWorld(path=path, share=_bounded(share), low=max(0.0, low), high=min(1.0, high), covered=covered,
                     strata=parts)  # fmt: skip


def real_difference(results: Sequence[Result], mix: Mix, first: str, second: str) -> Difference | None:
    """The difference in real-world success of two paths, over strata measured on both; None if less than half was.

    MOVER treats the paths as independent, although their trials share seeds. So the interval is conservative.
    """
    pairs = [
        (one.weight, one.rate, two.rate)
        for one, two in zip(strata(results, mix, first), strata(results, mix, second), strict=True)
        if one.rate is not None and two.rate is not None
    ]
    covered = math.fsum(weight for weight, _, _ in pairs)
    if covered < LEAST_COVERED:
        return None
    parts_first = [(weight / covered, one) for weight, one, _ in pairs]
    parts_second = [(weight / covered, two) for weight, _, two in pairs]
    _, low, high = mover([*parts_first, *((-weight, two) for weight, two in parts_second)])
    return Difference(first=first, second=second, share_first=_bounded(mover(parts_first)[0]),
                      share_second=_bounded(mover(parts_second)[0]), n=sum(one.n + two.n for _, one, two in pairs),
                      low=max(-1.0, low), high=min(1.0, high), is_paired=False, covered=covered)  # fmt: skip


def _bounded(share: float) -> float:
    return min(1.0, max(0.0, share))
