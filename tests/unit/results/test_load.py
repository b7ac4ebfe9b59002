"""Figures of a load, from hand-written records."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from rollout.journal.events.base import decode, encode
from rollout.journal.events.loads import LoadFinished
from rollout.load.records import GeneratorReport, LoadResult, Mark, RequestRecord, SessionEvent
from rollout.results.load import (
    Window,
    around,
    longest_gap,
    percentile,
    read_summary,
    release_of,
    summarise,
)
from rollout.results.load.series import MOST_ROWS

BEGAN = 1_000_000.0


def record(
    at: float, *, latency: float = 0.1, status: int | None = 200, error: str | None = None, kind: str = "page",
    instance: str = "a1", late: float = 0.0, reused: bool = False,
) -> RequestRecord:  # fmt: skip
    """A request that was due `at` seconds after the load began."""
    due = BEGAN + at
    return RequestRecord(
        kind=kind, key=f"{kind}-{at}", intended=due, started=due + late, sent=due + late, first_byte=due + latency,
        end=due + latency, status=None if error else status, error=error, is_expected=error is None and status == 200,
        instance="" if error else instance, bytes=100, reused=reused, reopened=False,
    )  # fmt: skip


def result(
    records: Sequence[RequestRecord], *, seconds: float = 10.0, sessions: Sequence[SessionEvent] = (),
    marks: Sequence[Mark] = (), lag: Sequence[float] = (),
) -> LoadResult:  # fmt: skip
    kinds = {each.kind for each in records}
    generator = GeneratorReport(
        pid=1, offset=0.0, began=BEGAN, ended=BEGAN + seconds, lag=tuple(lag),
        arrivals={kind: sum(each.kind == kind for each in records) for kind in sorted(kinds)},
    )  # fmt: skip
    return LoadResult(requests=tuple(records), sessions=tuple(sessions), marks=tuple(marks), generator=generator)


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        ([], 0.5, None), ([7], 0.5, 7), ([7], 0.99, 7), ([1, 2], 0.5, 1), ([1, 2, 3], 0.5, 2),
        (list(range(1, 101)), 0.99, 99), (list(range(1, 102)), 0.99, 100), (list(range(1, 101)), 1.0, 100),
        ([15, 20, 35, 40, 50], 0.3, 20),
    ],
)  # fmt: skip
def test_a_percentile_is_one_of_the_values(values: list[float], share: float, expected: float | None) -> None:
    """Nearest rank. The last example is the usual one of textbooks."""
    assert expected == percentile(values, share)


@pytest.mark.parametrize(
    ("answers", "expected"),
    [([], 10), ([5], 5), ([9], 9), ([1, 2, 8], 6), ([-3, 20], 10), ([8, 2, 5], 3)],
)
def test_the_longest_gap_includes_both_ends_of_the_window(answers: list[float], expected: float) -> None:
    assert expected == longest_gap(answers, Window(name="w", start=0, end=10))


def test_each_request_is_ok_failed_or_lost_and_in_one_window() -> None:
    found = [
        record(0.5), record(1.5, status=503), record(2.5, error="refused"), record(3.0, latency=2.0, instance="b1"),
        record(6.0, error="timeout", reused=True), record(7.0, status=302), record(7.5, latency=0.3, instance="b1"),
    ]  # fmt: skip
    load = result(found)
    summary = summarise(load, name="upgrade", windows=around(load, BEGAN + 2, BEGAN + 6))
    totals = summary.totals
    assert (7, 3, 2, 2, 1) == (totals.requests, totals.ok, totals.failed, totals.lost, totals.lost_on_reused)
    assert (0.3, 2.0, 2.0) == (totals.p50, totals.p99, totals.longest)
    assert {"503 from a1": 1, "302 from a1": 1, "refused": 1, "timeout": 1} == summary.errors
    assert {"a1": 1, "b1": 2} == summary.answered
    assert [("before", 2, 1, 1, 0), ("during", 2, 1, 0, 1), ("after", 3, 1, 1, 1)] == [
        (window.name, window.requests, window.ok, window.failed, window.lost) for window in summary.windows
    ]
    assert 4.4 == totals.gap, "from the answer at 0.6 s to that at 5 s"


def test_the_series_has_a_value_for_each_second() -> None:
    found = [
        record(0.2),
        record(0.4, latency=0.5),
        record(2.1, error="refused"),
        record(2.2, instance="b1"),
        record(2.9, status=500),
    ]
    series = summarise(result(found, seconds=4, lag=(0.01, 0.02)), name="x").series
    assert (1, (2, 0, 3, 0), (2, 0, 1, 0)) == (series.step, series.sent, series.ok)
    assert ((0, 0, 1, 0), (0, 0, 1, 0)) == (series.failed, series.lost)
    assert ((0.5, None, 0.1, None), (0.01, 0.02, 0.0, 0.0)) == (series.longest, series.lag)
    assert {"a1": (2, 0, 0, 0), "b1": (0, 0, 1, 0)} == series.instances


def test_a_long_load_has_a_bounded_series() -> None:
    """Every request is in it."""
    found = [record(at) for at in range(0, 7200, 7)]
    summary = summarise(result(found, seconds=7200, lag=[0.0] * 7200), name="soak")
    assert (12, MOST_ROWS) == (summary.series.step, summary.series.rows)
    assert len(found) == sum(summary.series.sent)
    assert len(json.dumps(encode(summary.event())[1])) < 60_000


def test_kinds_have_figures_of_their_own() -> None:
    summary = summarise(result([record(1), record(2, kind="write", error="timeout"), record(3)]), name="x")
    assert [("page", 2, 0), ("write", 0, 1)] == [(kind.name, kind.ok, kind.lost) for kind in summary.kinds]


def test_a_generator_that_was_late_is_said_to_be_too_slow() -> None:
    """Two of a hundred requests are enough, one is not."""
    slow = [record(at / 20, late=0.2 if at < 2 else 0.0) for at in range(100)]
    assert summarise(result(slow), name="x").is_too_slow
    slow[0] = record(0)
    assert not summarise(result(slow), name="x").is_too_slow


def session(
    at: float, event: str, *, number: int = 1, seconds: float = 0.0, form: str = "", why: str = ""
) -> SessionEvent:
    return SessionEvent(kind="board", session=number, at=BEGAN + at, event=event, seconds=seconds, form=form, why=why)


def test_a_session_is_broken_if_it_is_not_rejoined_within_five_seconds() -> None:
    """Session 1 comes back at once, 2 too late, 3 never, 4 is waiting when the load ends, 5 never joined."""
    events = [
        *(session(0, "joined", number=number) for number in (1, 2, 3, 4)),
        session(0.5, "refused", number=5), session(1, "lost"), session(1.2, "rejoined", seconds=0.2, form="kept"),
        session(1, "lost", number=2), session(7, "rejoined", number=2, seconds=6.0, form="lost"),
        session(1, "lost", number=3), session(1, "gave_up", number=3), session(9, "lost", number=4),
        *(session(10, "left", number=number, why="" if number < 3 else "broken") for number in (1, 2, 3, 4, 5)),
    ]  # fmt: skip
    summary = summarise(result([record(1)], sessions=events), name="x")
    figures = summary.sessions
    assert (5, 1, 4, 2, 3) == (figures.sessions, figures.never_joined, figures.lost, figures.rejoined, figures.broken)
    assert (1, 1, 0.2, 6.0) == (figures.forms_kept, figures.forms_lost, figures.p50, figures.longest)
    assert [(3, None, True), (2, 6.0, True), (4, None, False), (1, 0.2, False)] == [
        (one.session, one.seconds, one.is_broken) for one in summary.outages
    ]


def test_a_summary_is_the_same_after_the_journal() -> None:
    found = [record(0.5), record(1.5, status=503), record(2.5, error="refused")]
    events = [session(0, "joined"), session(1, "lost", why="cut"), session(3, "left", why="broken")]
    load = result(found, sessions=events, marks=[Mark(at=BEGAN + 1, text="b1 ready")])
    summary = summarise(load, name="upgrade", windows=around(load, BEGAN + 1, BEGAN + 2))
    name, keys = encode(summary.event(path="realistic", phase="upgrade"))
    assert "load.finished" == name
    assert summary == read_summary(decode(LoadFinished, json.loads(json.dumps(keys))))


def test_a_load_without_requests_has_figures_too() -> None:
    totals = summarise(result([]), name="x").totals
    assert (0, None, None, 10.0) == (totals.requests, totals.p50, totals.longest, totals.gap)


@pytest.mark.parametrize(
    "damaged", [{}, {"series": 3, "totals": [], "marks": [4, {}], "step": "x"}, {"series": {"sent": ["x"]}}]
)
def test_a_damaged_event_is_read_all_the_same(damaged: dict[str, object]) -> None:
    summary = read_summary(decode(LoadFinished, damaged))
    assert 0 == summary.totals.requests == sum(summary.series.sent)


@pytest.mark.parametrize(("instance", "release"), [("a1", "a"), ("b12", "b"), ("web", "web"), ("42", "42"), ("", "")])
def test_the_release_is_the_name_of_an_instance_without_its_number(instance: str, release: str) -> None:
    assert release == release_of(instance)
