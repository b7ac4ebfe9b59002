"""Collects the texts and tables of the section about loads, such as that of an upgrade. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rollout.journal.events.base import select
from rollout.journal.events.loads import LoadFinished
from rollout.journal.query import Event
from rollout.load.records import ERRORS
from rollout.report.load_chart import Chart, chart
from rollout.results.load import BROKEN_AFTER, Figures, LoadSummary, SessionFigures, read_summary
from rollout.text.plain import counted, duration, line

MOST_LOADS = 40
_MOST_ROWS = 60  # of the table second by second
_MOST_OUTAGES = 20
METHOD = (
    "Latencies count from the moment at which a request was due, whether or not the server answered the ones before. "
    "Percentiles are those of successful answers, by nearest rank. Lost requests got no whole answer; failed ones got "
    "one with an unexpected status. Nothing was repeated."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FiguresRow:
    """Figures in words, for a row of a table. `state`: passed or failed."""

    name: str
    state: str
    requests: str
    lost: str
    failed: str
    p50: str
    p99: str
    longest: str
    gap: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Some seconds of the load, in words. `answers`: in the order of the instances."""

    at: str
    requests: str
    answers: tuple[str, ...]
    failed: str
    lost: str
    longest: str
    is_bad: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadView:
    """All content about a load. `state`: passed, failed, or unsure where the generator was too slow to judge."""

    path: str
    phase: str
    name: str
    anchor: str
    state: str
    sentence: str
    speed: str
    sessions: str
    warning: str
    chart: Chart | None
    totals: FiguresRow
    windows: tuple[FiguresRow, ...]
    kinds: tuple[FiguresRow, ...]
    errors: tuple[tuple[str, str], ...]
    outages: tuple[tuple[str, str, str], ...]
    instances: tuple[str, ...]
    moments: tuple[Moment, ...]


def loads(events: Sequence[Event]) -> tuple[LoadView, ...]:
    """The loads of a run, in order, at most 40."""
    found = list(select(LoadFinished, events))[:MOST_LOADS]
    return tuple(_view(event, read_summary(event), number) for number, event in enumerate(found, 1))


def latency(seconds: float | None) -> str:
    """A latency for people: `4.1 ms`, `38 ms`, `1.35 s`; `–` for none."""
    if seconds is None:
        return "–"
    if seconds < 0.00995:
        return f"{seconds * 1000:.1f} ms"
    return f"{seconds * 1000:.0f} ms" if seconds < 0.9995 else f"{seconds:.2f} s" if seconds < 10 else duration(seconds)


def outcome_sentence(totals: Figures) -> str:
    """What became of the requests, in a sentence."""
    if not totals.requests:
        return "No request was due."
    if not totals.lost and not totals.failed:
        return f"All {totals.requests:,} requests were answered as expected. None was lost, none failed."
    lost, failed = (f"{count:,}" if count else "none" for count in (totals.lost, totals.failed))
    kept = f" ({totals.lost_on_reused:,} of them on kept connections)" if totals.lost_on_reused else ""
    return f"Of {totals.requests:,} requests, {lost} {_were(totals.lost)} lost{kept} and {failed} failed."


def speed_sentence(totals: Figures, long: Sequence[str] = ()) -> str:
    """Gap and latencies, in a sentence. `long`: the kinds that take long on purpose."""
    if totals.p99 is None:
        return f"There was no successful answer in {duration(totals.seconds)}."
    return (
        f"Longest time without a successful answer: {latency(totals.gap)}. "
        f"Latency: median {latency(totals.p50)}, p99 {latency(totals.p99)}, longest {latency(totals.longest)}"
        + (f", without what takes long on purpose ({line(', '.join(long), 200)})." if long else ".")
    )


