"""Builds the report's section about migrations from the events: rules, measurement, reversal. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rollout.journal.query import Event, mapping, number, text, texts
from rollout.report.migration_sentences import held, sentences
from rollout.results.migrations import (
    SEVERITIES,
    MigrationsResult,
    count_findings,
    every_version,
    migrations_of,
)
from rollout.text.plain import counted, duration, line

_MOST_ROWS = 60
_MOST_FINDINGS = 40
_STRONG = ("AccessExclusiveLock", "ExclusiveLock", "ShareRowExclusiveLock", "ShareLock")
_WORDS: Mapping[str, str] = {
    "breaks_old_code": "breaks the old release",
    "rewrites": "rewrites",
    "scans_under_lock": "scans under a lock",
    "locks": "locks",
    "other": "remarks",
}
_STATES = {"breaks_old_code": "failed", "rewrites": "failed", "scans_under_lock": "blocked", "locks": "blocked"}


Pieces = tuple[tuple[bool, str], ...]
"""A text in pieces: whether a piece is code, and the piece."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingView:
    """A finding. `state` and `words`: its severity. `allowed`: the reason of the comment that silences it, or ""."""

    rule: str
    state: str
    words: str
    detail: str
    line: str
    reason: Pieces
    instead: Pieces
    allowed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LockView:
    """A lock on a table, for example ACCESS EXCLUSIVE, and how long it was held."""

    table: str
    mode: str
    seconds: str
    is_strong: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationRow:
    """A migration. `state` and `words`: the worst finding that nobody allows. Texts are "" where nothing is known."""

    name: str
    operations: str
    state: str
    words: str
    findings: tuple[FindingView, ...]
    locks: tuple[LockView, ...]
    seconds: str
    rewritten: tuple[str, ...]
    blocked: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationsView:
    """All about the migrations of a path. `sentences`: state and text of measurement, reversal and race."""

    path: str
    lead: str
    rows: tuple[MigrationRow, ...]
    sentences: tuple[tuple[str, str], ...]
    remarks: tuple[str, ...]


def migrations(events: Sequence[Event], paths: Sequence[str]) -> tuple[MigrationsView, ...]:
    """A view for each path about whose migrations something was asked."""
    found = ((path, migrations_of(events, path)) for path in paths)
    return tuple(_view(path, result) for path, result in found if result is not None)


def _view(path: str, found: MigrationsResult) -> MigrationsView:
    measured = {int(number(each, "version")): each for each in every_version(found.measured)}
    judged = found.judged.migrations if found.judged else ()
    findings = found.judged.findings if found.judged else ()
    known = {int(number(each, "version")) for each in judged}
    only_measured = [{"version": version} for version in measured if version and version not in known]
    return MigrationsView(
        path=line(path, 80),
        lead=_lead(found),
        rows=tuple(_row(each, findings, measured) for each in (*judged, *only_measured)[:_MOST_ROWS]),
        sentences=tuple((state, line(words, 1000)) for state, words in sentences(found)),
        remarks=tuple(_remarks(found)),
    )


def _lead(found: MigrationsResult) -> str:
    if found.judged is None:
        return "The rules were not asked about these migrations."
    counts = count_findings(found.judged)
    if not found.judged.migrations:
        return "Every migration is applied already."
    named = [f"{_WORDS[severity]} × {counts[severity]}" for severity in SEVERITIES if counts[severity]]
    allowed = sum(1 for each in found.judged.findings if "allowed" in each)
    also = f" {counted(allowed, 'finding')} allowed by comments with reasons." if allowed else ""
    head = counted(len(found.judged.migrations), "migration")
    return f"{head} judged: {', '.join(named) if named else 'no findings'}.{also}"


