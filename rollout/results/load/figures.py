"""Numbers of requests and their latencies, for a whole load, one of its windows, or one kind of request."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from rollout.journal.query import number, text
from rollout.load.records import RequestRecord

MOST_LAG = 0.1  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A part of the load, from `start` to before `end`, in seconds since the epoch."""

    name: str
    start: float
    end: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Numbers of requests, and seconds.

    `lost`: no whole answer. `failed`: a whole answer with an unexpected status. `lost_on_reused`: those of the lost
    that had been sent on a kept connection. `p50`, `p99`, `longest`: of the latencies of successful answers, None
    without one. `gap`: the longest time without a successful answer, out of `seconds`. `start`: since the epoch.
    """

    name: str
    start: float
    requests: int
    ok: int
    failed: int
    lost: int
    lost_on_reused: int
    p50: float | None
    p99: float | None
    longest: float | None
    gap: float
    seconds: float

    @classmethod
    def of(
        cls, records: Iterable[RequestRecord], window: Window, answers: Iterable[float], long: Collection[str] = ()
    ) -> Figures:
        """The figures of records in a window.

        `answers`: when successful answers ended, in any order. `long`: the kinds whose latencies are left out.
        """
        records = tuple(records)
        ok = [record for record in records if record.outcome == "ok"]
        latencies = sorted(record.latency for record in ok if record.kind not in long)
        lost = [record for record in records if record.outcome == "lost"]
        return cls(
            name=window.name,
            start=round(window.start, 3),
            requests=len(records),
            ok=len(ok),
            failed=len(records) - len(ok) - len(lost),
            lost=len(lost),
            lost_on_reused=sum(record.reused for record in lost),
            p50=percentile(latencies, 0.5),
            p99=percentile(latencies, 0.99),
            longest=percentile(latencies, 1.0),
            gap=longest_gap(answers, window),
            seconds=round(window.end - window.start, 3),
        )

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> Figures:
        """The figures of a row in the journal. Damaged values count as missing."""
        return cls(
            name=text(row, "name"),
            start=number(row, "start"),
            requests=int(number(row, "requests")),
            ok=int(number(row, "ok")),
            failed=int(number(row, "failed")),
            lost=int(number(row, "lost")),
            lost_on_reused=int(number(row, "lost_on_reused")),
            p50=optional_number(row, "p50"),
            p99=optional_number(row, "p99"),
            longest=optional_number(row, "longest"),
            gap=number(row, "gap"),
            seconds=number(row, "seconds"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Lag:
    """How many seconds late the generator itself began its requests, and `asleep`: how late it woke up at most."""

    p50: float | None
    p99: float | None
    longest: float | None
    asleep: float

    @classmethod
    def of(cls, records: Iterable[RequestRecord], seconds: Sequence[float]) -> Lag:
        """`seconds`: the generator's own measurement, its maximum in each second."""
        late = sorted(max(0.0, record.started - record.intended) for record in records)
        return cls(
            p50=percentile(late, 0.5),
            p99=percentile(late, 0.99),
            longest=percentile(late, 1.0),
            asleep=round(max(seconds, default=0.0), 4),
        )

    @property
    def is_too_slow(self) -> bool:
        """Whether the latencies are not those of the server: more than 1 % of requests began over 0.1 s late."""
        return self.p99 is not None and self.p99 > MOST_LAG

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> Lag:
        """The lag of a mapping in the journal."""
        times = {key: optional_number(row, key) for key in ("p50", "p99", "longest")}
        return cls(asleep=number(row, "asleep"), **times)


def percentile(ordered: Sequence[float], share: float) -> float | None:
    """The smallest value that at least this share of the values does not exceed (nearest rank); None without values.

    `ordered`: ascending. `share`: more than 0, at most 1.
    """
    return round(ordered[max(0, math.ceil(share * len(ordered)) - 1)], 4) if ordered else None


def longest_gap(answers: Iterable[float], window: Window) -> float:
    """The longest time in the window, in seconds, in which no successful answer ended."""
    inside = sorted(at for at in answers if window.start <= at < window.end)
    return round(max(after - before for before, after in pairwise((window.start, *inside, window.end))), 4)


def optional_number(row: Mapping[str, Any], key: str) -> float | None:
    """A number, or None for anything else."""
    value = row.get(key)
    return None if value is None or isinstance(value, bool) or not isinstance(value, int | float) else number(row, key)
