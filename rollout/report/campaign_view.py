"""A campaign's data → everything that its report shows, bounded and free of terminal codes. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rollout.report import campaign_words as words
from rollout.report.campaign_grid import MOST_EVIDENCE, FaultView, families, state
from rollout.report.interval_plot import Mark, Picture, picture
from rollout.results.campaign.statistics import outcome
from rollout.results.campaign.summary import Summary, Trial, summarise
from rollout.text.plain import line


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialView:
    """A trial of the list."""

    anchor: str
    number: int
    path: str
    what: str
    form: str
    state: str
    outcome: str
    promised: str
    seconds: float
    notes: tuple[str, ...]
    repeat: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignView:
    """All of it. `facts`: label and value; `families`: family → its faults that were tried."""

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
    worlds: Picture | None
    rates: Picture | None
    differences: Picture | None
    left_out: tuple[tuple[str, str], ...]
    decoys: tuple[str, ...]


def view(data: Mapping[str, Any]) -> CampaignView:
    """Everything that the report says. Raises ValueError for trials of several populations."""
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
    one, made = trial.result, trial.result.specification
    came, settled = outcome(one), one.settled.replace("_", " ")
    notes = [line(text, 300) for text in one.evidence[:MOST_EVIDENCE]] if one.bites else []
    if one.cause or one.message:
        notes.append(line(": ".join(part for part in (one.cause, one.failed_at, one.message) if part), 400))
    for label, things in (("still owed", one.owed), ("changed", one.changed)):
        notes += [line(f"{label}: {thing}", 300) for thing in things]
    return TrialView(
        anchor=f"trial-{made.key}",
        number=made.number,
        path=line(made.path, 80),
        what=_what(trial),
        form=line(made.form, 20),
        state=state(trial.as_expected),
        outcome=came.replace("_", " ") + (f", then {line(settled, 20)}" if came == "killed" else ""),
        promised=words.promised_words(trial.expected),
        seconds=one.seconds + one.recovery_seconds,
        notes=tuple(notes),
        repeat=line(trial.repeat, 1000),
    )


def _what(trial: Trial) -> str:
    made = trial.result.specification
    if made.fault_option:
        return line(made.fault_option.removesuffix(f":{made.form}"), 120)
    return line(f"no fault, arm {made.arm}" if made.arm else "no fault", 60)


# -- pictures ---------------------------------------------------------------------------------------------------------


def _worlds(found: Summary) -> Picture | None:
    marks = [
        Mark(
            label=line(one.path, 40),
            value=words.share(one.share),
            words=f"{words.share(one.share)}, {words.between(one.low, one.high)}",
            low=one.low,
            middle=one.share,
            high=one.high,
        )
        for one in found.worlds
    ]
    return picture("world", "Success in the real world, by path", marks, least=0, most=1)


def _rates(found: Summary) -> Picture | None:
    measured = (("without a fault", "", found.without), ("under faults", "struck", found.under_faults))
    marks = [
        Mark(
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
    return picture("rates", "Success rates with their intervals", marks, least=0, most=1)


def _differences(found: Summary) -> Picture | None:
    pairs = [
        *((f"{one.first} − {one.second}, under faults", one) for one in found.differences),
        *((f"{one.first} − {one.second}, real world", one) for one in found.world_differences),
        *((f"{path}: A − B, the same thing twice", one) for path, one in found.controls),
    ]
    marks = [
        Mark(
            label=line(label, 80),
            value=words.points(one.estimate),
            words=words.difference_words(one),
            low=one.low,
            middle=one.estimate,
            high=one.high,
            tone="struck" if one.winner else "",
        )
        for label, one in pairs
    ]
    return picture("differences", "Differences of success with their intervals", marks, least=-1, most=1)
