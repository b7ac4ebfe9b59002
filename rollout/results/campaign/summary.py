"""Computes all numbers of a campaign's report from campaign.json, whose keys are listed here. Pure.

```text
schema          1
run             id of the campaign
started         start time, ISO 8601; may be missing
seed            seed of the campaign
source          {kind, detail}: where packages came from
forge           text: where commands ran
database        text: which PostgreSQL
rehearsal       true: stand-in packages
population      "real" or "rehearsal:…", of all trials
paths           names, in the order of the report
plans           path → identity of its plan; may be missing
phases          names of groups, in the order of the report; may be missing
planned         number of planned trials; null if the campaign has a time limit
seconds         duration of the campaign
faults          fault → {family, text, bites, lasts} from the catalogue; may be missing
left_out        a fault, or phases of a path, that got no trial → reason; may be missing
decoys          sentences that describe the decoys beside every trial; may be missing
mix             rows of trouble_mix.as_rows; may be empty
trials          rows of trials.as_row, each with `expected` (expected outcomes, [] for none) and `repeat` (the command
                that repeats the trial)
done, void, median_seconds, measured
                computed from the trials and added by `completed`
```

Other keys are kept and ignored.
"""

from __future__ import annotations

import itertools
import statistics as plain
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from rollout.results.campaign import statistics
from rollout.results.campaign.real_world import RealWorld, real_difference, real_world
from rollout.results.campaign.statistics import FAULT, Cell, Difference, Kills
from rollout.results.campaign.trials import CONTROL, SCHEMA, Result, from_row
from rollout.results.campaign.trouble_mix import Mix, from_rows
from rollout.results.rates import Rate

