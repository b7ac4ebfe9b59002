"""A campaign: how its trials are made, gone on with, and told."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rollout.campaign.crew import hired
from rollout.campaign.decoys import DECOYS
from rollout.campaign.design import Design, is_warm_up
from rollout.campaign.ground import Ground, arguments
from rollout.campaign.ledger import Ledger
from rollout.campaign.records import Result, Specification, as_row
from rollout.campaign.schedule import schedule, size
from rollout.campaign.trial import repeat
from rollout.campaign.troubles import as_rows
from rollout.faults import CATALOGUE
from rollout.recovery import TRIALS


@dataclass(kw_only=True)
class Campaign:
    """A design that is carried out in `folder`: what the ledger does not hold yet is made, at most `size` at once."""

    design: Design
    folder: Path
    ledger: Ledger
    ground: Ground
    size: int = 1
    planned: int | None = None  # trials in all; None where time decides, and until the warm-up is over

    @property
    def spans(self) -> Mapping[str, float]:
        """path → seconds that a run of it takes, by the warm-up."""
        found: dict[str, float] = {}
        for result in self.ledger.results:
            if is_warm_up(result.specification):  # of two the second, which finds the first one's checkpoints
                found[result.specification.path] = result.seconds
        return found

    @property
    def results(self) -> tuple[Result, ...]:
        """What has come of the trials so far, without the warm-up."""
        return tuple(result for result in self.ledger.results if not is_warm_up(result.specification))

    @property
    def ends(self) -> Mapping[str, str]:
        """path → the phase at which it fails without any fault, by the warm-up. Only of what is watched: such a path
        makes no promise to go through.
        """
        runs = (one for one in self.ledger.results if is_warm_up(one.specification) and not one.succeeded)
        failed = {one.specification.path: one.failed_at for one in runs}
        return {path: phase for path, phase in failed.items()
                if phase and (plan := self.design.plans[path]).is_observed and phase in plan.phase_names}  # fmt: skip

    @property
    def left_out(self) -> Mapping[str, str]:
        """What is not struck, and why: faults, as the design has them, and phases that a path never comes to."""
        beyond = {
            f"phases of {path} after {end}": "without any fault the path ends there"
            for path, end in self.ends.items()
            if end != self.design.plans[path].phase_names[-1]
        }
        return {**self.design.left_out, **beyond}

    def go(self) -> Iterator[Result]:
        """Make the trials that are not in the ledger yet; each is written there before it is handed over."""
        options = self.design.options
        until = time.monotonic() + options.minutes * 60 if options.minutes else None
        with hired(self.ground, jobs=options.jobs, cluster=options.cluster) as crew:
            self.size = crew.size
            for runs in self.design.warm_ups():
                yield from self._written(crew.results(self._missing(iter(runs))))
            wish = self.design.wish(self.spans, self.ends)
            self.planned = size(wish)
            yield from self._written(crew.results(self._missing(schedule(wish)), until=until))

    def remaining(self) -> float | None:
        """An estimate of the seconds that are left, by the median of the trials so far; None where time decides."""
        planned, done = self.planned, self.results
        if planned is None or not done:
            return None
        median = statistics.median(result.seconds + result.recovery_seconds for result in done)
        return max(planned - len(done), 0) * median / self.size

    def _missing(self, trials: Iterator[Specification]) -> Iterator[Specification]:
        return (trial for trial in trials if not self.ledger.has(trial.key))

    def _written(self, results: Iterator[Result]) -> Iterator[Result]:
        for result in results:
            if self.ledger.add(result):
                yield result


def begin(design: Design, folder: Path) -> Campaign:
    """Have the design carried out: in `folder`, or where the campaign is that is gone on with."""
    ledger = design.earlier or Ledger.begin(folder, design.head)
    folder = ledger.path.parent
    options = design.options
    ground = Ground(
        home=folder / TRIALS,
        state=options.state / TRIALS,
        cache=options.cache,
        arguments=arguments(options),
        population=design.population,
        patience=design.patience,
    )
    return Campaign(design=design, folder=folder, ledger=ledger, ground=ground)


def facts(campaign: Campaign) -> dict[str, Any]:
    """What campaign.json says of the campaign itself: its trials, what was promised, the line that repeats each."""
    design = campaign.design
    kinds = {result.specification.fault for result in campaign.results if result.specification.fault}
    return {
        "seed": design.options.seed,
        "population": design.population,
        "paths": list(design.plans),
        "phases": list(dict.fromkeys(name for plan in design.plans.values() for name in plan.phase_names)),
        "planned": campaign.planned,
        "jobs": campaign.size,
        "spans": dict(campaign.spans),
        "left_out": dict(campaign.left_out),
        "decoys": list(DECOYS),
        "mix": as_rows(design.mix),
        "faults": {
            name: {"family": kind.family, "text": kind.text, "bites": kind.bites, "lasts": kind.lasts}
            for name, kind in CATALOGUE.items()
            if name in kinds
        },
        "trials": [
            {
                **as_row(result),
                "expected": list(design.expected(result.specification)),
                "as_promised": design.is_as_promised(result),
                "repeat": repeat(result.specification, campaign.ground),
            }
            for result in campaign.results
        ],
    }
