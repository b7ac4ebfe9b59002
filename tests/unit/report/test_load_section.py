"""The section about loads: numbers, drawing, text equivalents, bounds."""

from __future__ import annotations

import itertools
import json
import re
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from rollout.config.options import ROOT
from rollout.journal.events.base import decode
from rollout.journal.events.loads import LoadFinished
from rollout.report import page, summary
from rollout.report.load_chart import Chart, chart, tones
from rollout.report.load_section import latency, loads, outcome_sentence
from rollout.results.load import read_summary
from rollout.results.verdict import as_json, verdict
from tests.unit.report import golden
from tests.unit.report import loads as stories
from tests.unit.report.journals import HOSTILE
from tests.unit.report.outline import outline

BAD = stories.summary(stories.badly, name="Upgrade without a drain")
GOOD = stories.summary()
LOST = sum(record.outcome == "lost" for record in stories.result(stories.badly).requests)
FAILED = sum(record.outcome == "failed" for record in stories.result(stories.badly).requests)


def drawn(made: Any) -> Chart:
    found = chart(made)
    assert found
    return found


def test_the_story_has_losses_and_failures() -> None:
    """Else the tests below would prove nothing."""
    assert LOST > 20
    assert FAILED > 10
    assert (LOST, FAILED, 0, 0) == (BAD.totals.lost, BAD.totals.failed, GOOD.totals.lost, GOOD.totals.failed)


def test_page_and_summary_name_the_losses() -> None:
    events = golden.upgraded()
    kept = sum(record.outcome == "lost" and record.reused for record in stories.result(stories.badly).requests)
    lost = f"{LOST} were lost ({kept} of them on kept connections)"
    sentence = f"Of {BAD.totals.requests:,} requests, {lost} and {FAILED} failed."
    for report in (page(events), summary(events)):
        assert sentence in report
        assert f"All {GOOD.totals.requests:,} requests were answered as expected." in report
        assert "The load generator itself was too slow" in report
        assert "b1 ready" in report
        assert "reset_before_bytes" in report


def test_the_example_of_the_documentation_is_that_of_the_story() -> None:
    """Each of its lines is a line of the summary."""
    guide = (ROOT / "docs" / "how-to" / "read-the-upgrades-time-line.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```markdown\n(.*?)```", guide, re.DOTALL)
    assert set() == set(example.splitlines()) - set(summary(golden.upgraded()).splitlines())


def test_a_run_without_a_load_has_no_section() -> None:
    assert "Upgrade under load" not in page(golden.passed())
    assert "Upgrade under load" not in summary(golden.passed())


def test_the_verdict_has_the_same_figures() -> None:
    load = as_json(verdict(golden.upgraded()))["paths"]["realistic"]["load"]
    assert ["Upgrade from a to b", "Upgrade without a drain", "Slow generator"] == [each["name"] for each in load]
    assert [False, False, True] == [each["too_slow"] for each in load]
    bad = load[1]
    assert (LOST, FAILED) == (bad["totals"]["lost"], bad["totals"]["failed"])
    assert LOST == sum(window["lost"] for window in bad["windows"])
    assert 1 == bad["sessions"]["broken"]
    assert [] == as_json(verdict(golden.passed()))["paths"]["realistic"]["load"]


def test_the_table_has_what_the_drawing_shows() -> None:
    """Nothing is only in the picture: the table, in at most 60 rows, adds up to the totals."""
    (view,) = loads([{"event": "load.finished", **stories.event(BAD)}])
    moments = view.moments
    assert len(moments) <= 60
    assert BAD.totals.requests == sum(int(moment.requests.replace(",", "")) for moment in moments)
    assert LOST == sum(int(moment.lost) for moment in moments)
    for place, name in enumerate(view.instances):
        assert BAD.answered[name] == sum(int(moment.answers[place]) for moment in moments)


def test_losses_are_bands_with_their_number_at_their_time() -> None:
    made = drawn(BAD)
    assert LOST == sum(int(band.label) for band in made.lost)
    assert FAILED == sum(int(band.label) for band in made.failed)
    first, second = made.lost
    assert first.left <= 24.4 / 60 * 100 <= first.left + first.width
    assert second.left <= 35.5 / 60 * 100 <= second.left + second.width
    assert all(band.width >= 0.6 for band in (*made.lost, *made.failed))
    assert not drawn(GOOD).lost


def test_the_areas_are_stacked_up_to_all_requests() -> None:
    """The path of the last area reaches the rate of all requests in each second."""
    made = drawn(BAD)
    assert ["a1", "a2", "b1", "b2", "failed", "lost"] == [area.name for area in made.areas]
    assert BAD.totals.requests == sum(area.count for area in made.areas)
    top = float(made.rates[-1].label)
    heights = [float(height) for height in re.findall(r"V([\d.]+)H", made.areas[-1].path)][: BAD.series.rows]
    for height, sent in zip(heights, BAD.series.sent, strict=True):
        assert abs((1 - height / 100) * top - sent) < 0.1


