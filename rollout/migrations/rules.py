"""Judges migrations by a table of rules before they run.

The rules are the union of what strong_migrations, excellent_migrations and squawk know, and of incidents with Ecto.
A comment in the migration silences a rule: `# rollout: allow RULE because …`, on the line of the operation, on the line
above it or above its block, or above `defmodule` for the whole file. Without a reason it silences nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from rollout.migrations.allowances import allowances, reason_for
from rollout.migrations.breaking_rules import BREAKING
from rollout.migrations.known import Known
from rollout.migrations.locking_rules import LOCKING
from rollout.migrations.migration_rules import MIGRATION
from rollout.migrations.operations import Migration
from rollout.migrations.rewriting_rules import REWRITING
from rollout.migrations.rule import Case, Finding, MigrationCase, Rule, Seen, Settings

__all__ = ["RULES", "Finding", "Settings", "judge"]

UNCLEAR = Rule(
    id="unclear_allowance",
    severity="other",
    reason="A comment that silences a rule has to name one, and to give a reason. This one silences nothing.",
    instead="`# rollout: allow RULE because …`",
)
RULES: tuple[Rule, ...] = (*BREAKING, *REWRITING, *LOCKING, *MIGRATION, UNCLEAR)
"""All rules. docs/reference/migrations.md is generated from them."""


def judge(migrations: Iterable[Migration], settings: Settings) -> tuple[Finding, ...]:
    """What the rules find in the migrations that are not applied yet, in order. Those that are applied tell the "
    "schema."""
    known = Known()
    found: list[Finding] = []
    for migration in sorted(migrations, key=lambda each: each.version):
        is_new = migration.version not in settings.applied
        own = [*_operations(migration, known, settings, is_new=is_new)]
        if is_new:
            own += _whole(MigrationCase(migration=migration, known=known, settings=settings))
            found += _silenced(migration, own)
    return tuple(found)


def _operations(migration: Migration, known: Known, settings: Settings, *, is_new: bool) -> Iterator[Finding]:
    for operation in migration.forward:
        case = Case(operation=operation, migration=migration, known=known, settings=settings)
        table = known.table_of_index(operation)
        for rule in (*BREAKING, *REWRITING, *LOCKING) if is_new else ():
            if _holds(rule, settings) and (rule.also_new or not known.is_new(table)) and rule.applies(case):
                yield Finding(
                    rule=rule.id,
                    severity=rule.severity,
                    version=migration.version,
                    migration=migration.name,
                    line=operation.line,
                    detail=operation.detail,
                    reason=rule.reason,
                    instead=rule.instead,
                    table=operation.table,
                    column=operation.column,
                    undecided=operation.undecided,
                )
        known.learn(operation, is_new=is_new)


def _whole(case: MigrationCase) -> Iterator[Finding]:
    migration = case.migration
    for rule in MIGRATION:
        seen = rule.judges(case) if _holds(rule, case.settings) else None
        if seen is not None:
            yield _about(migration, rule, seen)


def _about(migration: Migration, rule: Rule, seen: Seen) -> Finding:
    return Finding(
        rule=rule.id,
        severity=rule.severity,
        version=migration.version,
        migration=migration.name,
        line=seen[0],
        detail=seen[1],
        reason=rule.reason,
        instead=rule.instead,
    )


def _holds(rule: Rule, settings: Settings) -> bool:
    return rule.harmless_since is None or settings.server_major < rule.harmless_since


def _silenced(migration: Migration, found: Sequence[Finding]) -> Iterator[Finding]:
    given = allowances(migration, frozenset(rule.id for rule in RULES))
    statements = {operation.line: operation.statement for operation in migration.forward}
    for finding in found:
        yield replace(finding, allowed=reason_for(finding, given, migration, statements))
    for allowance in given:
        if allowance.problem:
            yield _about(migration, UNCLEAR, (allowance.line, allowance.problem))
