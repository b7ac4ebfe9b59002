"""What a campaign is going to do, and what it holds its trials to: settled, and refused, before anything is begun."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from rollout.campaign.schedule import Choice, Wish, chosen, kinds_left_out
from rollout.campaign.trial_log import AnotherCampaign, Ledger
from rollout.campaign.trial_site import arguments
from rollout.config.options import Options
from rollout.config.plan import Plan, load_plan
from rollout.errors import InvalidOption, UsageError
from rollout.faults import CATALOGUE, Means, unfit
from rollout.journal import Redactor
from rollout.results.attempts import REAL
from rollout.results.campaign.statistics import is_expected
from rollout.results.campaign.trials import CONTROL, KILLS, Result, Specification
from rollout.results.campaign.trouble_mix import Mix, load_troubles

WARM_UP = "warm-up"
_MEASURED = f"{WARM_UP}, measured"
_PATIENCE = {True: 900.0, False: 5400.0}  # seconds for one run: of a rehearsal, of real packages


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """`left_out`: names of faults that cannot be injected on this site, or can strike none of the paths, and why.

    `earlier`: the campaign that is gone on with; None for a new one. `trials` of each cell, None where time decides.
    """

    options: Options
    population: str
    plans: Mapping[str, Plan]
    choice: Choice
    left_out: Mapping[str, str]
    mix: Mix
    trials: int | None
    patience: float
    earlier: Ledger | None

    @property
    def head(self) -> Mapping[str, Any]:
        """The question that all trials of a campaign answer: what has been counted under it counts under no other."""
        asked = self.options
        masked: Mapping[str, Any] = Redactor().value({
            "seed": asked.seed, "trials": self.trials, "paths": list(self.plans), "faults": list(asked.faults),
            "source": asked.source, "scenario": asked.scenario, "population": self.population,
            "arguments": list(arguments(asked)),
        })  # fmt: skip
        return masked

    def wish(self, spans: Mapping[str, float], ends: Mapping[str, str]) -> Wish:
        """What to make a schedule of.

        `spans`: path → seconds that a run of it takes. `ends`: path → the phase at which it fails by itself; what comes
        after it cannot be struck.
        """
        asked, choice = self.options, self.choice
        plans = {path: plan.through(ends.get(path)) for path, plan in self.plans.items()}
        return Wish(plans=plans, kinds=choice.kinds, with_kills=choice.with_kills, limits=choice.limits,
                    trials=self.trials, seed=asked.seed, source=self._source, scenario=asked.scenario,
                    spans={path: spans.get(path, 0.0) for path in self.plans})  # fmt: skip

    @property
    def _source(self) -> str:
        """As it is told everywhere: without a password."""
        return Redactor().text(self.options.source)

    def warm_ups(self) -> tuple[tuple[Specification, ...], ...]:
        """Whole runs of each path: the first of them make the checkpoints, the second tell how long a run is with them.

        A path that is only watched keeps none: one run of it is enough, among the second.
        """
        asked = self.options

        def runs(arm: str, paths: Iterable[str]) -> tuple[Specification, ...]:
            return tuple(
                Specification(number=0, block=0, kind=CONTROL, path=path, seed=asked.seed, source=self._source,
                              scenario=asked.scenario, arm=arm)
                for path in paths
            )  # fmt: skip

        kept = [path for path, plan in self.plans.items() if not plan.is_observed]
        watched = [path for path in self.plans if path not in kept]
        return runs(WARM_UP, kept), (*runs(_MEASURED, kept), *runs(WARM_UP, watched))

    def expected(self, trial: Specification) -> tuple[str, ...]:
        """Outcomes that the path promises for such a trial, once recovery is through; empty: it promises nothing."""
        plan = self.plans[trial.path]
        if plan.is_observed:
            return ()
        if trial.kind == CONTROL:
            return ("deployed",)
        kind = CATALOGUE[trial.fault]
        # An optional phase may fail; and a kill may come when all is done, and nothing but the reports is missing.
        spares = trial.kind == KILLS or (bool(trial.phase) and plan.phase(trial.phase).optional)
        return tuple(dict.fromkeys((*kind.expects[trial.form], *(("deployed",) if spares else ()))))

    def is_as_promised(self, result: Result) -> bool:
        """Whether nothing is left on the machine, and the path came to what it promises where it promises something."""
        return is_expected(result, self.expected(result.specification)) is not False


def is_warm_up(trial: Specification) -> bool:
    """Whether the trial is none that counts: it only makes ready for the others."""
    return trial.arm.startswith(WARM_UP)


def refuse_what_cannot_be_meant(options: Options) -> None:
    """Raise UsageError for what is wrong whatever the site is, before anything is looked at or undone."""
    if options.fault:
        raise UsageError("--campaign brings faults about by itself.", advice="Name them with --faults, not --fault.")
    if options.record_bundle or options.through or options.blame or options.matrix:
        raise UsageError(
            "--campaign measures whole paths.", advice="Leave out --record-bundle, --through, --blame, --matrix."
        )
    choice = chosen(options.faults)
    plans = {path: load_plan(path) for path in options.campaign_paths}
    known = dict.fromkeys(
        name for plan in plans.values() for phase in plan.phases for name in (phase.name, *phase.groups)
    )
    for name, limits in choice.limits.items():
        for phase, _ in limits:
            if phase and phase not in known:
                raise InvalidOption(option="--faults", value=f"{name}@{phase}",
                                    expected=f"{name}@ one of {', '.join(known)}")  # fmt: skip
    if options.resume is not None:
        Ledger.go_on(options.resume)


def design(options: Options, *, is_rehearsal: bool, means: Means) -> Design:
    """What the options ask for on such a site; with `--resume`, what the campaign that is there already was asked.

    `refuse_what_cannot_be_meant` comes first. Raises AnotherCampaign for an earlier one that was asked something else.
    """
    choice = chosen(options.faults)
    plans = {path: load_plan(path, rehearsal=is_rehearsal) for path in options.campaign_paths}
    why = {kind.name: reason for kind in choice.kinds if (reason := unfit(kind, means))}
    why |= dict.fromkeys(kinds_left_out(choice.kinds, plans, choice.limits), "no path has a phase that it can strike")
    earlier = Ledger.go_on(options.resume) if options.resume is not None else None
    trials = options.trials if options.trials is not None or options.minutes is not None else 1
    made = Design(
        options=options,
        population=f"rehearsal:{options.scenario}" if is_rehearsal else REAL,
        plans=plans,
        choice=replace(choice, kinds=tuple(kind for kind in choice.kinds if kind.name not in why)),
        left_out=why,
        mix=load_troubles(known=CATALOGUE),
        trials=earlier.head["trials"] if earlier else trials,
        patience=_PATIENCE[is_rehearsal],
        earlier=earlier,
    )
    if earlier is not None:
        _refuse_another(earlier, made.head)
    return made


def _refuse_another(earlier: Ledger, asked: Mapping[str, Any]) -> None:
    for name, value in asked.items():
        if earlier.head.get(name) != value:
            raise AnotherCampaign(folder=earlier.path.parent, name=name, was=earlier.head.get(name), asked=value)
