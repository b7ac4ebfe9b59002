"""Builds the introduction of pytest-html's page: one sentence per path and a link to report.html. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from rollout.journal.query import Event
from rollout.report.page import TEMPLATES, environment
from rollout.report.wording import badge, path_sentence, rehearsal_words
from rollout.results.verdict import verdict

STYLE = TEMPLATES / "tests.css"


def panel(events: Sequence[Event]) -> str:
    """An HTML fragment for the top of pytest-html's page."""
    judged = verdict(events)
    return (
        environment()
        .get_template("panel.html.jinja")
        .render(
            rehearsal=rehearsal_words(judged.application) if judged.rehearsal else "",
            paths=tuple((badge(judged, path), path_sentence(judged, path)) for path in judged.paths),
            reason=judged.reason or "No path was started.",
        )
    )


def script() -> str:
    """The script that makes pytest-html's page usable on a phone and by keyboard. It follows the panel."""
    return f"<script>{(TEMPLATES / 'pytest-html.js').read_text(encoding='utf-8')}</script>"
