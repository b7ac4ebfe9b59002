"""summary.md: the report of a run in Markdown, also for the job page of a CI; always under 1,000 KiB. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rollout.journal.query import Event
from rollout.report.blame_section import BlameView
from rollout.report.comparison_table import ComparisonCell
from rollout.report.failures import FailureView
from rollout.report.inventory import PackageView
from rollout.report.load_section import METHOD, LoadView
from rollout.report.markdown import bounded, fitting
from rollout.report.markdown import cell as _cell
from rollout.report.markdown import code as _code
from rollout.report.markdown import fenced as _fenced
from rollout.report.markdown import row as _row
from rollout.report.migrations_section import MigrationsView, plain
from rollout.report.page import title
from rollout.report.releases_section import ReleasesView
from rollout.report.view import PathView, View, view
from rollout.report.wording import (
    NO_SERVER,
    badge,
    checks_words,
    exit_sentence,
    in_words,
    path_sentence,
    phase_words,
    rehearsal_words,
    rollback_words,
)
from rollout.text.plain import counted, duration


def summary(events: Sequence[Event]) -> str:
    """The summary as GitHub-flavoured Markdown."""
    shown = view(events)
    return bounded("\n".join(_parts(shown)) + "\n")


def comment(events: Sequence[Event]) -> str:
    """The beginning of the summary, small enough for a comment on a pull request."""
    return fitting(_parts(view(events)))


def _parts(shown: View) -> Iterator[str]:
    yield f"# {_cell(title(shown.verdict.run, shown.verdict.application))}\n"
    if shown.verdict.rehearsal:
        yield f"> **{_cell(rehearsal_words(shown.verdict.application))}**\n"
    for path in shown.paths:
        sentence = _cell(path_sentence(shown.verdict, path.verdict), 2000)
        yield f"**{_cell(badge(shown.verdict, path.verdict))}**: {sentence}\n"
    if not shown.paths:
        yield f"{_cell(shown.verdict.reason or 'No path was started.')}\n"
    yield f"{_cell(exit_sentence(shown.verdict, shown.gate), 600)}\n"
    for recovery in shown.recovered:
        yield f"An earlier run was recovered first: {_cell(recovery)}\n"
    for label, value in shown.facts:
        yield f"- {label}: {_cell(value, 500)}"
    yield from _comparison(shown)
    yield from _loads(shown.loads)
    for deployed in shown.releases:
        yield from _releases(deployed)
    for path in shown.paths:
        blames = [blame for blame in shown.blames if blame.path == path.verdict.name]
        yield from _path(path, blames, shown.verdict.application)
    for found in shown.migrations:
        yield from _migrations(found)
    for matrix in shown.matrices:
        yield f"\n## Package compatibility: {_cell(matrix.path)}\n\n{_cell(matrix.sentence, 2000)}\n"
        yield from (f"- {_cell(names)}: {pair.words}: {_cell(pair.cause, 500)}" for names, pair in matrix.faults[:100])
    yield from _history(shown)


def _comparison(shown: View) -> Iterator[str]:
    compared = shown.comparison
    if compared.problem:
        yield f"\n{_cell(compared.problem, 500)}\n"
    if not compared.paths:
        return
    yield f"\n## Claims and measurements\n\nClaims: {_cell(compared.document)}.\n"
    yield _row(("Aspect", *compared.paths))
    yield _row(("---", *("---" for _ in compared.paths)))
    for aspect in compared.aspects:
        yield "| " + " | ".join((_cell(aspect.name), *map(_comparison_cell, aspect.cells))) + " |"


def _comparison_cell(cell: ComparisonCell) -> str:
    measured = f"measured: {_cell(cell.measured)}" + (f" ({_cell(cell.spread)})" if cell.spread else "")
    if cell.campaign:
        measured += f", campaign of {_cell(cell.campaign.at or cell.campaign.run)}"
        measured += f" ([its report]({cell.campaign.href}))" if cell.campaign.href else ""
    if cell.beside:
        measured += f"; runs here: {_cell(cell.beside)}"
    if not cell.verdict:
        return measured
    because = f": {_cell(cell.because)}" if cell.because else ""
    return f"claimed: “{_cell(cell.claim)}”; {measured}; **{_cell(cell.verdict_words)}**{because}"


def _path(path: PathView, blames: Sequence[BlameView], application: str) -> Iterator[str]:
    judged = path.verdict
    yield f"\n## Path {_cell(judged.name)}\n"
    for failure in path.failures:
        yield from _failure(failure)
    for blame in blames:
        yield f"### Blame\n\n{_cell(blame.sentence, 2000)}\n"
        if blame.evidence:
            yield _fenced(blame.evidence)
    if judged.residue:
        yield "### Residue\n"
        yield from (f"- {_cell(thing)}" for thing in judged.residue[:100])
        yield ""
    if path.kept:
        manage, remove = _code(path.kept.get("manage", "")), _code(path.kept.get("remove", ""))
        url = path.kept.get("url", "")
        state = f"{_cell(application)} answers at {_cell(url)} (manage: {manage}, " if url else f"{NO_SERVER} ("
        yield f"{state}remove: {remove}).\n"
        for what in ("forge", "database"):
            if enter := path.kept.get(what):
                yield f"Enter the {what}: {_code(enter)}\n"
        if first := path.kept.get("first_operator"):
            yield f"There is no account yet. Create the first operator with {_code(first)}.\n"
    yield "| Phase | Outcome | Duration | Rollback |\n| --- | --- | ---: | --- |"
    for phase in judged.phases[:200]:
        cells = (phase.name, phase_words(phase), duration(phase.seconds), rollback_words(phase))
        yield _row(cells)
    yield f"\n{checks_words(judged)}.\n"
    failed = [check for check in path.checks if check.outcome not in {"passed", "skipped", "blocked"}]
    yield from (
        f"- failed: {_cell(check.check)} ({_cell(check.phase)}): {_cell(check.message)}" for check in failed[:50]
    )
    yield from _packages(path.packages)
    notes = (*path.notes, *path.retries)
    if notes:
        yield "\n### Decisions and retries\n"
        yield from (f"- {_cell(phase)}: {_cell(text)}" for phase, text in notes[:100])


def _loads(loads: Sequence[LoadView]) -> Iterator[str]:
    if not loads:
        return
    yield f"\n## Upgrade under load\n\n{METHOD}\n"
    for load in loads:
        place = ", ".join(_cell(name) for name in (load.path, load.phase) if name)
        yield f"### {_cell(load.name)}{f' ({place})' if place else ''}\n"
        for sentence in (f"**{_cell(load.sentence)}** {_cell(load.speed, 600)}", _cell(load.sessions, 600),
                         _cell(load.warning, 600)):  # fmt: skip
            if sentence:
                yield f"{sentence}\n"
        yield _row(("", "Requests", "Lost", "Failed", "Longest gap", "Median", "p99", "Longest"))
        yield _row(("---", *["---:"] * 7))
        for row in (*load.windows, load.totals, *load.kinds):
            yield _row((row.name, row.requests, row.lost, row.failed, row.gap, row.p50, row.p99, row.longest))
        yield ""
        yield from (f"- {_code(name)}: {_cell(words)}" for name, words in load.errors)
        marks = load.chart.flags if load.chart else ()
        yield from (f"- {flag.seconds:.1f} s: {_cell(flag.text)}" for flag in marks)
        yield ""


def _releases(found: ReleasesView) -> Iterator[str]:
    yield f"\n## Releases: {_cell(found.path)}\n\n{_cell(found.lead, 1000)}\n"
    yield from (f"- {_cell(row.title)}: {row.words}, {row.seconds}. {_cell(row.message, 500)}" for row in found.rolls)
    if found.memory:
        yield f"\n{_cell(found.soak, 500)}\n\n| Instance | Outcome | First | Last | Highest | A minute |"
        yield "| --- | --- | ---: | ---: | ---: | ---: |"
        yield from (
            _row((row.instance, row.words, row.first, row.last, row.highest, row.slope)) for row in found.memory
        )
    if found.bad:
        yield "\n| Bad on purpose | Outcome | Noticed by | Duration |\n| --- | --- | --- | ---: |"
        yield from (_row((row.kind, row.words, row.noticed, row.seconds)) for row in found.bad)


def _migrations(found: MigrationsView) -> Iterator[str]:
    yield f"\n## Migrations: {_cell(found.path)}\n\n{_cell(found.lead, 1000)}\n"
    yield from (f"- {_cell(words, 1000)}" for _, words in found.sentences)
    yield "\n| Migration | Verdict | Locks held | Rewritten | Blocked |\n| --- | --- | --- | --- | --- |"
    for each in found.rows:
        locks = ", ".join(f"{lock.mode} {lock.table} {lock.seconds}" for lock in each.locks if lock.is_strong)
        yield _row((each.name, each.words, locks, ", ".join(each.rewritten), each.blocked))
    standing = [(each.name, finding) for each in found.rows for finding in each.findings if not finding.allowed]
    yield ""
    for name, finding in standing[:50]:
        place = f"{_cell(name)}, line {_cell(finding.line)}"
        words = _cell(f"{plain(finding.reason)} Safer: {plain(finding.instead)}", 1000)
        yield f"- {_code(finding.rule)} ({place}): {words}"
    yield from (f"- {_cell(remark, 500)}" for remark in found.remarks)


def _packages(packages: Sequence[PackageView]) -> Iterator[str]:
    if not any(each.version for each in packages):
        yield f"\n{counted(len(packages), 'package')} in the plan, none installed." if packages else ""
        return
    yield "\n| Package | Requirement | Version | Duration | Size | Licence |\n| --- | --- | --- | ---: | ---: | --- |"
    for each in packages[:200]:
        cells = (each.name, each.requirement, each.version or "not installed", each.seconds, each.size, each.licences)
        yield _row(cells)


def _history(shown: View) -> Iterator[str]:
    if not shown.trends.paths:
        return
    yield "\n## Earlier runs on this machine\n"
    for path in shown.trends.paths:
        yield f"- {_cell(path.path)}: {_cell(path.sentence)}"
        for run in path.runs[:5]:
            note = f", {run.note}" if run.note else ""
            yield f"  - {_cell(run.at)}: {_cell(in_words(run.outcome))}, {run.seconds}{_cell(note)}"


def _failure(failure: FailureView) -> Iterator[str]:
    where = f" at {_cell(failure.phase)}" if failure.phase else ""
    package = f" ({_cell(failure.package)})" if failure.package else ""
    yield f"### Failed{where}: {_cell(failure.cause)}{package}\n"
    yield f"{_cell(failure.message, 2000)}\n"
    if failure.advice:
        yield f"What to do: {_cell(failure.advice, 500)}\n"
    if failure.command is not None and failure.command.typed:
        yield f"Command: {_code(failure.command.typed)}, {_cell(failure.command.ended)}\n"
    if failure.log:
        yield f"Log: {_code(failure.log)}\n"
    if failure.tail:
        yield _fenced(failure.tail)
