"""The report of a campaign: content, escaping of hostile text, and campaigns without usable trials."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from rollout.report.campaign.summary import campaign_summary
from rollout.report.campaign.writer import campaign_page, write_campaign
from rollout.report.interval_plot import Interval, plot
from rollout.results.campaign.trouble_mix import as_rows, load_troubles
from tests.unit.report.campaigns import MIX, PATHS, campaign, many, row
from tests.unit.report.journals import HOSTILE
from tests.unit.report.outline import Outline, outline

CONTROL = {"kind": "control", "fault": "", "family": "", "form": "", "group": "", "phase": ""}


def stories() -> dict[str, dict[str, Any]]:
    void: dict[str, Any] = {"outcome": "void", "settled": "void", "bites": 0, "evidence": ()}
    return {
        "many": many(blocks=12),
        "nothing": campaign(),
        "void": campaign([row(of={"path": path}, **void) for path in PATHS]),
        "one": campaign([row(["rolled_back"], of={"number": 1})], paths=["realistic"]),
        "bare": {"trials": [row()]},
        "empty": {},
        "real": campaign([row(population="real")], rehearsal=False, population="real"),
    }


@pytest.mark.parametrize("story", stories())
def test_every_campaign_draws_a_well_formed_page(story: str) -> None:
    """Properly nested, unique ids, no external resources, a caption for each table, a scope for each head."""
    page = campaign_page(stories()[story])
    tags = outline(page).tags
    ids = [attributes["id"] for _, attributes in tags if "id" in attributes]

    assert ("html", {"lang": "en"}) in tags
    assert not [tag for tag, _ in tags if tag in {"script", "link", "img", "iframe", "object"}]
    assert len(ids) == len(set(ids))
    assert page.count("<table") == page.count("<caption")
    assert all(attributes.get("scope") for tag, attributes in tags if tag == "th")
    assert all(attributes.get("aria-labelledby") for tag, attributes in tags if tag == "svg" and "role" in attributes)
    links = [attributes["href"] or "" for tag, attributes in tags if tag == "a"]
    assert {link[1:] for link in links if link.startswith("#")} <= set(ids)


def test_page_and_summary_have_the_results(tmp_path: Path) -> None:
    """Headline, differences, control, kills, expected outcomes, and commands that repeat trials."""
    data = many()
    page = outline(write_campaign(tmp_path, data).read_text(encoding="utf-8")).text
    summary = (tmp_path / "summary.md").read_text(encoding="utf-8")

    for report in (page, summary):
        assert "Real-world success, in rehearsal: realistic" in report
        assert "no winner: the interval contains zero" in report
        assert "incremental succeeds more often" in report
        assert "contains zero, as expected" in report
        assert "5 killed; recovery left nothing after 4 of them; 1 run ended before the kill" in report
        assert "left behind: process 4711" in report
        assert "its fault never bit" in report
        assert "its weights are divided by that" in report
    for part in (
        "expected: rolled back or refused", "expected: anything", "requests that got 502", "assumption",
        "pytest --source=rehearsal --path=ambitious --seed=1 --keep=never", "folders and a repository beside",
        "it mounts file systems, which only root may", "1 trial changed something",
    ):  # fmt: skip
        assert part in page


def test_a_rehearsal_is_named_at_the_top() -> None:
    """A campaign with real packages does not mention it."""
    assert outline(campaign_page(many(blocks=2))).text.index("Rehearsal: stand-in packages") < 300
    assert "Rehearsal" in campaign_summary(many(blocks=2))
    for draw in (campaign_page, campaign_summary):
        assert "Rehearsal" not in draw(stories()["real"])


def test_a_page_is_drawn_again_from_its_own_data(tmp_path: Path) -> None:
    """campaign.json is enough, and the result is the same."""
    first = write_campaign(tmp_path / "a", many(blocks=4))
    data = json.loads((tmp_path / "a" / "campaign.json").read_text(encoding="utf-8"))
    again = write_campaign(tmp_path / "b", data)

    for name in ("report.html", "summary.md", "campaign.json"):
        assert (first.parent / name).read_text("utf-8") == (again.parent / name).read_text("utf-8")
    assert {"done", "void", "median_seconds", "measured", "mix", "trials"} <= data.keys()


def test_hostile_text_stays_text() -> None:
    """On the page and in Markdown, in output of tools and in names."""
    of = dict.fromkeys(("path", "fault", "family", "group", "phase", "form"), HOSTILE)
    hostile = campaign(
        [row([HOSTILE], HOSTILE, of=of, evidence=(HOSTILE,), message=HOSTILE, cause=HOSTILE, failed_at=HOSTILE,
             owed=(HOSTILE,), changed=(HOSTILE,)),
         row(of={**CONTROL, "path": HOSTILE, "arm": HOSTILE}), row(of={**of, "kind": "kills"}, changed=(HOSTILE,))],
        run=HOSTILE, started=HOSTILE, forge=HOSTILE, source={"kind": HOSTILE, "detail": HOSTILE}, decoys=[HOSTILE],
        left_out={HOSTILE: HOSTILE}, paths=[HOSTILE],
        faults={HOSTILE: {"family": HOSTILE, "text": HOSTILE, "bites": HOSTILE, "lasts": HOSTILE}},
        mix=[{**one, "because": HOSTILE, "source": HOSTILE} for one in as_rows(load_troubles(known=MIX))[:2]],
    )  # fmt: skip
    page, summary = campaign_page(hostile), campaign_summary(hostile)
    seen = outline(page)

    assert not [tag for tag, _ in seen.tags if tag in {"script", "img"}]
    assert not [attributes for _, attributes in seen.tags if any(name.startswith("on") for name in attributes)]
    assert "<script>alert(1)</script>" in seen.text
    assert "\x1b" not in page + summary
    outside_code = re.sub(r"`[^`\n]*`", "", re.sub(r"\\.", "", summary))
    assert "<script" not in outside_code
    assert "](javascript" not in outside_code


def test_a_campaign_without_counted_trials_has_no_rates() -> None:
    """Neither one without trials nor one with void trials only."""
    for story, sentence in (("nothing", "No trial was run"), ("void", "No trial counts, so there is no rate.")):
        text = outline(campaign_page(stories()[story])).text
        assert sentence in text
        assert "Not measured: the counted trials cover less than half of the mix" in text


def test_a_plot_keeps_its_intervals_inside() -> None:
    """Positions are from 3 to 97 per cent of the width. Zero is in the middle of a difference."""
    intervals = [Interval(label="a", value="", words="w", low=-2.0, middle=0.0, high=1.0)]
    drawn = plot("d", "t", intervals, least=-1, most=1)
    assert drawn is not None
    assert (drawn.rows[0].low, drawn.rows[0].middle, drawn.rows[0].high) == (3.0, 50.0, 97.0)
    assert [tick.is_zero for tick in drawn.ticks] == [False, False, True, False, False]
    assert "a: w" in drawn.desc
    assert plot("d", "t", [], least=0, most=1) is None


def test_every_state_is_in_words_too() -> None:
    """Colour is not the only sign of an unexpected trial."""
    seen: Outline = outline(campaign_page(campaign([row(["refused"])])))
    assert "1 unexpected" in seen.text
    assert "expected: refused" in seen.text