def sessions_sentence(found: SessionFigures) -> str:
    """What became of the LiveView sessions; "" without one."""
    if not found.sessions:
        return ""
    said = [f"{counted(found.sessions, 'LiveView session')}: {found.broken:,} broken"]
    if found.never_joined:
        said.append(f"{found.never_joined:,} never joined")
    if found.lost:
        said.append(f"lost {counted(found.lost, 'time')}, rejoined {counted(found.rejoined, 'time')}")
    if found.p50 is not None:
        said.append(f"after {latency(found.p50)} (median), {latency(found.longest)} at most")
    if found.reloaded:
        said.append(f"the page was loaded again {counted(found.reloaded, 'time')}")
    if found.forms_kept or found.forms_lost:
        lost = f", lost {counted(found.forms_lost, 'time')}" if found.forms_lost else ""
        said.append(f"form kept {counted(found.forms_kept, 'time')}{lost}")
    return f"{'; '.join(said)}. A session is broken if it is not back within {BROKEN_AFTER:.0f} s."


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


def _view(event: LoadFinished, summary: LoadSummary, number: int) -> LoadView:
    instances = tuple(summary.series.instances)
    return LoadView(
        path=line(event.path or "", 80),
        phase=line(event.phase or "", 60),
        name=line(summary.name, 120) or "load",
        anchor=f"load-{number}",
        state="unsure" if summary.is_too_slow else _state(summary.totals, summary.sessions.broken),
        sentence=outcome_sentence(summary.totals),
        speed=speed_sentence(summary.totals, summary.long),
        sessions=sessions_sentence(summary.sessions),
        warning=_warning(summary),
        chart=chart(summary),
        totals=_row(summary.totals),
        windows=tuple(map(_row, summary.windows)),
        kinds=tuple(map(_row, summary.kinds)),
        errors=tuple((line(name, 60), f"{_meaning(name)}: {count:,}") for name, count in summary.errors.items()),
        outages=tuple(_outages(summary)),
        instances=tuple(line(name, 40) for name in instances),
        moments=tuple(_moments(summary, instances)),
    )


def _state(totals: Figures, broken: int) -> str:
    return "failed" if totals.lost or totals.failed or broken or not totals.requests else "passed"


def _warning(summary: LoadSummary) -> str:
    if not summary.is_too_slow:
        return ""
    return (
        f"The load generator itself was too slow: 1 % of its requests began {latency(summary.lag.p99)} or more after "
        "they were due. So the latencies are not those of the server. Counts of lost and failed requests are right."
    )


def _row(found: Figures) -> FiguresRow:
    return FiguresRow(
        name=line(found.name, 80),
        state=_state(found, 0) if found.requests else "none",
        requests=f"{found.requests:,}",
        lost=f"{found.lost:,}",
        failed=f"{found.failed:,}",
        p50=latency(found.p50),
        p99=latency(found.p99),
        longest=latency(found.longest),
        gap=latency(found.gap),
    )


def _meaning(name: str) -> str:
    return ERRORS.get(name.partition(" ")[0], "answered with this status, which was not expected")


def _outages(summary: LoadSummary) -> Iterator[tuple[str, str, str]]:
    """Session, why it was lost, and how it went on; the longest first."""
    for one in summary.outages[:_MOST_OUTAGES]:
        back = f"back after {latency(one.seconds)}" if one.seconds is not None else f"not back in {latency(one.waited)}"
        form = f", form {one.form}" if one.form else ""
        yield f"{line(one.kind, 40)} {one.session}", line(one.why, 200), back + form


def _moments(summary: LoadSummary, instances: Sequence[str]) -> Iterator[Moment]:
    """The series in at most 60 rows."""
    series = summary.series
    size = max(1, -(-series.rows // _MOST_ROWS))
    for start in range(0, series.rows, size):
        rows = slice(start, start + size)
        longest = max((value for value in series.longest[rows] if value is not None), default=None)
        failed, lost = sum(series.failed[rows]), sum(series.lost[rows])
        yield Moment(
            at=f"{start * series.step} s",
            requests=f"{sum(series.sent[rows]):,}",
            answers=tuple(f"{sum(series.instances[name][rows]):,}" for name in instances),
            failed=f"{failed:,}",
            lost=f"{lost:,}",
            longest=latency(longest),
            is_bad=bool(failed or lost),
        )