def _row(
    migration: Mapping[str, Any], findings: Sequence[Mapping[str, Any]], measured: Mapping[int, Mapping[str, Any]]
) -> MigrationRow:
    version = int(number(migration, "version"))
    own = [_finding(each) for each in findings if int(number(each, "version")) == version][:_MOST_FINDINGS]
    seen = measured.get(version, {})
    standing = [each for each in own if not each.allowed]
    worst = min(standing, key=lambda each: [*_WORDS.values()].index(each.words), default=None)
    kinds = mapping(migration, "operations")
    return MigrationRow(
        name=line(text(migration, "name") or str(version), 120),
        operations=line(", ".join(_operation(kind, kinds) for kind in kinds), 300),
        state=worst.state if worst else "passed",
        words=worst.words if worst else "no findings",
        findings=tuple(own),
        locks=_locks(seen),
        seconds=duration(number(seen, "seconds")) if seen else "",
        rewritten=tuple(line(name, 120) for name in texts(seen, "rewritten")),
        blocked=_blocked(mapping(seen, "blocked")),
    )


def _operation(kind: str, kinds: Mapping[str, Any]) -> str:
    often = int(number(kinds, kind))
    return f"{kind.replace('_', ' ')}{f' × {often}' if often > 1 else ''}"


def _finding(found: Mapping[str, Any]) -> FindingView:
    severity = text(found, "severity")
    return FindingView(
        rule=line(text(found, "rule"), 60),
        state=_STATES.get(severity, "skipped"),
        words=_WORDS.get(severity, _WORDS["other"]),
        detail=line(text(found, "detail")),
        line=line(text(found, "line"), 10),
        reason=_pieces(line(text(found, "reason"), 500)),
        instead=_pieces(line(text(found, "instead"), 500)),
        allowed=line(text(found, "allowed")),
    )


def _pieces(words: str) -> Pieces:
    """The text, split at its backticks."""
    return tuple((number % 2 == 1, piece) for number, piece in enumerate(words.split("`")) if piece)


def plain(pieces: Pieces) -> str:
    """The text again, without backticks."""
    return "".join(piece for _, piece in pieces)


def _locks(seen: Mapping[str, Any]) -> tuple[LockView, ...]:
    """The strongest locks on tables, without those that every statement takes."""
    found = seen.get("locks")
    parts = [lock for lock in found if isinstance(lock, list | tuple) and len(lock) == 3] if found else []
    return tuple(
        LockView(
            table=line(str(table).removeprefix("public."), 120),
            mode=_mode(str(mode)),
            seconds=held(seconds),
            is_strong=str(mode) in _STRONG,
        )
        for table, mode, seconds in parts
        if str(mode) in (*_STRONG, "ShareUpdateExclusiveLock") and not str(table).endswith("schema_migrations")
    )


def _mode(mode: str) -> str:
    words = "".join(f" {letter}" if letter.isupper() else letter for letter in mode.removesuffix("Lock"))
    return line(words.strip().upper(), 60)


def _blocked(found: Mapping[str, Any]) -> str:
    return f"{held(number(found, 'seconds'))}: {line(text(found, 'statement'), 80)}" if found else ""


def _remarks(found: MigrationsResult) -> Sequence[str]:
    measured, judged = found.measured, found.judged
    lines: list[str] = []
    if measured:
        for name in measured.errors:
            states = mapping(measured.errors, name)
            lines.append(f"A statement of the old release failed, {name}: {', '.join(states)}.")
        lines += [f"Invalid index left: {name}." for name in measured.invalid_indexes]
        lines += [f"Constraint left without validation: {name}." for name in measured.unvalidated]
        lines += [f"Could not be filled: {name}." for name in measured.unfilled]
        if "event trigger" not in measured.rewrites_seen_by:
            lines.append("Rewrites are known by files alone: an event trigger needs a superuser.")
    if judged and judged.left_out:
        lines.append(f"{counted(judged.left_out, 'more finding')} in the journal's limit left out.")
    return [line(each, 400) for each in lines[:_MOST_ROWS]]
