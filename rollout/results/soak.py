"""Judges the memory that instances use during a soak: its bound, and whether it grows. Pure.

The slope is the median of the slopes between all pairs of samples (Theil and Sen), so single peaks, such as those
before a garbage collection, do not count. The first quarter of the samples is left out, because a release that has just
started fills its caches.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median
from typing import Any

from rollout.journal.events.production import SoakFinished
from rollout.journal.query import number, text
from rollout.results.load.figures import optional_number

MOST_SLOPE = 2 * 1024**2
"""Bytes a minute by which the memory of an instance may grow."""
NOISE = 24 * 1024**2
"""Bytes of growth that say nothing, however short the soak was."""
_WARM_UP = 0.25  # share of the samples
_MOST_SAMPLES = 240  # for the slope


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryFigures:
    """The memory of one instance, in bytes. `slope`: bytes a minute, None for too few samples.

    `seconds`: from the first sample to the last.
    """

    instance: str
    samples: int
    first: int
    last: int
    highest: int
    slope: float | None
    seconds: float

    @classmethod
    def of(cls, instance: str, samples: Sequence[tuple[float, int]]) -> MemoryFigures:
        """The figures of samples: seconds on any clock, and bytes; at least one."""
        values = [used for _, used in samples]
        return cls(
            instance=instance,
            samples=len(samples),
            first=values[0],
            last=values[-1],
            highest=max(values),
            slope=_slope(samples),
            seconds=round(samples[-1][0] - samples[0][0], 3),
        )

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> MemoryFigures:
        """The figures of a row in the journal. Damaged values count as missing."""
        counts = {key: int(number(row, key)) for key in ("samples", "first", "last", "highest")}
        return cls(instance=text(row, "instance"), slope=optional_number(row, "slope"), seconds=number(row, "seconds"),
                   **counts)  # fmt: skip

    @property
    def grows(self) -> bool:
        """Whether it grows faster than MOST_SLOPE, and has grown by more than NOISE."""
        if self.slope is None:
            return False
        return self.slope > MOST_SLOPE and self.slope * self.seconds / 60 * (1 - _WARM_UP) > NOISE

    def wrong(self, bound: float) -> str:
        """What is wrong with it, in words; "" if nothing is."""
        if self.highest > bound:
            return f"{self.instance} used {_mb(self.highest)}, more than {_mb(bound)}"
        if self.grows:
            grown = f"{(self.slope or 0) / 1e6:.1f} MB a minute"
            return f"{self.instance} grew by {grown}, from {_mb(self.first)} to {_mb(self.last)}"
        return ""


def read_soak(event: SoakFinished) -> tuple[MemoryFigures, ...]:
    """The figures of every instance of a soak."""
    return tuple(MemoryFigures.read(row) for row in event.instances)


def as_json(event: SoakFinished) -> dict[str, Any]:
    """The key `soak` of a path in verdict.json."""
    found = read_soak(event)
    return {
        "seconds": event.seconds,
        "bound_bytes": event.bound,
        "instances": [
            {
                "instance": each.instance,
                "samples": each.samples,
                "first_bytes": each.first,
                "last_bytes": each.last,
                "highest_bytes": each.highest,
                "bytes_per_minute": each.slope,
                "steady": not each.wrong(event.bound),
            }
            for each in found
        ],
    }


def _slope(samples: Sequence[tuple[float, int]]) -> float | None:
    """Bytes a minute; None for fewer than three samples after the first quarter."""
    settled = samples[int(len(samples) * _WARM_UP) :]
    thinned = settled[:: len(settled) // _MOST_SAMPLES + 1]
    slopes = [(later - earlier) / (end - start) for (start, earlier), (end, later) in combinations(thinned, 2)
              if end > start]  # fmt: skip
    return round(median(slopes) * 60, 1) if len(thinned) >= 3 and slopes else None


def _mb(used: float) -> str:
    return f"{used / 1e6:.0f} MB"
