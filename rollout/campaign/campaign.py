"""Runs, resumes and reports a campaign."""

from __future__ import annotations

import secrets
import shutil
import statistics
import time
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rollout.campaign.decoys import DECOYS
from rollout.campaign.design import Design, is_warm_up
from rollout.campaign.executors import hired
from rollout.campaign.schedule import kinds_left_out, schedule, size
from rollout.campaign.trial import repeat
from rollout.campaign.trial_log import Ledger
from rollout.campaign.trial_site import Ground, arguments
from rollout.diagnosis import TRANSIENT
from rollout.faults import CATALOGUE
from rollout.results.campaign.trials import Result, Specification, as_row
from rollout.results.campaign.trouble_mix import as_rows
from rollout.rollback.recovery import TRIALS

# Causes of failures that say nothing about the next run.
_PASSING = TRANSIENT | {
    "killed", "interrupted", "timeout", "port_taken", "disk_full", "out_of_memory", "limit_reached", "in_use",
    "engine_failed",
}  # fmt: skip


@dataclass(kw_only=True)
class Campaign:
    """A design that is carried out in `folder`: what the ledger does not hold yet is made, at most `size` at once."""

    design: Design
    folder: Path
    ledger: Ledger
    ground: Ground
    size: int
    _sizes: dict[tuple[tuple[str, str], ...], int | None] = field(default_factory=dict)

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
        """path → the phase at which it fails without any fault, by the warm-up. Only of what is watched, since such a
        path makes no promise to go through; and only for a reason that does not pass by itself.
        """
        return {path: str(run.failed_at) for path, run in self._failed_warm_ups().items()}

    @property
    def left_out(self) -> Mapping[str, str]:
        """What is not struck, and why: faults, as the design has them or since no path comes to where they strike, and
        phases that a path never comes to.
        """
        design, ends = self.design, self.ends
        beyond = {
            f"phases of {path} after {run.failed_at}": f"in its warm-up it failed there without any fault ({run.cause})"
            for path, run in self._failed_warm_ups().items()
            if run.failed_at != design.plans[path].phase_names[-1]
        }
        unreached = kinds_left_out(design.choice.kinds, design.wish({}, ends).plans, design.choice.limits)
        faults = dict.fromkeys(unreached, "no path comes to a phase that it can strike")
        return {**design.left_out, **faults, **beyond}

    @property
    def planned(self) -> int | None:
        """How many trials there are in all, as far as the warm-up has shown; None where time decides."""
        ends = self.ends
        found = tuple(ends.items())
        if found not in self._sizes:
            self._sizes[found] = size(self.design.wish({}, ends))
        return self._sizes[found]

    def go(self) -> Generator[Result]:
        """Make the trials that are not in the ledger yet; each is written there before it is handed over."""
        options = self.design.options
        until = time.monotonic() + options.minutes * 60 if options.minutes else None
        try:
            with hired(self.ground, jobs=options.jobs, cluster=options.cluster) as crew:
                self.size = crew.size
                for runs in self.design.warm_ups():
                    yield from self._written(crew.results(self._missing(iter(runs))))
                trials = schedule(self.design.wish(self.spans, self.ends))
                yield from self._written(crew.results(self._missing(trials), until=until))
        finally:
            shutil.rmtree(self.ground.bytecode, ignore_errors=True)

    def remaining(self) -> float | None:
        """An estimate of the seconds that are left, by the median of the trials so far; None where time decides."""
        planned, done = self.planned, self.results
        if planned is None or not done:
            return None
        median = statistics.median(result.seconds + result.recovery_seconds for result in done)
        return max(planned - len(done), 0) * median / self.size

    def _failed_warm_ups(self) -> Mapping[str, Result]:
        runs = (one for one in self.ledger.results if is_warm_up(one.specification))
        return {
            one.specification.path: one
            for one in runs
            if (plan := self.design.plans[one.specification.path]).is_observed
            and one.outcome == one.settled
            and one.outcome in {"dirty", "rolled_back"}
            and one.failed_at in plan.phase_names
            and one.cause not in _PASSING
        }

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
        session=secrets.token_hex(8),
    )
    return Campaign(design=design, folder=folder, ledger=ledger, ground=ground, size=options.jobs)


def facts(campaign: Campaign) -> dict[str, Any]:
    """What campaign.json says of the campaign itself: its trials, what was promised, the line that repeats each."""
    design = campaign.design
    kinds = {result.specification.fault for result in campaign.results if result.specification.fault}
    return {
        "seed": design.options.seed,
        "population": design.population,
        "paths": list(design.plans),
        "plans": {path: plan.identity for path, plan in design.plans.items()},
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
