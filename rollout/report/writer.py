"""Writes the reports of a run into its folder, each atomically: verdict.json, summary.md, comment.md, report.html."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import unquote

from rollout.journal.query import Event
from rollout.report.attachments import logs_in
from rollout.report.campaign_results import without_dead_links
from rollout.report.page import page
from rollout.report.summary import comment, summary
from rollout.results.verdict import as_json, verdict

PAGE = "report.html"
TESTS_PAGE = "tests.html"
_STEP_SUMMARY_LIMIT = 1024 * 1024


def write_reports(folder: Path, events: Sequence[Event]) -> Path:
    """Write the reports of a run into its folder; returns the path of the page.

    The page embeds logs of failures from the folder. Raises OSError if the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    events = without_dead_links(events, lambda href: (folder / unquote(href)).is_file())
    write_whole(folder / "verdict.json", json.dumps(as_json(verdict(events)), indent=2, ensure_ascii=False) + "\n")
    write_whole(folder / "summary.md", summary(events))
    write_whole(folder / "comment.md", comment(events))
    return write_whole(folder / PAGE, page(events, logs_in(folder)))


def append_step_summary(text: str, environment: Mapping[str, str]) -> None:
    """Append the summary to the job page of GitHub Actions, if there is one. Never raises OSError."""
    target = environment.get("GITHUB_STEP_SUMMARY")
    if not target:
        return
    try:
        path = Path(target)
        if not path.exists() or path.stat().st_size + len(text.encode()) < _STEP_SUMMARY_LIMIT:
            with path.open("a", encoding="utf-8") as file:
                file.write(text + "\n")
    except OSError:
        return


def write_whole(path: Path, text: str) -> Path:
    """Write a file atomically, by a temporary file and a rename. A reader sees the old or the new text."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return path
