"""Writes report.html, summary.md and campaign.json of a campaign.

All three come from one mapping, whose keys are listed in rollout/results/campaign/summary.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

from rollout.report.campaign import wording
from rollout.report.campaign.summary import summary_of
from rollout.report.campaign.view import CampaignView, view
from rollout.report.page import TEMPLATES, environment
from rollout.report.writer import PAGE, write_whole
from rollout.results.campaign.summary import completed

DATA, SUMMARY = "campaign.json", "summary.md"
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def write_campaign(folder: Path, data: Mapping[str, Any]) -> Path:
    """Write the three files into the folder and return the page. `data` may be an earlier campaign.json.

    Raises ValueError for trials of several populations, OSError if the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shown = view(data)
    write_whole(folder / DATA, json.dumps(completed(data, shown.found), indent=1, ensure_ascii=False) + "\n")
    write_whole(folder / SUMMARY, summary_of(shown))
    return write_whole(folder / PAGE, _page(shown))


def read_campaign(folder: Path) -> Mapping[str, Any]:
    """The content of campaign.json in a folder; {} if it is missing or unreadable."""
    try:
        data = json.loads((folder / DATA).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}


def campaign_page(data: Mapping[str, Any]) -> str:
    """The HTML page of a campaign, without scripts. Raises ValueError for trials of several populations."""
    return _page(view(data))


def _page(shown: CampaignView) -> str:
    style = "".join((TEMPLATES / name).read_text(encoding="utf-8") for name in ("page.css", "campaign.css"))
    return (
        environment()
        .get_template("campaign.html.jinja")
        .render(
            campaign=shown,
            words=wording,
            sections=tuple(_sections(shown)),
            policy=_POLICY,
            style=Markup(style),  # noqa: S704  our own files
        )
    )


def _sections(shown: CampaignView) -> Iterator[tuple[str, str]]:
    """Anchor and title of every section with content."""
    sections = {
        "world": ("Real-world success", True),
        "unexpected": ("Unexpected trials", bool(shown.unexpected)),
        "rates": ("Rates", True),
        "differences": ("Differences", shown.differences is not None),
        "control": ("A/A control", bool(shown.found.controls)),
        "grid": ("Path × fault × phase", bool(shown.families)),
        "kills": ("Kills", bool(shown.found.kills)),
        "void": ("Void trials", bool(shown.voids)),
        "trials": ("Trials", True),
        "about": ("About", True),
    }
    yield from ((anchor, name) for anchor, (name, has_content) in sections.items() if has_content)