def test_latencies_lie_between_the_lines_of_the_scale() -> None:
    """Median and p99 at the same place on a scale of powers of ten."""
    made = drawn(GOOD)
    assert ["10 ms", "100 ms", "1 s"] == [level.label for level in made.latencies]
    (median,) = (line for line in made.lines if line.kind == "p50")
    first = float(re.match(r"M0 ([\d.]+)H", median.path)[1])  # type: ignore[index]
    value = 10 ** (-2 + (1 - first / 100) * 2)
    assert GOOD.series.p50[0] is not None
    assert abs(value - GOOD.series.p50[0]) < 0.002


def test_a_second_without_an_answer_breaks_the_line() -> None:
    data = stories.event(GOOD)
    for column in ("p50", "p99", "longest"):
        data["series"][column] = (0.1, None, 0.1, *([None] * 57))
    for line in drawn(read_summary(decode(LoadFinished, data))).lines:
        assert 2 == line.path.count("M")


def test_flags_do_not_cover_each_other() -> None:
    flags = drawn(GOOD).flags
    assert [text for _, text in stories.STEPS] == [flag.text for flag in flags]
    for lane in {flag.lane for flag in flags}:
        places = [flag.left for flag in flags if flag.lane == lane]
        assert all(after - before >= 3.6 for before, after in itertools.pairwise(places))


def test_each_release_has_a_colour_and_each_instance_a_shade() -> None:
    assert {"a1": "rel-0 ins-0", "a2": "rel-0 ins-1", "b1": "rel-1 ins-0"} == tones(("a1", "a2", "b1"))
    assert "rel-0 ins-0" == tones([f"r{number}" for number in "abcde"])["re"]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, "–"), (0.0041, "4.1 ms"), (0.0383, "38 ms"), (0.99, "990 ms"), (1.354, "1.35 s"), (12.2, "12 s")],
)
def test_a_latency_has_the_unit_that_people_use(seconds: float | None, words: str) -> None:
    assert words == latency(seconds)


@pytest.mark.parametrize(
    ("lost", "failed", "sentence"),
    [
        (0, 0, "All 9 requests were answered as expected. None was lost, none failed."),
        (1, 0, "Of 9 requests, 1 was lost and none failed."),
        (0, 2, "Of 9 requests, none were lost and 2 failed."),
    ],
)
def test_the_sentence_about_the_outcome(lost: int, failed: int, sentence: str) -> None:
    totals = read_summary(decode(LoadFinished, {"totals": {"requests": 9, "lost": lost, "failed": failed}})).totals
    assert sentence == outcome_sentence(totals)


def test_hostile_names_stay_text() -> None:
    """Names of loads, instances, marks and reasons come from outside."""
    data = json.loads(json.dumps(stories.event(BAD)).replace("a1", json.dumps(HOSTILE)[1:-1]))
    data |= {"name": HOSTILE, "phase": HOSTILE}
    events = [*golden.passed()[:-2], {**golden.passed()[-3], "event": "load.finished", **data}, *golden.passed()[-2:]]
    tags = outline(page(events)).tags
    assert [("script", {})] == [tag for tag in tags if tag[0] == "script"]
    assert not [tag for tag, _ in tags if tag == "img"]
    summary(events)


def test_a_load_without_requests_has_no_drawing() -> None:
    (view,) = loads([{"event": "load.finished", "name": "", "totals": {}}])
    assert (None, "failed", "No request was due.") == (view.chart, view.state, view.sentence)


def test_forty_loads_are_drawn_and_no_more() -> None:
    assert 40 == len(loads([{"event": "load.finished"}] * 50))


_NUMBER = st.one_of(st.none(), st.booleans(), st.integers(-(10**20), 10**20), st.floats(), st.text(max_size=3))
_COLUMN = st.lists(_NUMBER, max_size=8)
_ROW = st.dictionaries(st.sampled_from(["name", "text", "why", "at", "start", "seconds", "waited", "session"]), _NUMBER)
_DAMAGED = st.fixed_dictionaries(
    {},
    optional={
        "name": _NUMBER, "began": _NUMBER, "seconds": _NUMBER, "step": _NUMBER, "totals": _ROW, "sessions": _ROW,
        "windows": st.lists(_ROW, max_size=3), "marks": st.lists(_ROW, max_size=3), "lag": _ROW,
        "outages": st.lists(_ROW, max_size=3), "errors": st.dictionaries(st.text(max_size=3), _NUMBER, max_size=3),
        "series": st.fixed_dictionaries({"sent": st.lists(st.integers(1, 10**12), min_size=1, max_size=8)}, optional={
            **dict.fromkeys(("ok", "failed", "lost", "p50", "p99", "longest", "lag"), _COLUMN),
            "instances": st.dictionaries(st.text(max_size=3), _COLUMN, max_size=3)}),
    },
)  # fmt: skip


@hypothesis.given(_DAMAGED)
def test_a_damaged_event_is_drawn_within_its_box(damaged: dict[str, Any]) -> None:
    """Whatever the journal says: every place is in the drawing, and every shape has finite numbers."""
    (view,) = loads([{"event": "load.finished", **damaged}])
    if view.chart is None:
        return
    made = view.chart
    for band in (*made.lost, *made.failed, *made.away, *made.windows):
        assert 0 <= band.left <= band.left + band.width <= 100.1
    assert all(0 <= flag.left <= 100 for flag in made.flags)
    for path in (*(area.path for area in made.areas), *(drawn_line.path for drawn_line in made.lines)):
        assert not re.search("inf|nan", path)
