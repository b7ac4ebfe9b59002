"""Memory during a soak: what counts as growth, and what the verdict says."""

from __future__ import annotations

import dataclasses
import random
from typing import Any

import pytest

from rollout.journal.events import encode
from rollout.journal.events.production import SoakFinished
from rollout.results.path_outcome import judge_path
from rollout.results.soak import MOST_SLOPE, MemoryFigures, as_json

MB = 1024**2
BOUND = 600 * MB


def _figures(*, minutes: float, per_minute: float = 0.0, noise: float = 0.0, peak: float = 0.0) -> MemoryFigures:
    """Samples every five seconds around 200 MB."""
    chance, count = random.Random(7), int(minutes * 12) + 1
    samples = [
        (n * 5.0, int(200 * MB + per_minute * n / 12 + chance.uniform(-noise, noise) + (peak if n % 20 == 10 else 0)))
        for n in range(count)
    ]
    return MemoryFigures.of("b1", samples)


@pytest.mark.parametrize(
    "found",
    [
        _figures(minutes=10),
        _figures(minutes=10, noise=15 * MB),
        _figures(minutes=10, peak=200 * MB),
        _figures(minutes=10, per_minute=MOST_SLOPE * 0.9),
        _figures(minutes=1, per_minute=20 * MB),  # too short to tell
        _figures(minutes=0),
    ],
    ids=["flat", "noisy", "peaks", "slow", "short", "one sample"],
)
def test_steady_memory_is_not_wrong(found: MemoryFigures) -> None:
    assert found.wrong(BOUND) == ""


def test_growth_is_named_with_its_rate() -> None:
    found = _figures(minutes=10, per_minute=6 * MB, noise=15 * MB)
    assert found.slope == pytest.approx(6 * MB, rel=0.2)
    assert found.wrong(BOUND).startswith("b1 grew by 6.")


def test_the_start_of_a_release_is_no_growth() -> None:
    """It fills its caches within the first quarter."""
    samples = [(n * 5.0, 200 * MB + min(n, 30) * 5 * MB) for n in range(121)]
    assert not MemoryFigures.of("b1", samples).grows


def test_one_sample_above_the_bound_is_too_much() -> None:
    assert "b1 used 430 MB, more than 419 MB" in _figures(minutes=10, peak=210 * MB).wrong(400 * MB)


def test_few_samples_have_no_slope() -> None:
    assert MemoryFigures.of("b1", [(0.0, 1), (5.0, 2)]).slope is None


def _event(*found: MemoryFigures) -> SoakFinished:
    rows = tuple(dataclasses.asdict(each) for each in found)
    return SoakFinished(path="realistic", phase="upgrade", load="soak", seconds=600.0, bound=BOUND, instances=rows)


def test_the_verdict_has_every_instance() -> None:
    good, bad = _figures(minutes=10), _figures(minutes=10, per_minute=9 * MB)
    told = as_json(_event(good, bad))
    assert [each["steady"] for each in told["instances"]] == [True, False]
    assert (told["bound_bytes"], told["instances"][0]["samples"]) == (BOUND, 121)


def test_a_path_with_a_soak_has_the_key() -> None:
    name, keys = encode(_event(_figures(minutes=1)))
    event: dict[str, Any] = {"event": name, **keys}
    with_soak, without = judge_path("realistic", [event], alone=True), judge_path("realistic", [], alone=True)
    assert with_soak.soak is not None
    assert with_soak.soak["seconds"] == 600.0
    assert without.soak is None


def test_a_damaged_row_breaks_nothing() -> None:
    row = {"instance": 7, "slope": "x", "samples": None}
    damaged = SoakFinished(path="p", phase="upgrade", load="soak", seconds=1.0, bound=1, instances=(row,))
    assert as_json(damaged)["instances"][0]["bytes_per_minute"] is None
