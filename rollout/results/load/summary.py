"""The summary of a load: what the journal keeps of it, and every report shows."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rollout.journal.events.loads import LoadFinished
from rollout.journal.query import number, text
from rollout.load.records import LoadResult, Mark, RequestRecord
from rollout.results.load.figures import Figures, Lag, Window
from rollout.results.load.series import UNKNOWN, Series, series
from rollout.results.load.sessions import Outage, SessionFigures, outages, session_figures

_MOST_ROWS = 100  # of kinds, instances, errors, marks and outages
_MOST_LETTERS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadSummary:
    """A load in figures. Times are seconds since the epoch, durations seconds.

    `kinds`: the figures of each kind of request. `answered`: instance → its successful answers. `errors`: name of a
    socket error, or an unexpected status, with the instance if it was heard of (`500 from b1`), → number. `outages`:
    those of sessions, the longest first. `long`: the kinds that take long on purpose, whose latencies are in `kinds`
    only.
    """

    name: str
    began: float
    seconds: float
    totals: Figures
    windows: tuple[Figures, ...]
    kinds: tuple[Figures, ...]
    answered: Mapping[str, int]
    errors: Mapping[str, int]
    sessions: SessionFigures
    outages: tuple[Outage, ...]
    marks: tuple[Mark, ...]
    long: tuple[str, ...]
    series: Series
    lag: Lag

    @property
    def is_too_slow(self) -> bool:
        """Whether the generator was so late that the latencies are not the server's."""
        return self.lag.is_too_slow

    def event(self, *, path: str | None = None, phase: str | None = None) -> LoadFinished:
        """The event of the journal, with at most 600 rows and 100 names of each sort."""
        return LoadFinished(
            path=path, phase=phase, name=self.name, began=round(self.began, 3), seconds=self.seconds,
            totals=dataclasses.asdict(self.totals), windows=tuple(map(dataclasses.asdict, self.windows)),
            kinds=tuple(map(dataclasses.asdict, self.kinds)), answered=dict(self.answered), errors=dict(self.errors),
            sessions=dataclasses.asdict(self.sessions), outages=tuple(map(dataclasses.asdict, self.outages)),
            marks=tuple({"at": round(mark.at, 3), "text": mark.text} for mark in self.marks),
            long=self.long, step=self.series.step,
            series=self.series.as_data(), lag=dataclasses.asdict(self.lag), too_slow=self.is_too_slow,
        )  # fmt: skip


def summarise(result: LoadResult, *, name: str, windows: Sequence[Window] = ()) -> LoadSummary:
    """The figures of a load. `name`: what happened meanwhile, for people. A window may lie anywhere in the load."""
    generator = result.generator
    end = generator.ended or max((record.intended for record in result.requests), default=generator.began)
    whole = Window(name="whole load", start=generator.began, end=max(end, generator.began))
    answers = [record.end for record in result.requests if record.outcome == "ok"]
    answered = Counter(record.instance or UNKNOWN for record in result.requests if record.outcome == "ok")
    found = sorted(outages(result.sessions), key=lambda one: one.waited, reverse=True)
    instances = sorted(dict(answered.most_common(_MOST_ROWS)))
    return LoadSummary(
        name=name,
        began=generator.began,
        seconds=round(whole.end - whole.start, 3),
        totals=Figures.of(result.requests, whole, answers, generator.long),
        windows=tuple(
            Figures.of(_within(result.requests, window), window, answers, generator.long) for window in windows
        ),
        kinds=tuple(_kinds(result, whole))[:_MOST_ROWS],
        answered={instance: answered[instance] for instance in instances},
        errors=dict(Counter(filter(None, map(_reason, result.requests))).most_common(_MOST_ROWS)),
        sessions=session_figures(result.sessions, found),
        outages=tuple(dataclasses.replace(one, why=one.why[:_MOST_LETTERS]) for one in found[:_MOST_ROWS]),
        marks=result.marks[:_MOST_ROWS],
        long=generator.long,
        series=series(result, whole.end - whole.start, instances),
        lag=Lag.of(result.requests, generator.lag),
    )


def around(result: LoadResult, start: float, end: float) -> tuple[Window, Window, Window]:
    """The windows before, during and after what happened from `start` to `end`, in seconds since the epoch."""
    began, ended = result.generator.began, max(result.generator.ended, end)
    return (
        Window(name="before", start=began, end=start),
        Window(name="during", start=start, end=end),
        Window(name="after", start=end, end=ended),
    )


def release_of(instance: str) -> str:
    """The release of an instance: its name without the number at its end (`b2` → `b`)."""
    return instance.rstrip("0123456789") or instance


def read_summary(event: LoadFinished) -> LoadSummary:
    """The summary of an event. Damaged values count as missing."""
    return LoadSummary(
        name=event.name,
        began=event.began,
        seconds=event.seconds,
        totals=Figures.read(event.totals),
        windows=tuple(map(Figures.read, event.windows)),
        kinds=tuple(map(Figures.read, event.kinds)),
        answered={name: int(number(event.answered, name)) for name in event.answered},
        errors={name: int(number(event.errors, name)) for name in event.errors},
        sessions=SessionFigures.read(event.sessions),
        outages=tuple(map(Outage.read, event.outages)),
        marks=tuple(Mark(at=number(row, "at"), text=text(row, "text")) for row in event.marks),
        long=event.long,
        series=Series.read(event.step, event.series),
        lag=Lag.read(event.lag),
    )


def _kinds(result: LoadResult, whole: Window) -> list[Figures]:
    of: dict[str, list[RequestRecord]] = {kind: [] for kind in result.generator.arrivals}
    for record in result.requests:
        of.setdefault(record.kind, []).append(record)
    return [
        Figures.of(
            records,
            dataclasses.replace(whole, name=kind),
            [record.end for record in records if record.outcome == "ok"],
        )
        for kind, records in of.items()
    ]


def _within(records: Sequence[RequestRecord], window: Window) -> tuple[RequestRecord, ...]:
    return tuple(record for record in records if window.start <= record.intended < window.end)


def _reason(record: RequestRecord) -> str:
    """Why a request was not successful, and where: `500 from b1`, `short_body from a2`, `refused`."""
    reason = record.error or ("" if record.is_expected else str(record.status))
    return f"{reason} from {record.instance}" if reason and record.instance else reason
