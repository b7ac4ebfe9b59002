"""Builds report.html from the events of a run. The page loads no other file.

Jinja escapes all output of tools and all names. Only our own style sheet and script are marked as safe, and the policy
of the page allows no other script.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from rollout.application import APPLICATION
from rollout.journal.query import Event
from rollout.report.attachments import ReadLog, attach, no_logs
from rollout.report.load_section import METHOD
from rollout.report.view import View, view
from rollout.report.wording import (
    NO_SERVER,
    badge,
    checks_words,
    exit_sentence,
    headline,
    in_words,
    path_sentence,
    phase_words,
    rehearsal_words,
    rollback_words,
)
from rollout.text.plain import counted, duration, line, slug

TEMPLATES = Path(__file__).with_name("templates")
# The choices of the filter: a word, and the states of a cell that it selects.
CHOICES = (
    ("failed", ("failed",)),
    ("blocked", ("blocked",)),
    ("skipped", ("skipped",)),
    ("passed", ("passed",)),
    ("rolled back", ("restored",)),
    ("residue", ("dirty", "left")),
    ("not attempted", ("not_attempted", "not_reached", "not_asked")),
)


def page(events: Sequence[Event], read_log: ReadLog = no_logs) -> str:
    """The HTML page. `read_log`: returns the content of a log by its name in the run's folder, None without one."""
    shown = view(events)
    script = _text("page.js")
    return (
        environment()
        .get_template("page.html.jinja")
        .render(
            run=shown,
            title=title(shown.verdict.run, shown.verdict.application),
            application=shown.verdict.application,
            headline=headline(shown.verdict),
            exit=exit_sentence(shown.verdict, shown.gate),
            rehearsal=rehearsal_words(shown.verdict.application) if shown.verdict.rehearsal else "",
            failed_checks=tuple(_failed_checks(shown)),
            attached=attach(_logs(shown), read_log),
            choices=_choices(shown),
            sections=tuple(_sections(shown)),
            policy=_policy(script),
            style=Markup("".join(map(_text, ("page.css", "load.css")))),  # noqa: S704  our own files
            script=Markup(script),  # noqa: S704  our own file
        )
    )


def _text(template: str) -> str:
    return (TEMPLATES / template).read_text(encoding="utf-8")


def title(run: str, application: str) -> str:
    """The heading of a report about an application."""
    return f"{line(application, 80)} deployment {line(run, 80)}".strip()


@functools.cache
def environment() -> Environment:
    """The Jinja environment: it escapes all values, and an undefined name is an error."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    made.globals["application"] = APPLICATION.title
    made.filters.update(
        duration=duration,
        line=line,
        slug=slug,
        counted=counted,
        phase_words=phase_words,
        rollback_words=rollback_words,
        checks_words=checks_words,
        in_words=in_words,
    )
    made.globals.update(path_sentence=path_sentence, badge=badge, no_server=NO_SERVER, load_method=METHOD)
    made.tests["web"] = lambda value: str(value).startswith(("http://", "https://"))
    return made


def _policy(script: str) -> str:
    """The Content-Security-Policy: the page loads nothing and runs only our script."""
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    return (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; base-uri 'none'; "
        "form-action 'none'"
    )


def _logs(shown: View) -> Iterator[str]:
    """The logs to embed: of failed phases, then of failed checks."""
    for path in shown.paths:
        for failure in path.failures:
            if failure.log_link:
                yield failure.log
    for group in shown.grid:
        for row in group.rows:
            for cell in row.details:
                if cell.command:
                    yield cell.command.log


def _failed_checks(shown: View) -> Iterator[tuple[str, str, str, str]]:
    """Path, group, title and anchor of each failed check, without those that report a failed phase."""
    for group in shown.grid:
        for row in group.rows:
            for cell in row.cells:
                if cell.state == "failed" and cell.failure is None:
                    yield cell.path, group.name, row.title, row.anchor


def _choices(shown: View) -> tuple[tuple[str, str, int], ...]:
    """Word, states and number of cells of each choice that selects at least one cell."""
    present = Counter(cell.state for group in shown.grid for row in group.rows for cell in row.cells)
    counts = ((word, " ".join(states), sum(present[state] for state in states)) for word, states in CHOICES)
    return tuple(choice for choice in counts if choice[2])


def _sections(shown: View) -> Iterator[tuple[str, str]]:
    """Anchor and title of every section with content."""
    yield "paths", "Verdict"
    sections = {
        "failures": ("Failures", any(path.failures for path in shown.paths) or any(_failed_checks(shown))),
        "blame": ("Blame", bool(shown.blames)),
        "comparison": ("Claims and measurements", bool(shown.comparison.paths or shown.comparison.problem)),
        "timeline": ("Timeline", bool(shown.paths)),
        "load": ("Upgrade under load", bool(shown.loads)),
        "releases": ("Releases", bool(shown.releases)),
        "checks": ("Checks", bool(shown.grid)),
        "migrations": ("Migrations", bool(shown.migrations)),
        "packages": ("Packages", bool(shown.inventory)),
        "matrix": ("Compatibility", bool(shown.matrices)),
        "notes": ("Decisions and retries", any(path.notes or path.retries for path in shown.paths)),
        "history": ("Earlier runs", bool(shown.trends.paths or shown.trends.problem or shown.trends.skipped)),
        "about": ("About this run", True),
    }
    yield from ((anchor, name) for anchor, (name, has_content) in sections.items() if has_content)
