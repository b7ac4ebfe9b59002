"""Writes report.html, summary.md and campaign.json of a campaign.

All three come from one mapping. Its keys are in rollout/results/campaign/summary.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

from rollout.report import campaign_summary, campaign_words
from rollout.report.campaign_view import CampaignView, view
from rollout.report.page import TEMPLATES, environment
from rollout.report.writer import PAGE, write_whole
from rollout.results.campaign.summary import completed

DATA, SUMMARY = "campaign.json", "summary.md"
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def write_campaign(folder: Path, data: Mapping[str, Any]) -> Path:
    """Draw all three into the folder; returns the page. `data` may itself be an earlier campaign.json.

    Raises ValueError for trials of several populations, and OSError where the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shown = view(data)
    told = completed(data, shown.found)
    write_whole(folder / DATA, json.dumps(told, indent=1, ensure_ascii=False) + "\n")
    write_whole(folder / SUMMARY, campaign_summary.drawn(shown))
    return write_whole(folder / PAGE, _page(shown))


def read_campaign(folder: Path) -> Mapping[str, Any]:
    """campaign.json of a folder; empty where there is none that can be read."""
    try:
        data = json.loads((folder / DATA).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}


def campaign_page(data: Mapping[str, Any]) -> str:
    """The whole page: one file without a script. Raises ValueError for trials of several populations."""
    return _page(view(data))


def _page(shown: CampaignView) -> str:
    style = "".join((TEMPLATES / name).read_text(encoding="utf-8") for name in ("page.css", "campaign.css"))
    return (
        environment()
        .get_template("campaign.html.jinja")
        .render(
            campaign=shown,
            words=campaign_words,
            sections=tuple(_sections(shown)),
            policy=_POLICY,
            style=Markup(style),  # noqa: S704  our own files
        )
    )


def _sections(shown: CampaignView) -> Iterator[tuple[str, str]]:
    """Anchor and name of every section that is there."""
    there = {
        "world": ("Real world", True),
        "unexpected": ("Not as promised", bool(shown.unexpected)),
        "rates": ("Rates", True),
        "differences": ("Differences", shown.differences is not None),
        "control": ("A/A control", bool(shown.found.controls)),
        "grid": ("Path × fault × phase", bool(shown.families)),
        "kills": ("Kill loop", bool(shown.found.kills)),
        "void": ("Void", bool(shown.voids)),
        "trials": ("Trials", True),
        "about": ("About", True),
    }
    yield from ((anchor, name) for anchor, (name, is_there) in there.items() if is_there)