_ROW = frozenset({"v", "key", *(field.name for field in fields(Result))})


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A result, its expected outcomes, whether it met them (None: no expectation), and the command that repeats it."""

    result: Result
    expected: tuple[str, ...]
    as_expected: bool | None
    repeat: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """All numbers computed from the trials. A trial with several rows counts once.

    `unreadable`: number of invalid rows. `under_faults`, `without`: path → success of trials with a fault, and of
    control trials. `clean`: path → the share of trials with a fault that left no residue. `families`, `faults`,
    `forms`: success under faults by (path, family, fault or form).
    """

    paths: tuple[str, ...]
    mix: Mix
    trials: tuple[Trial, ...]
    unreadable: int
    voids: tuple[tuple[Result, str], ...]
    median_seconds: float | None
    under_faults: Mapping[str, Rate]
    without: Mapping[str, Rate]
    clean: Mapping[str, Rate]
    families: Mapping[tuple[str, str], Rate]
    faults: Mapping[tuple[str, str], Rate]
    forms: Mapping[tuple[str, str], Rate]
    cells: tuple[Cell, ...]
    differences: tuple[Difference, ...]
    controls: tuple[tuple[str, Difference], ...]
    worlds: tuple[RealWorld, ...]
    world_differences: tuple[Difference, ...]
    kills: tuple[Kills, ...]

    @property
    def results(self) -> tuple[Result, ...]:
        return tuple(trial.result for trial in self.trials)

    @property
    def unexpected(self) -> tuple[Trial, ...]:
        """Trials that did not meet the expectation."""
        return tuple(trial for trial in self.trials if trial.as_expected is False)


def summarise(data: Mapping[str, Any]) -> Summary:
    """Compute the numbers of a campaign. Raises ValueError for trials of several populations."""
    rows = data.get("trials") or ()
    readable = [trial for row in rows if (trial := _trial(row)) is not None]
    trials = tuple({trial.result.specification.key: trial for trial in reversed(readable)}.values())[::-1]
    results = tuple(trial.result for trial in trials)
    _require_one_population(results, data.get("population"))
    paths = tuple(dict.fromkeys((*data.get("paths", ()), *(one.specification.path for one in results))))
    mix = from_rows(data.get("mix") or ())
    with_fault = [one for one in results if one.specification.kind == FAULT]
    pairs = tuple(itertools.combinations(paths, 2))
    expectations = {statistics.place(trial.result): trial.expected for trial in trials}
    return Summary(
        paths=paths,
        mix=mix,
        trials=trials,
        unreadable=len(rows) - len(readable),
        voids=statistics.voids(results),
        median_seconds=plain.median(one.seconds + one.recovery_seconds for one in results) if results else None,
        under_faults=statistics.rates(with_fault, lambda one: one.specification.path),
        without=statistics.rates(
            (one for one in results if one.specification.kind == CONTROL), lambda one: one.specification.path
        ),
        clean=statistics.rates(with_fault, lambda one: one.specification.path, statistics.clean),
        families=statistics.rates(with_fault, lambda one: (one.specification.path, one.specification.family)),
        faults=statistics.rates(with_fault, lambda one: (one.specification.path, one.specification.fault)),
        forms=statistics.rates(with_fault, lambda one: (one.specification.path, one.specification.form)),
        cells=statistics.cells(results, expectations),
        differences=_found(statistics.compare(results, *pair) for pair in pairs),
        controls=tuple((path, arms) for path in paths if (arms := statistics.control(results, path)) is not None),
        worlds=tuple(world for path in paths if mix.troubles and (world := real_world(results, mix, path)) is not None),
        world_differences=_found(real_difference(results, mix, *pair) for pair in pairs if mix.troubles),
        kills=tuple(loop for path in paths if (loop := statistics.kills(results, path)).n),
    )


def completed(data: Mapping[str, Any], found: Summary | None = None) -> dict[str, Any]:
    """The data with the computed keys: done, void, median_seconds and measured. `found`: its summary, if known."""
    found = found or summarise(data)
    return {**data, "schema": SCHEMA, "done": len(found.trials), "void": len(found.voids),
            "median_seconds": found.median_seconds, "measured": measured(found)}  # fmt: skip


def measured(found: Summary) -> dict[str, Any]:
    """The numbers as JSON; shares are fractions of 1."""
    return {
        "real_world": {
            one.path: {
                "share": one.share, "low": one.low, "high": one.high, "covered": one.covered, "n": one.n,
                "not_measured": [[part.fault, part.form, part.weight] for part in one.missing],
            }
            for one in found.worlds
        },
        "real_world_differences": [_difference(one) for one in found.world_differences],
        "under_faults": {path: asdict(one) for path, one in found.under_faults.items()},
        "without_fault": {path: asdict(one) for path, one in found.without.items()},
        "clean": {path: asdict(one) for path, one in found.clean.items()},
        "differences": [_difference(one) for one in found.differences],
        "control": {path: _difference(one) for path, one in found.controls},
        "kills": {
            one.path: {"recovered": asdict(one.recovered) if one.recovered else None, "missed": one.missed,
                       "remaining": [left.specification.key for left in one.remaining]}
            for one in found.kills
        },
        "unexpected": [trial.result.specification.key for trial in found.unexpected],
    }  # fmt: skip


def _difference(one: Difference) -> dict[str, Any]:
    return {**asdict(one), "estimate": one.estimate, "winner": one.winner or None}


def _found(differences: Iterable[Difference | None]) -> tuple[Difference, ...]:
    return tuple(one for one in differences if one is not None)


def _trial(row: Mapping[str, Any]) -> Trial | None:
    result = from_row({"v": SCHEMA, **{name: value for name, value in row.items() if name in _ROW}})
    if result is None:
        return None
    expected = tuple(map(str, row.get("expected") or ()))
    return Trial(result=result, expected=expected, as_expected=statistics.is_expected(result, expected),
                 repeat=str(row.get("repeat") or ""))  # fmt: skip


def _require_one_population(results: Sequence[Result], stated: Any) -> None:
    found = statistics.population(results)
    if stated and found and stated != found:
        raise ValueError(f"the campaign is of {stated}, its trials are of {found}: never counted together")
