"""The report of a campaign: what it says, that hostile text stays text, and that it is there whatever there was."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from rollout.report.campaign import campaign_page, write_campaign
from rollout.report.campaign_summary import campaign_summary
from rollout.report.interval_plot import Mark, picture
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
    """Nested properly, one id each, nothing loaded, a caption for each table and a scope for each head."""
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


def test_the_pages_say_what_the_trials_come_to(tmp_path: Path) -> None:
    """Headline, no winner where the interval holds zero, control, kills, promises, and lines to paste."""
    data = many()
    page = outline(write_campaign(tmp_path, data).read_text(encoding="utf-8")).text
    summary = (tmp_path / "summary.md").read_text(encoding="utf-8")

    for told in (page, summary):
        assert "Success in rehearsal, troubles as in the real world: realistic" in told
        assert "no winner: the interval holds zero" in told
        assert "incremental succeeds more often" in told
        assert "holds zero, as it should" in told
        assert "5 killed, after 4 of them recovery left nothing; 1 run ended before the kill" in told
        assert "left behind: process 4711" in told
        assert "its fault never bit" in told
        assert "its weights are divided by that" in told
    for part in (
        "promised: rolled back or refused", "promised: nothing", "requests that got 502", "assumption",
        "pytest --source=rehearsal --path=ambitious --seed=1 --keep=never", "folders and a repository beside",
        "it mounts file systems, which only root may", "1 trial changed something",
    ):  # fmt: skip
        assert part in page


def test_a_rehearsal_says_so_before_anything_else() -> None:
    """And real packages do not."""
    assert outline(campaign_page(many(blocks=2))).text.index("Rehearsal: stand-in packages") < 300
    assert "Rehearsal" in campaign_summary(many(blocks=2))
    for draw in (campaign_page, campaign_summary):
        assert "Rehearsal" not in draw(stories()["real"])


def test_a_page_is_drawn_again_from_its_own_data(tmp_path: Path) -> None:
    """campaign.json is enough, and drawing it changes nothing."""
    first = write_campaign(tmp_path / "a", many(blocks=4))
    data = json.loads((tmp_path / "a" / "campaign.json").read_text(encoding="utf-8"))
    again = write_campaign(tmp_path / "b", data)

    for name in ("report.html", "summary.md", "campaign.json"):
        assert (first.parent / name).read_text("utf-8") == (again.parent / name).read_text("utf-8")
    assert {"done", "void", "median_seconds", "measured", "mix", "trials"} <= data.keys()


def test_hostile_text_stays_text() -> None:
    """Whatever a tool printed or a name holds: on the page, and in Markdown."""
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


def test_nothing_and_only_void_are_said_plainly() -> None:
    """No rate of nothing."""
    for story, sentence in (("nothing", "No trial was made"), ("void", "No trial counts, so there is no rate.")):
        told = outline(campaign_page(stories()[story])).text
        assert sentence in told
        assert "Nothing can be said" in told


def test_a_picture_keeps_its_marks_inside() -> None:
    """Ends and middle from 3 to 97 per cent of the width; zero in the middle of a difference."""
    marks = [Mark(label="a", value="", words="w", low=-2.0, middle=0.0, high=1.0)]
    drawn = picture("d", "t", marks, least=-1, most=1)
    assert drawn is not None
    assert (drawn.rows[0].low, drawn.rows[0].middle, drawn.rows[0].high) == (3.0, 50.0, 97.0)
    assert [tick.is_zero for tick in drawn.ticks] == [False, False, True, False, False]
    assert "a: w" in drawn.desc
    assert picture("d", "t", [], least=0, most=1) is None


def test_colour_is_never_alone() -> None:
    """Every state has its words: promised beside found, and what was broken in words."""
    seen: Outline = outline(campaign_page(campaign([row(["refused"])])))
    assert "1 not as promised" in seen.text
    assert "promised: refused" in seen.text
