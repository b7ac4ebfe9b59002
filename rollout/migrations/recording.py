"""Turns results into journal events of a bounded size."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rollout.journal.events.migrations import (
    MigrationsJudged,
    MigrationsMeasured,
    MigrationsRaced,
    MigrationsReversed,
)
from rollout.migrations.measurement import Blocked, Measurement, VersionMeasured
from rollout.migrations.operations import Migration
from rollout.migrations.reversible import Reversal
from rollout.migrations.rule import Finding, Settings
from rollout.migrations.seed import Seeded
from rollout.migrations.several import Several
from rollout.text.plain import line

MOST_FINDINGS = 200
MOST_VERSIONS = 100
_MOST_LOCKS = 12
_MOST_LINES = 50


def judged(
    path: str, migrations: Iterable[Migration], findings: Sequence[Finding], settings: Settings
) -> MigrationsJudged:
    """The event of `judge`. Migrations that are applied already are left out."""
    new = [each for each in migrations if each.version not in settings.applied]
    return MigrationsJudged(
        path=path,
        migrations=tuple(map(_migration, new[-MOST_VERSIONS:])),
        findings=tuple(map(_finding, findings[:MOST_FINDINGS])),
        left_out=max(len(findings) - MOST_FINDINGS, 0),
    )


def measured(path: str, found: Measurement, seeded: Iterable[Seeded] = ()) -> MigrationsMeasured:
    """The event of `measure`, with the tables that `seed` could not fill."""
    return MigrationsMeasured(
        path=path,
        rows=dict(found.rows),
        seconds=found.seconds,
        samples=found.samples,
        rewrites_seen_by=found.rewrites_seen_by,
        versions=tuple(map(_version, found.versions[-MOST_VERSIONS:])),
        after=_version(found.after) if found.after else None,
        failure=found.failure,
        errors={name: dict(states) for name, states in list(found.errors.items())[:_MOST_LINES]},
        longest_probe=dict(sorted(found.longest_probe.items(), key=lambda each: -each[1])[:_MOST_LINES]),
        invalid_indexes=_lines(found.invalid_indexes),
        unvalidated=_lines(found.unvalidated),
        unfilled=_lines(f"{each.table}: {each.problem}" for each in seeded if each.problem),
    )


def reversal(path: str, found: Reversal) -> MigrationsReversed:
    """The event of `up_down_up`."""
    return MigrationsReversed(
        path=path,
        reversible=found.is_reversible,
        failure=found.failure,
        after_down=_lines(found.after_down),
        after_second_up=_lines(found.after_second_up),
        lost=_lines(found.lost),
        emptied=_lines(found.emptied),
    )


def raced(path: str, migrators: int, found: Several) -> MigrationsRaced:
    """The event of `several`."""
    problems = (
        *(f"recorded more than once: {each}" for each in found.repeated),
        *(f"not recorded: {each}" for each in found.missing),
        *(f"invalid index: {each}" for each in found.invalid_indexes),
        *(f"other than with one migrator: {each}" for each in found.schema),
        *(f"migrator {number} did not end" for number in found.hung),
    )
    failures = _lines(f"migrator {number}: {error}" for number, error in found.failures.items())
    return MigrationsRaced(
        path=path, migrators=migrators, once=found.did_it_once, failures=failures, problems=_lines(problems)
    )


def _migration(migration: Migration) -> Mapping[str, Any]:
    return {
        "version": migration.version,
        "name": line(migration.name, 120),
        "operations": dict(Counter(each.kind for each in migration.forward)),
        "transaction": migration.transaction,
    }


def _finding(finding: Finding) -> Mapping[str, Any]:
    found = {
        "rule": finding.rule,
        "severity": finding.severity,
        "version": finding.version,
        "line": finding.line,
        "detail": line("; ".join((finding.detail, *finding.undecided)), 300),
        "reason": finding.reason,
        "instead": finding.instead,
    }
    return found if finding.allowed is None else {**found, "allowed": line(finding.allowed, 300)}


def _version(found: VersionMeasured) -> Mapping[str, Any]:
    return {
        "version": found.version,
        "direction": found.direction,
        "schema": found.schema,
        "seconds": found.seconds,
        "waited": found.waited,
        "locks": [[lock.table, lock.mode, lock.seconds] for lock in found.locks[:_MOST_LOCKS]],
        "rewritten": list(found.rewritten[:_MOST_LINES]),
        "blocked": _blocked(found.blocked),
    }


def _blocked(found: Blocked | None) -> Mapping[str, Any] | None:
    if found is None:
        return None
    statement = line(found.statement, 200)
    return {"statement": statement, "who": found.who, "target": found.target, "seconds": found.seconds}


def _lines(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(line(text, 300) for text in list(texts)[:_MOST_LINES])
