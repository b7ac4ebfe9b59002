"""A campaign: what it is going to do, how it is gone on with, and what is expected of each of its trials."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rollout.attempts import REAL
from rollout.campaign.crew import hired
from rollout.campaign.decoys import DECOYS
from rollout.campaign.ground import Ground, arguments
from rollout.campaign.ledger import Ledger, NotACampaign
from rollout.campaign.records import CONTROL, KILLS, Result, Specification, as_row
from rollout.campaign.schedule import Choice, Wish, chosen, kinds_left_out, schedule, size
from rollout.campaign.trial import repeat
from rollout.campaign.troubles import Mix, as_rows, load_troubles
from rollout.errors import UsageError
from rollout.faults import CATALOGUE, Kind, unfit
from rollout.options import Options
from rollout.plan import Plan, load_plan
from rollout.recovery import TRIALS

WARM_UP = "warm-up"
_MEASURED = f"{WARM_UP}, measured"
_PATIENCE = {True: 900.0, False: 5400.0}  # seconds for one run: of a rehearsal, of real packages


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What all trials stand on, as chosen for the campaign: kinds of forge and database, and whether we are root."""

    rehearsal: bool
    forge: str
    database: str
    is_root: bool


@dataclass(kw_only=True)
class Campaign:
    """`left_out`: names of faults that cannot be injected on this site, or can strike none of the paths, and why."""

    folder: Path
    ledger: Ledger
    ground: Ground
    plans: Mapping[str, Plan]
    choice: Choice
    left_out: Mapping[str, str]
    mix: Mix
    trials: int | None
    seed: int
    source: str
    scenario: str
    jobs: int
    minutes: float | None
    cluster: str | None

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
    def planned(self) -> int | None:
        """How many trials there are in all; None where time decides."""
        return size(self._wish()) if self.trials is not None else None

    def go(self) -> Iterator[Result]:
        """Make the trials that are not in the ledger yet; each is written there before it is handed over."""
        until = time.monotonic() + self.minutes * 60 if self.minutes else None
        with hired(self.ground, jobs=self.jobs, cluster=self.cluster) as crew:
            # Whole runs of each path first: one makes the checkpoints, one tells how long a run is with them.
            for trial in self._missing(self._warm_ups()):
                yield from self._written(crew.results(iter((trial,))))
            yield from self._written(crew.results(self._missing(schedule(self._wish())), until=until))

    def remaining(self) -> float | None:
        """An estimate of the seconds that are left, by the median of the trials so far; None where time decides."""
        planned, done = self.planned, self.results
        if planned is None or not done:
            return None
        median = statistics.median(result.seconds + result.recovery_seconds for result in done)
        return max(planned - len(done), 0) * median / self.jobs

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
        if result.owed or result.changed or result.settled == "error":
            return False
        expected = self.expected(result.specification)
        return not expected or (result.settled in expected and not result.is_dirty)

    def _wish(self) -> Wish:
        spans = {path: self.spans.get(path, 0.0) for path in self.plans}
        choice = self.choice
        return Wish(plans=self.plans, kinds=choice.kinds, with_kills=choice.with_kills, limits=choice.limits,
                    trials=self.trials, seed=self.seed, source=self.source, scenario=self.scenario,
                    spans=spans)  # fmt: skip

    def _warm_ups(self) -> Iterator[Specification]:
        for path, plan in self.plans.items():
            for arm in (WARM_UP,) if plan.is_observed else (WARM_UP, _MEASURED):
                yield Specification(number=0, block=0, kind=CONTROL, path=path, seed=self.seed, source=self.source,
                                    scenario=self.scenario, arm=arm)  # fmt: skip

    def _missing(self, trials: Iterator[Specification]) -> Iterator[Specification]:
        return (trial for trial in trials if not self.ledger.has(trial.key))

    def _written(self, results: Iterator[Result]) -> Iterator[Result]:
        for result in results:
            if self.ledger.add(result):
                yield result


def is_warm_up(trial: Specification) -> bool:
    """Whether the trial is none that counts: it only makes ready for the others."""
    return trial.arm.startswith(WARM_UP)


