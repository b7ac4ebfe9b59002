"""A campaign as data → all that is said of it, as numbers. Pure; the contract of campaign.json is here.

```text
schema          1
run             id of the campaign
started         when it began, ISO 8601; may be missing
seed            of the campaign
source          {kind, detail}: registry, bundle, rehearsal, and which
forge           text: on what commands ran
database        text: on what databases were
rehearsal       true: stand-in packages
population      "real" or "rehearsal:…": what all trials are of
paths           names, in the order in which they are shown
plans           path → identity of its plan; may be missing
phases          names of groups, in the order in which they are shown; may be missing
planned         trials that were asked for; null where time decided
seconds         of the campaign, by the clock
faults          fault → {family, text, bites, lasts}: what the catalogue says of it; may be missing
left_out        what was not struck (a fault, phases of a path) → why; may be missing
decoys          sentences: what stood beside every trial; may be missing
mix             rows of troubles.as_rows; may be empty
trials          rows of records.as_row, each with `expected` (outcomes that are promised, [] for none) and `repeat`
                (the line that repeats it)
done, void, median_seconds, measured
                are added by `completed`: they follow from the trials
```

Keys that are not named here are kept and not read.
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
    """A result with what was promised, whether that was kept (None: nothing to keep), and the line that repeats it."""

    result: Result
    expected: tuple[str, ...]
    as_expected: bool | None
    repeat: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """All that follows from the trials; each counts once, however often it is told.

    `unreadable`: how many rows were none of ours.
    `under_faults`, `without`: success per path, of trials with a fault and of the control; `clean`: the share that left
    nothing behind, of trials with a fault. `families`, `faults`, `forms`: success under faults by (path, that name).
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
        """Trials that came to something else than was promised."""
        return tuple(trial for trial in self.trials if trial.as_expected is False)


def summarise(data: Mapping[str, Any]) -> Summary:
    """Everything that a campaign's data comes to. Raises ValueError for trials of several populations."""
    rows = data.get("trials") or ()
    readable = [trial for row in rows if (trial := _trial(row)) is not None]
    trials = tuple({trial.result.specification.key: trial for trial in reversed(readable)}.values())[::-1]
    results = tuple(trial.result for trial in trials)
    _refuse_strangers(results, data.get("population"))
    paths = tuple(dict.fromkeys((*data.get("paths", ()), *(one.specification.path for one in results))))
    mix = from_rows(data.get("mix") or ())
    struck = [one for one in results if one.specification.kind == FAULT]
    pairs = tuple(itertools.combinations(paths, 2))
    expectations = {statistics.place(trial.result): trial.expected for trial in trials}
    return Summary(
        paths=paths,
        mix=mix,
        trials=trials,
        unreadable=len(rows) - len(readable),
        voids=statistics.voids(results),
        median_seconds=plain.median(one.seconds + one.recovery_seconds for one in results) if results else None,
        under_faults=statistics.rates(struck, lambda one: one.specification.path),
        without=statistics.rates(
            (one for one in results if one.specification.kind == CONTROL), lambda one: one.specification.path
        ),
        clean=statistics.rates(struck, lambda one: one.specification.path, statistics.clean),
        families=statistics.rates(struck, lambda one: (one.specification.path, one.specification.family)),
        faults=statistics.rates(struck, lambda one: (one.specification.path, one.specification.fault)),
        forms=statistics.rates(struck, lambda one: (one.specification.path, one.specification.form)),
        cells=statistics.cells(results, expectations),
        differences=_found(statistics.compare(results, *pair) for pair in pairs),
        controls=tuple((path, arms) for path in paths if (arms := statistics.control(results, path)) is not None),
        worlds=tuple(world for path in paths if mix.troubles and (world := real_world(results, mix, path)) is not None),
        world_differences=_found(real_difference(results, mix, *pair) for pair in pairs if mix.troubles),
        kills=tuple(loop for path in paths if (loop := statistics.kills(results, path)).n),
    )


def completed(data: Mapping[str, Any], found: Summary | None = None) -> dict[str, Any]:
    """The data with what follows from it (`found`, where it is known): done, void, median_seconds and measured."""
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


def _refuse_strangers(results: Sequence[Result], told: Any) -> None:
    found = statistics.population(results)
    if told and found and told != found:
        raise ValueError(f"the campaign is of {told}, and its trials are of {found}: never counted together")
