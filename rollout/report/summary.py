"""summary.md: the verdict in Markdown, for people and for a CI's job page; always under 1,000 KiB. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from rollout.journal.questions import Event
from rollout.report.text import duration, line
from rollout.report.view import FailureView, PathView, View, view
from rollout.report.wording import REHEARSAL, badge, checks_words, path_sentence, phase_words, rollback_words

LIMIT = 1_000 * 1024
_SPECIAL = re.compile(r"([\\`*\[\]#|]|~~|(?<!\w)_|_(?!\w))")


def summary(events: Sequence[Event]) -> str:
    """The whole summary as GitHub-flavoured Markdown."""
    shown = view(events)
    text = "\n".join(_parts(shown)) + "\n"
    data = text.encode("utf-8")
    if len(data) < LIMIT:
        return text
    return data[: LIMIT - 100].decode("utf-8", "ignore") + "\n\n*cut here: report.html has the rest*\n"


def _parts(shown: View) -> Iterator[str]:
    yield f"# XAVOS deployment {_cell(shown.verdict.run)}\n"
    if shown.verdict.rehearsal:
        yield f"> **{REHEARSAL}**\n"
    for path in shown.paths:
        sentence = _cell(path_sentence(shown.verdict, path.verdict), 2000)
        yield f"**{_cell(badge(shown.verdict, path.verdict))}**: {sentence}\n"
    if not shown.paths:
        yield f"{_cell(shown.verdict.reason or 'No path was begun.')}\n"
    for told in shown.recovered:
        yield f"An earlier run was recovered first: {_cell(told)}\n"
    for label, value in shown.facts:
        yield f"- {label}: {_cell(value, 500)}"
    for path in shown.paths:
        yield from _path(path)


def _path(path: PathView) -> Iterator[str]:
    judged = path.verdict
    yield f"\n## Path {_cell(judged.name)}\n"
    for failure in path.failures:
        yield from _failure(failure)
    if judged.residue:
        yield "### Left behind\n"
        yield from (f"- {_cell(thing)}" for thing in judged.residue[:100])
        yield ""
    if path.kept:
        manage, remove = _code(path.kept.get("manage", "")), _code(path.kept.get("remove", ""))
        url = path.kept.get("url", "")
        up = f"XAVOS answers at {_cell(url)} (manage: {manage}" if url else "What was deployed stays; no server runs ("
        yield f"{up}{', ' if url else ''}remove: {remove}).\n"
    yield "| Phase | Outcome | Duration | Rollback |\n| --- | --- | ---: | --- |"
    for phase in judged.phases[:200]:
        cells = (phase.name, phase_words(phase), duration(phase.seconds), rollback_words(phase))
        yield _row(cells)
    yield f"\n{checks_words(judged)}.\n"
    troubled = [check for check in path.checks if check.outcome not in {"passed", "skipped", "blocked"}]
    yield from (
        f"- failed: {_cell(check.check)} ({_cell(check.phase)}): {_cell(check.message)}" for check in troubled[:50]
    )
    if path.packages:
        yield "\n| Package | Asked for | Resolved | Duration |\n| --- | --- | --- | ---: |"
        for package in path.packages[:200]:
            yield _row((package.name, package.requirement, package.version, package.seconds))
    notes = (*path.notes, *path.retries)
    if notes:
        yield "\n### Decisions and retries\n"
        yield from (f"- {_cell(phase)}: {_cell(text)}" for phase, text in notes[:100])


def _failure(failure: FailureView) -> Iterator[str]:
    where = f" at {_cell(failure.phase)}" if failure.phase else ""
    package = f" ({_cell(failure.package)})" if failure.package else ""
    yield f"### Failed{where}: {_cell(failure.cause)}{package}\n"
    yield f"{_cell(failure.message, 2000)}\n"
    if failure.advice:
        yield f"How to go on: {_cell(failure.advice, 500)}\n"
    if failure.log:
        yield f"Log: {_code(failure.log)}\n"
    if failure.tail:
        fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", failure.tail)), default=0))
        yield f"{fence}text\n{failure.tail}\n{fence}\n"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(_cell(cell) for cell in cells) + " |"


def _cell(value: str, limit: int = 300) -> str:
    """Text that stays text inside a table cell: no markup, no line break."""
    escaped = _SPECIAL.sub(r"\\\1", line(value, limit))
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _code(value: str) -> str:
    return f"`{line(value, 200).replace('`', chr(39))}`"