def begin(options: Options, folder: Path, site: Site) -> Campaign:
    """The campaign that the options ask for; with `--resume`, the one that is there already, with what it was asked.

    Raises UsageError for what cannot be meant.
    """
    if options.fault:
        raise UsageError("--campaign brings faults about by itself.", advice="Name them with --faults, not --fault.")
    if options.record_bundle or options.through or options.blame or options.matrix:
        raise UsageError(
            "--campaign measures whole paths.", advice="Leave out --record-bundle, --through, --blame, --matrix."
        )
    choice = chosen(options.faults)
    asked = {
        "seed": options.seed, "trials": options.trials, "paths": list(options.campaign_paths),
        "faults": list(options.faults), "arguments": list(arguments(options)), "source": options.source,
        "scenario": options.scenario, "population": f"rehearsal:{options.scenario}" if site.rehearsal else REAL,
    }  # fmt: skip
    if options.resume is not None:
        ledger = Ledger.go_on(options.resume)
        _refuse_another(ledger, asked, options.resume)
        folder = options.resume
    else:
        if options.trials is None and options.minutes is None:
            asked["trials"] = 1
        ledger = Ledger.begin(folder, asked)
    head = ledger.head
    plans = {path: load_plan(path, rehearsal=site.rehearsal) for path in options.campaign_paths}
    why = {kind.name: reason for kind in choice.kinds if (reason := _unfit(kind, options, site))}
    why |= dict.fromkeys(kinds_left_out(choice.kinds, plans, choice.limits), "no path has a phase that it can strike")
    ground = Ground(
        home=folder / TRIALS,
        state=options.state / TRIALS,
        cache=options.cache,
        arguments=arguments(options),
        population=str(head["population"]),
        patience=_PATIENCE[site.rehearsal],
    )
    return Campaign(
        folder=folder,
        ledger=ledger,
        ground=ground,
        plans=plans,
        choice=replace(choice, kinds=tuple(kind for kind in choice.kinds if kind.name not in why)),
        left_out=why,
        mix=load_troubles(known=CATALOGUE),
        trials=head["trials"],
        seed=int(head["seed"]),
        source=options.source,
        scenario=options.scenario,
        jobs=options.jobs,
        minutes=options.minutes,
        cluster=options.cluster,
    )


def _unfit(kind: Kind, options: Options, site: Site) -> str | None:
    return unfit(kind, forge=site.forge, database=site.database, offline=options.offline, is_root=site.is_root)


def _refuse_another(ledger: Ledger, asked: Mapping[str, Any], folder: Path) -> None:
    """What has been counted under one question does not count under another."""
    for name in ("population", "source", "scenario", "paths", "faults", "arguments", "seed"):
        if ledger.head.get(name) != asked[name]:
            problem = f"it was begun with {name} {ledger.head.get(name)!r}, not {asked[name]!r}"
            raise NotACampaign(folder=folder, problem=problem)


def facts(campaign: Campaign) -> dict[str, Any]:
    """What campaign.json says of the campaign itself: its trials, what was promised, the line that repeats each."""
    kinds = {result.specification.fault for result in campaign.results if result.specification.fault}
    return {
        "seed": campaign.seed,
        "population": campaign.ground.population,
        "paths": list(campaign.plans),
        "phases": list(dict.fromkeys(name for plan in campaign.plans.values() for name in plan.phase_names)),
        "planned": campaign.planned,
        "jobs": campaign.jobs,
        "spans": dict(campaign.spans),
        "left_out": dict(campaign.left_out),
        "decoys": list(DECOYS),
        "mix": as_rows(campaign.mix),
        "faults": {
            name: {"family": kind.family, "text": kind.text, "bites": kind.bites, "lasts": kind.lasts}
            for name, kind in CATALOGUE.items()
            if name in kinds
        },
        "trials": [
            {
                **as_row(result),
                "expected": list(campaign.expected(result.specification)),
                "as_promised": campaign.is_as_promised(result),
                "repeat": repeat(result.specification, campaign.ground),
            }
            for result in campaign.results
        ],
    }
