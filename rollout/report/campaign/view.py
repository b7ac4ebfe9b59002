"""Prepares the texts and numbers of a campaign's report, with limited length and no terminal codes. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rollout.report.campaign import wording as words
from rollout.report.campaign.grid import MOST_EVIDENCE, FaultView, families, state
from rollout.report.interval_plot import Interval, Plot, plot
from rollout.report.wording import in_words
from rollout.results.campaign.statistics import outcome
from rollout.results.campaign.summary import Summary, Trial, summarise
from rollout.text.plain import line


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialView:
    """A row of the table of trials."""

    anchor: str
    number: int
    path: str
    what: str
    form: str
    state: str
    outcome: str
    expected: str
    seconds: float
    notes: tuple[str, ...]
    repeat: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignView:
    """All content of the report. `facts`: pairs of label and value. `families`: pairs of a family and its faults."""

    found: Summary
    headline: str
    counts: str
    rehearsal: str
    started: str
    run: str
    facts: tuple[tuple[str, str], ...]
    families: tuple[tuple[str, tuple[FaultView, ...]], ...]
    trials: tuple[tuple[str, tuple[TrialView, ...]], ...]
    unexpected: tuple[TrialView, ...]
    voids: tuple[tuple[TrialView, str], ...]
    worlds: Plot | None
    rates: Plot | None
    differences: Plot | None
    left_out: tuple[tuple[str, str], ...]
    decoys: tuple[str, ...]


def view(data: Mapping[str, Any]) -> CampaignView:
    """The view of campaign.json. Raises ValueError for trials of several populations."""
    found = summarise(data)
    shown = {id(trial): _trial(trial) for trial in found.trials}
    by_result = {id(trial.result): shown[id(trial)] for trial in found.trials}
    rehearsal = bool(data.get("rehearsal"))
    return CampaignView(
        found=found,
        headline=words.headline(found, rehearsal=rehearsal),
        counts=words.counts(found, data),
        rehearsal=words.REHEARSAL if rehearsal else "",
        started=line(data.get("started") or "", 40)[:16].replace("T", " "),
        run=line(data.get("run") or "", 80),
        facts=_facts(data),
        families=families(found, data.get("faults") or {}, data.get("phases") or ()),
        trials=tuple(
            (path, tuple(shown[id(one)] for one in found.trials if one.result.specification.path == path))
            for path in found.paths
        ),
        unexpected=tuple(shown[id(trial)] for trial in found.unexpected),
        voids=tuple((by_result[id(one)], why) for one, why in found.voids),
        worlds=_worlds(found),
        rates=_rates(found),
        differences=_differences(found),
        left_out=tuple((line(name, 60), line(why, 200)) for name, why in (data.get("left_out") or {}).items()),
        decoys=tuple(line(text, 300) for text in data.get("decoys") or ()),
    )


def _facts(data: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    source = data.get("source") or {}
    kind, detail = str(source.get("kind") or ""), str(source.get("detail") or "")
    facts = {
        "Campaign": data.get("run"), "Seed": data.get("seed"), "Population": data.get("population"),
        "Source": " ".join(part for part in ("" if detail.startswith(kind) else kind, detail) if part),
        "Forge": data.get("forge"), "Database": data.get("database"),
    }  # fmt: skip
    return tuple((label, line(value, 300)) for label, value in facts.items() if value not in {None, ""})


# -- trials -----------------------------------------------------------------------------------------------------------


def _trial(trial: Trial) -> TrialView:
    one, specification = trial.result, trial.result.specification
    ended = outcome(one)
    notes = [line(text, 300) for text in one.evidence[:MOST_EVIDENCE]] if one.bites else []
    if one.cause or one.message:
        notes.append(line(": ".join(part for part in (one.cause, one.failed_at, one.message) if part), 400))
    for label, things in (("undo pending", one.owed), ("changed", one.changed)):
        notes += [line(f"{label}: {thing}", 300) for thing in things]
    return TrialView(
        anchor=f"trial-{specification.key}",
        number=specification.number,
        path=line(specification.path, 80),
        what=_what(trial),
        form=line(specification.form, 20),
        state=state(trial.as_expected),
        outcome=in_words(ended) + (f", {words.after_recovery(one.settled)}" if ended == "killed" else ""),
        expected=words.expected_words(trial.expected),
        seconds=one.seconds + one.recovery_seconds,
        notes=tuple(notes),
        repeat=line(trial.repeat, 1000),
    )


def _what(trial: Trial) -> str:
    specification = trial.result.specification
    if specification.fault_option:
        return line(specification.fault_option.removesuffix(f":{specification.form}"), 120)
    return line(f"no fault, arm {specification.arm}" if specification.arm else "no fault", 60)


# -- plots ------------------------------------------------------------------------------------------------------------


def _worlds(found: Summary) -> Plot | None:
    intervals = [
        Interval(
            label=line(one.path, 40),
            value=words.share(one.share),
            words=f"{words.share(one.share)}, {words.between(one.low, one.high)}",
            low=one.low,
            middle=one.share,
            high=one.high,
        )
        for one in found.worlds
    ]
    return plot("world", "Real-world success, by path", intervals, least=0, most=1)


def _rates(found: Summary) -> Plot | None:
    measured = (("without a fault", "", found.without), ("under faults", "accent", found.under_faults))
    intervals = [
        Interval(
            label=f"{line(path, 40)}, {kind}",
            value=words.share(by_path[path].share),
            words=words.rate_words(by_path[path]),
            low=by_path[path].low,
            middle=by_path[path].share,
            high=by_path[path].high,
            tone=tone,
        )
        for path in found.paths
        for kind, tone, by_path in measured
        if path in by_path
    ]
    return plot("rates", "Success rates with their intervals", intervals, least=0, most=1)


def _differences(found: Summary) -> Plot | None:
    pairs = [
        *((f"{one.first} − {one.second}, under faults", one) for one in found.differences),
        *((f"{one.first} − {one.second}, real world", one) for one in found.world_differences),
        *((f"{path}: arm A − arm B", one) for path, one in found.controls),
    ]
    intervals = [
        Interval(
            label=line(label, 80),
            value=words.points(one.estimate),
            words=words.difference_words(one),
            low=one.low,
            middle=one.estimate,
            high=one.high,
            tone="accent" if one.winner else "",
        )
        for label, one in pairs
    ]
    return plot("differences", "Differences of success with their intervals", intervals, least=-1, most=1)
