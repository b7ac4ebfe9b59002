"""Success in the real world: what was measured under each trouble, weighed by how likely it is. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rollout.results.campaign.intervals import mover
from rollout.results.campaign.statistics import Difference, counting, rates
from rollout.results.campaign.trials import CONTROL, Result
from rollout.results.campaign.trouble_mix import NONE, Mix
from rollout.results.rates import Rate

LEAST_COVERED = 0.5  # of the mix: of less, whatever the trials came to says nothing about the whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Stratum:
    """A part of the mix. `weight` is its probability; `rate` the success that was measured, None where none was."""

    fault: str
    form: str
    weight: float
    rate: Rate | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RealWorld:
    """Success of one attempt in practice. `covered`: the share of the mix that was measured; the rest is left out, and
    the weights of what was measured are divided by it. `widest`: the stratum from which most of the interval comes.
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
        """Strata that were not measured, the most likely first."""
        return tuple(sorted((one for one in self.strata if one.rate is None), key=lambda one: -one.weight))

    @property
    def widest(self) -> Stratum:
        def width(one: Stratum) -> float:
            return one.weight * (one.rate.high - one.rate.low) if one.rate else -1.0

        return max(self.strata, key=width)


def strata(results: Iterable[Result], mix: Mix, path: str) -> tuple[Stratum, ...]:
    """Every part of the mix with what was measured of it on the path: control trials for `none`, else fault and form.

    Kills are trials of `sigkill` like any other.
    """
    mine = (one for one in counting(results) if one.specification.path == path)
    found = rates(mine, _stratum_of)
    return tuple(
        Stratum(fault=fault, form=form, weight=weight, rate=found.get((fault, form)))
        for (fault, form), weight in mix.strata.items()
    )


def _stratum_of(result: Result) -> tuple[str, str]:
    trial = result.specification
    return (NONE, "") if trial.kind == CONTROL else (trial.fault, trial.form)


def real_world(results: Iterable[Result], mix: Mix, path: str) -> RealWorld | None:
    """Success of one attempt on the path, as troubles are likely by the mix; None where less than half was measured."""
    parts = strata(results, mix, path)
    measured = [(one.weight, one.rate) for one in parts if one.rate is not None]
    covered = math.fsum(weight for weight, _ in measured)
    if covered < LEAST_COVERED:
        return None
    share, low, high = mover([(weight / covered, found) for weight, found in measured])
    return RealWorld(path=path, share=_bounded(share), low=max(0.0, low), high=min(1.0, high), covered=covered,
                     strata=parts)  # fmt: skip


def real_difference(results: Sequence[Result], mix: Mix, first: str, second: str) -> Difference | None:
    """Success of two paths in practice, over the strata that were measured on both; None where they are too few.

    By MOVER as if the paths were independent: that they share seeds is not made use of, so it is rather too wide.
    """
    pairs = [
        (one.weight, one.rate, two.rate)
        for one, two in zip(strata(results, mix, first), strata(results, mix, second), strict=True)
        if one.rate is not None and two.rate is not None
    ]
    covered = math.fsum(weight for weight, _, _ in pairs)
    if covered < LEAST_COVERED:
        return None
    here = [(weight / covered, one) for weight, one, _ in pairs]
    there = [(weight / covered, two) for weight, _, two in pairs]
    _, low, high = mover([*here, *((-weight, two) for weight, two in there)])
    return Difference(first=first, second=second, share_first=_bounded(mover(here)[0]),
                      share_second=_bounded(mover(there)[0]), n=sum(one.n + two.n for _, one, two in pairs),
                      low=max(-1.0, low), high=min(1.0, high), is_paired=False, covered=covered)  # fmt: skip


def _bounded(share: float) -> float:
    return min(1.0, max(0.0, share))
