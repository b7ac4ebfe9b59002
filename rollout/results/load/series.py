"""What happened second by second, in columns of equal length."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rollout.journal.query import mapping
from rollout.load.records import LoadResult, RequestRecord
from rollout.results.load.figures import percentile

MOST_ROWS = 600
UNKNOWN = "unknown"  # an answer that does not name its instance
_COUNTS = ("sent", "ok", "failed", "lost")
_TIMES = ("p50", "p99", "longest")

_LARGEST = 1e15

Column = tuple[int, ...]
Times = tuple[float | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One value for each `step` seconds since the load began, at most 600.

    `sent`: requests that were due. `p50`, `p99`, `longest`: seconds. `lag`: seconds by which the generator was late at
    most. `instances`: instance → its successful answers.
    """

    step: int
    sent: Column
    ok: Column
    failed: Column
    lost: Column
    p50: Times
    p99: Times
    longest: Times
    lag: tuple[float, ...]
    instances: Mapping[str, Column]

    @property
    def rows(self) -> int:
        return len(self.sent)

    def as_data(self) -> dict[str, Any]:
        """The columns, as the journal has them."""
        columns = dataclasses.asdict(self)
        return {key: value for key, value in columns.items() if key != "step"}

    @classmethod
    def read(cls, step: int, data: Mapping[str, Any]) -> Series:
        """The series of a journal. Columns that are damaged or too short are filled up with zeros or None."""
        rows = min(MOST_ROWS, max((len(_list(data, key)) for key in _COUNTS), default=0))
        sent, ok, failed, lost = (_counts(_list(data, key), rows) for key in _COUNTS)
        p50, p99, longest = (_times(_list(data, key), rows) for key in _TIMES)
        instances = {
            name: _counts(_list(mapping(data, "instances"), name), rows) for name in mapping(data, "instances")
        }
        return cls(
            step=max(1, step),
            sent=sent,
            ok=ok,
            failed=failed,
            lost=lost,
            p50=p50,
            p99=p99,
            longest=longest,
            lag=tuple(value or 0.0 for value in _times(_list(data, "lag"), rows)),
            instances=instances,
        )


def series(result: LoadResult, seconds: float, instances: Sequence[str]) -> Series:
    """The series of a load that lasted so long. A step is as many seconds as 600 rows need."""
    step = max(1, math.ceil(seconds / MOST_ROWS))
    rows = max(1, math.ceil(seconds / step))
    parts: list[list[RequestRecord]] = [[] for _ in range(rows)]
    for record in result.requests:
        parts[_row(record.intended - result.generator.began, step, rows)].append(record)
    done = [[record for record in part if record.outcome == "ok"] for part in parts]
    long = result.generator.long
    latencies = [sorted(record.latency for record in part if record.kind not in long) for part in done]
    lag = [0.0] * rows
    for second, late in enumerate(result.generator.lag):
        row = _row(second, step, rows)
        lag[row] = max(lag[row], late)
    return Series(
        step=step,
        sent=tuple(map(len, parts)),
        ok=tuple(map(len, done)),
        failed=tuple(sum(record.outcome == "failed" for record in part) for part in parts),
        lost=tuple(sum(record.outcome == "lost" for record in part) for part in parts),
        p50=tuple(percentile(part, 0.5) for part in latencies),
        p99=tuple(percentile(part, 0.99) for part in latencies),
        longest=tuple(percentile(part, 1.0) for part in latencies),
        lag=tuple(lag),
        instances={
            name: tuple(sum((one.instance or UNKNOWN) == name for one in part) for part in done) for name in instances
        },
    )


def _row(since: float, step: int, rows: int) -> int:
    return min(rows - 1, max(0, int(since / step)))


def _list(data: Mapping[str, Any], key: str) -> Sequence[Any]:
    value = data.get(key)
    return value if isinstance(value, list | tuple) else ()


def _counts(values: Sequence[Any], rows: int) -> Column:
    return tuple(max(0, int(value or 0)) for value in _times(values, rows))


def _times(values: Sequence[Any], rows: int) -> Times:
    """The first `rows` values. What is no number, or none that a load can have, is None."""
    kept = [
        float(value)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < _LARGEST
        else None
        for value in values[:rows]
    ]
    return (*kept, *([None] * (rows - len(kept))))
