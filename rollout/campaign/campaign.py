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
from rollout.campaign.executors import open_executor
from rollout.campaign.schedule import count_trials, schedule, unusable_kinds
from rollout.campaign.trial import repeat
from rollout.campaign.trial_log import TrialLog
from rollout.campaign.trial_settings import TrialSettings, arguments
from rollout.diagnosis import TRANSIENT
from rollout.faults import CATALOGUE
from rollout.results.campaign.trials import Result, Specification, as_row
from rollout.results.campaign.trouble_mix import as_rows
from rollout.rollback.recovery import TRIALS

# A warm-up that failed for one of these causes says nothing about the next run.
_TEMPORARY_CAUSES = TRANSIENT | {
    "killed", "interrupted", "timeout", "port_taken", "disk_full", "out_of_memory", "limit_reached", "in_use",
    "engine_failed",
}  # fmt: skip


@dataclass(kw_only=True)
class Campaign:
    """A campaign in its report folder: its design, the log of its trials, and how many trials run at once (`size`).

    Trials that are in the log already are not run again.
    """

    design: Design
    folder: Path
    trial_log: TrialLog
    settings: TrialSettings
    size: int
    _counts: dict[tuple[tuple[str, str], ...], int | None] = field(default_factory=dict)

    @property
    def durations(self) -> Mapping[str, float]:
        """path → duration of its warm-up run in seconds."""
        found: dict[str, float] = {}
        for result in self.trial_log.results:
            if is_warm_up(result.specification):  # the second one wins: it uses the checkpoints of the first
                found[result.specification.path] = result.seconds
        return found

    @property
    def results(self) -> tuple[Result, ...]:
        """The results so far, without the warm-up runs."""
        return tuple(result for result in self.trial_log.results if not is_warm_up(result.specification))

    @property
    def failing_phases(self) -> Mapping[str, str]:
        """Observed path → the phase at which its warm-up failed without a fault, for a cause that is not temporary.

        Other paths promise to deploy, so a failed warm-up of theirs is no reason to leave out phases.
        """
        return {path: str(run.failed_at) for path, run in self._failed_warm_ups().items()}

    @property
    def left_out(self) -> Mapping[str, str]:
        """Faults and phases that get no trial → the reason."""
        design, failing_phases = self.design, self.failing_phases
        unreachable = {
            f"phases of {path} after {run.failed_at}": f"in its warm-up it failed there without any fault ({run.cause})"
            for path, run in self._failed_warm_ups().items()
            if run.failed_at != design.plans[path].phase_names[-1]
        }
        reachable = design.schedule_request({}, failing_phases).plans
        unusable = unusable_kinds(design.selection.kinds, reachable, design.selection.limits)
        faults = dict.fromkeys(unusable, "no path reaches a phase for it")
        return {**design.left_out, **faults, **unreachable}

    @property
    def planned(self) -> int | None:
        """The number of trials of the whole campaign; None if it has a time limit. A warm-up may lower it."""
        failing_phases = self.failing_phases
        key = tuple(failing_phases.items())
        if key not in self._counts:
            self._counts[key] = count_trials(self.design.schedule_request({}, failing_phases))
        return self._counts[key]

    def run_trials(self) -> Generator[Result]:
        """Run the trials that are missing in the log. Each result is written to the log before it is yielded."""
        options = self.design.options
        until = time.monotonic() + options.minutes * 60 if options.minutes else None
        try:
            with open_executor(self.settings, jobs=options.jobs, cluster=options.cluster) as executor:
                self.size = executor.size
                for runs in self.design.warm_ups():
                    yield from self._written(executor.results(self._missing(iter(runs))))
                trials = schedule(self.design.schedule_request(self.durations, self.failing_phases))
                yield from self._written(executor.results(self._missing(trials), until=until))
        finally:
            shutil.rmtree(self.settings.bytecode, ignore_errors=True)

    def remaining(self) -> float | None:
        """Estimated seconds until the end, from the median duration of the trials; None if it is unknown."""
        planned, done = self.planned, self.results
        if planned is None or not done:
            return None
        median = statistics.median(result.seconds + result.recovery_seconds for result in done)
        return max(planned - len(done), 0) * median / self.size

    def _failed_warm_ups(self) -> Mapping[str, Result]:
        """Observed path → its failed warm-up run, if the cause is not temporary."""
        runs = (one for one in self.trial_log.results if is_warm_up(one.specification))
        return {
            one.specification.path: one
            for one in runs
            if (plan := self.design.plans[one.specification.path]).is_observed
            and one.outcome == one.settled
            and one.outcome in {"dirty", "rolled_back"}
            and one.failed_at in plan.phase_names
            and one.cause not in _TEMPORARY_CAUSES
        }

    def _missing(self, trials: Iterator[Specification]) -> Iterator[Specification]:
        return (trial for trial in trials if not self.trial_log.has(trial.key))

    def _written(self, results: Iterator[Result]) -> Iterator[Result]:
        for result in results:
            if self.trial_log.add(result):
                yield result


def start_campaign(design: Design, folder: Path) -> Campaign:
    """Start a campaign in `folder`, or resume the earlier campaign of the design in that campaign's folder."""
    trial_log = design.earlier or TrialLog.create(folder, design.head)
    folder = trial_log.path.parent
    options = design.options
    settings = TrialSettings(
        home=folder / TRIALS,
        state=options.state / TRIALS,
        cache=options.cache,
        arguments=arguments(options),
        population=design.population,
        timeout=design.timeout,
        session=secrets.token_hex(8),
    )
    return Campaign(design=design, folder=folder, trial_log=trial_log, settings=settings, size=options.jobs)


def campaign_facts(campaign: Campaign) -> dict[str, Any]:
    """The keys of campaign.json about the design and the trials."""
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
        "spans": dict(campaign.durations),
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
                "repeat": repeat(result.specification, campaign.settings),
            }
            for result in campaign.results
        ],
    }
