"""A rule about migrations, what it looks at, and what it finds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from rollout.migrations.known import Known
from rollout.migrations.operations import Migration, Operation

SEVERITIES = {
    "breaks_old_code": "Instances of the old release fail while they still run.",
    "rewrites": "Every row is written anew, and nobody can use the table meanwhile.",
    "scans_under_lock": "Every row is read under a lock that stops writes, or everything.",
    "locks": "Statements wait, for as long as the operation or its transaction takes.",
    "other": "The migration may fail, stay half done, or cannot be judged.",
}
"""Severity → what it means."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What is known of the place where the migrations will run.

    `server_major`: PostgreSQL's version. `advisory_lock`: the repository has `migration_lock: :pg_advisory_lock`.
    `lock_timeout`: the connection of the migrator has a lock_timeout already.
    """

    server_major: int
    applied: frozenset[int] = frozenset()
    advisory_lock: bool = False
    lock_timeout: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One operation to judge, and what is known before it."""

    operation: Operation
    migration: Migration
    known: Known
    settings: Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationCase:
    """A whole migration to judge. `known` is the schema after it."""

    migration: Migration
    known: Known
    settings: Settings


Seen = tuple[int, str]
"""The line of a migration, and what a rule has seen there, in words."""


def _never(_case: MigrationCase) -> Seen | None:
    return None


def _matches_nothing(_case: Case) -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule. `reason`: what goes wrong. `instead`: the safer way. Both are sentences for people.

    `applies` asks about one operation, `judges` about a whole migration; it returns what it has seen, in words.
    `harmless_since`: the major version of PostgreSQL in which the problem is gone. `also_new`: the rule holds for
    tables that the same set of migrations has created.
    """

    id: str
    severity: str
    reason: str
    instead: str
    applies: Callable[[Case], bool] = _matches_nothing
    judges: Callable[[MigrationCase], Seen | None] = _never
    harmless_since: int | None = None
    also_new: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A rule that holds for an operation. `allowed`: the reason in a comment of the migration that silences it, or "
    "None."""

    rule: str
    severity: str
    version: int
    migration: str
    line: int
    detail: str
    reason: str
    instead: str
    table: str | None = None
    column: str | None = None
    allowed: str | None = None
    undecided: tuple[str, ...] = field(default=())
