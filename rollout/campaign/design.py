"""Validates the options of a campaign, selects its paths and faults, and defines the expected outcomes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from rollout.campaign.schedule import FaultSelection, ScheduleRequest, parse_faults, unusable_kinds
from rollout.campaign.trial_log import DifferentCampaign, TrialLog
from rollout.campaign.trial_settings import arguments
from rollout.config.options import Options
from rollout.config.plan import Plan, load_plan
from rollout.errors import InvalidOption, UsageError
from rollout.faults import CATALOGUE, Means, why_unfit
from rollout.journal import Redactor
from rollout.results.attempts import REAL
from rollout.results.campaign.statistics import is_expected
from rollout.results.campaign.trials import CONTROL, KILLS, Result, Specification
from rollout.results.campaign.trouble_mix import Mix, load_troubles

WARM_UP = "warm-up"
_MEASURED = f"{WARM_UP}, measured"
_TIMEOUT = {True: 900.0, False: 5400.0}  # is_rehearsal → seconds for one run


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """What a campaign runs.

    `left_out`: fault → the reason why it gets no trial: the site cannot inject it, or no path has a phase for it.
    `trials`: number of trials for each cell, None if the campaign has a time limit. `timeout`: seconds for one run.
    `earlier`: the log of the campaign that is resumed; None for a new campaign.
    """

    options: Options
    population: str
    plans: Mapping[str, Plan]
    selection: FaultSelection
    left_out: Mapping[str, str]
    mix: Mix
    trials: int | None
    timeout: float
    earlier: TrialLog | None

    @property
    def head(self) -> Mapping[str, Any]:
        """The facts that identify the campaign. Trials of campaigns with different heads are never counted together."""
        options = self.options
        masked: Mapping[str, Any] = Redactor().value({
            "seed": options.seed, "trials": self.trials, "paths": list(self.plans), "faults": list(options.faults),
            "source": options.source, "scenario": options.scenario, "population": self.population,
            "arguments": list(arguments(options)),
        })  # fmt: skip
        return masked

    def schedule_request(self, durations: Mapping[str, float], failing_phases: Mapping[str, str]) -> ScheduleRequest:
        """The input of the schedule.

        `durations`: path → seconds of one run. `failing_phases`: path → the phase at which it fails without a fault.
        Later phases are left out of the path's plan.
        """
        options, selection = self.options, self.selection
        plans = {path: plan.through(failing_phases.get(path)) for path, plan in self.plans.items()}
        return ScheduleRequest(
            plans=plans, kinds=selection.kinds, with_kills=selection.with_kills, limits=selection.limits,
            trials=self.trials, seed=options.seed, source=self._source, scenario=options.scenario,
            durations={path: durations.get(path, 0.0) for path in self.plans},
        )  # fmt: skip

    @property
    def _source(self) -> str:
        """`--source` without a password."""
        return Redactor().text(self.options.source)

    def warm_ups(self) -> tuple[tuple[Specification, ...], ...]:
        """Two groups of whole runs: the first fills the checkpoints, the second measures the duration of a run.

        An observed path has no checkpoints, so it runs once, in the second group.
        """
        options = self.options

        def runs(arm: str, paths: Iterable[str]) -> tuple[Specification, ...]:
            return tuple(
                Specification(number=0, block=0, kind=CONTROL, path=path, seed=options.seed, source=self._source,
                              scenario=options.scenario, arm=arm)
                for path in paths
            )  # fmt: skip

        managed = [path for path, plan in self.plans.items() if not plan.is_observed]
        observed = [path for path in self.plans if path not in managed]
        return runs(WARM_UP, managed), (*runs(_MEASURED, managed), *runs(WARM_UP, observed))

    def expected(self, trial: Specification) -> tuple[str, ...]:
        """The outcomes after recovery that the path promises for this trial; () for an observed path."""
        plan = self.plans[trial.path]
        if plan.is_observed:
            return ()
        if trial.kind == CONTROL:
            return ("deployed",)
        kind = CATALOGUE[trial.fault]
        # An optional phase may fail, and a kill may come after the deployment, while reports are written.
        may_deploy = trial.kind == KILLS or (bool(trial.phase) and plan.phase(trial.phase).optional)
        return tuple(dict.fromkeys((*kind.expects[trial.form], *(("deployed",) if may_deploy else ()))))

    def is_as_promised(self, result: Result) -> bool:
        """Whether the trial does not contradict the promise of its path and left nothing that must not be there."""
        return is_expected(result, self.expected(result.specification)) is not False


def is_warm_up(trial: Specification) -> bool:
    """Whether the trial is a warm-up run, which prepares the others and is not counted."""
    return trial.arm.startswith(WARM_UP)


def check_options(options: Options) -> None:
    """Raise UsageError for invalid options. This needs no site, so it comes before recovery and any change."""
    if options.fault:
        raise UsageError(
            "--campaign and --fault exclude each other: a campaign injects faults itself.",
            advice="Name the faults with --faults.",
        )
    if options.record_bundle or options.through or options.blame or options.matrix:
        raise UsageError(
            "A campaign measures whole paths.",
            advice="Leave out --record-bundle, --through, --blame and --matrix.",
        )
    selection = parse_faults(options.faults)
    plans = {path: load_plan(path, stage=options.stage) for path in options.campaign_paths}
    known = dict.fromkeys(
        name for plan in plans.values() for phase in plan.phases for name in (phase.name, *phase.groups)
    )
    for name, limits in selection.limits.items():
        for phase, _ in limits:
            if phase and phase not in known:
                raise InvalidOption(option="--faults", value=f"{name}@{phase}",
                                    expected=f"{name}@ one of {', '.join(known)}")  # fmt: skip
    if options.resume is not None:
        TrialLog.load(options.resume)


def design(options: Options, *, is_rehearsal: bool, means: Means) -> Design:
    """The design for these options on this site. With `--resume` it must equal that of the earlier campaign.

    Call `check_options` first. Raises DifferentCampaign if the earlier campaign had other options.
    """
    selection = parse_faults(options.faults)
    plans = {path: load_plan(path, stage=options.stage, rehearsal=is_rehearsal) for path in options.campaign_paths}
    left_out = {kind.name: reason for kind in selection.kinds if (reason := why_unfit(kind, means))}
    left_out |= dict.fromkeys(unusable_kinds(selection.kinds, plans, selection.limits), "no path has a phase for it")
    earlier = TrialLog.load(options.resume) if options.resume is not None else None
    trials = options.trials if options.trials is not None or options.minutes is not None else 1
    made = Design(
        options=options,
        population=f"rehearsal:{options.scenario}" if is_rehearsal else REAL,
        plans=plans,
        selection=replace(selection, kinds=tuple(kind for kind in selection.kinds if kind.name not in left_out)),
        left_out=left_out,
        mix=load_troubles(known=CATALOGUE),
        trials=earlier.head["trials"] if earlier else trials,
        timeout=_TIMEOUT[is_rehearsal],
        earlier=earlier,
    )
    if earlier is not None:
        _require_same_campaign(earlier, made.head)
    return made


def _require_same_campaign(earlier: TrialLog, head: Mapping[str, Any]) -> None:
    for name, value in head.items():
        if earlier.head.get(name) != value:
            raise DifferentCampaign(folder=earlier.path.parent, name=name, was=earlier.head.get(name), asked=value)
