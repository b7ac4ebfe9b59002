"""The HTML of a verdict: a panel for the top of pytest-html's report, or a page of its own. Pure.

Everything that was printed or named by others goes through Jinja's autoescape; only our own style sheet and
script are marked as safe.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from rollout.journal.questions import Event
from rollout.report.text import duration, line
from rollout.report.view import View, view
from rollout.report.wording import REHEARSAL, badge, path_sentence, phase_words, rollback_words

TEMPLATES = Path(__file__).with_name("templates")
STYLE = TEMPLATES / "report.css"
_KINDS = ("passed", "restored", "retried", "failed", "interrupted", "rollback", "dirty")


def panel(events: Sequence[Event], *, with_checks: bool = False) -> str:
    """The panel as an HTML fragment: verdict, facts, failures, timeline, phases, packages, decisions."""
    shown = view(events)
    return (
        _environment()
        .get_template("panel.html.jinja")
        .render(
            verdict=shown.verdict,
            facts=shown.facts,
            paths=shown.paths,
            recovered=shown.recovered,
            rehearsal=REHEARSAL,
            sentences={path.verdict.name: path_sentence(shown.verdict, path.verdict) for path in shown.paths},
            badges={path.verdict.name: badge(shown.verdict, path.verdict) for path in shown.paths},
            kinds={path.verdict.name: _kinds(shown, path.verdict.name) for path in shown.paths},
            with_checks=with_checks,
        )
    )


def page(events: Sequence[Event]) -> str:
    """A whole HTML page, for a run whose report by pytest-html was never written (it was killed)."""
    run = next((str(event["run"]) for event in events if event.get("run")), "")
    return (
        _environment()
        .get_template("page.html.jinja")
        .render(
            title=title(run),
            style=Markup(STYLE.read_text(encoding="utf-8")),  # noqa: S704  our own file
            panel=Markup(panel(events, with_checks=True)),  # noqa: S704  rendered with autoescape above
        )
    )


def title(run: str) -> str:
    """The heading of a report."""
    return f"XAVOS deployment {line(run, 80)}".strip()


def script() -> str:
    """What makes pytest-html's page readable on a phone and by keyboard; placed right after the panel."""
    return f"<script>{(TEMPLATES / 'pytest-html.js').read_text(encoding='utf-8')}</script>"


def _kinds(shown: View, name: str) -> tuple[str, ...]:
    path = next(path for path in shown.paths if path.verdict.name == name)
    present = {part.kind for bar in path.bars for part in bar.segments}
    return tuple(kind for kind in _KINDS if kind in present)


def _environment() -> Environment:
    made = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined)
    made.filters.update(duration=duration, line=line, phase_words=phase_words, rollback_words=rollback_words)
    made.tests["web"] = lambda value: str(value).startswith(("http://", "https://"))
    return made
