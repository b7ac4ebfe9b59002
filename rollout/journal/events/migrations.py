"""Events about migrations: what rules find in them, and what they do on a copy of the database."""

from __future__ import annotations

from rollout.journal.events.base import Data, JournalEvent, Rows, Texts, event


@event("migrations.judged")
class MigrationsJudged(JournalEvent):
    """Migrations that are not applied yet were judged by the rules."""

    # migrations: {version, name, operations: {kind: count}, transaction}; findings: {rule, severity, version, line,
    # detail, reason, instead, allowed?}; left_out: findings beyond the limit
    path: str
    migrations: Rows
    findings: Rows
    left_out: int = 0


@event("migrations.measured")
class MigrationsMeasured(JournalEvent):
    """Migrations ran on a copy of the database, while locks were sampled and its tables were in use."""

    # rows: {table: rows}; versions: {version, direction, schema, seconds, waited, locks: [[table, mode, seconds]],
    # rewritten, blocked?: {statement, who, target, seconds}}; after: the same for what was not recorded
    # errors and longest_probe are by statement and table: {SQLSTATE: count}, and seconds
    # unfilled: tables that could not be seeded
    path: str
    rows: Data
    seconds: float
    samples: int
    rewrites_seen_by: str
    versions: Rows
    after: Data | None = None
    failure: str | None = None
    errors: Data
    longest_probe: Data
    invalid_indexes: Texts = ()
    unvalidated: Texts = ()
    unfilled: Texts = ()


@event("migrations.reversed")
class MigrationsReversed(JournalEvent):
    """Migrations ran up, down and up again on a copy of the database, and schema and rows were compared."""

    path: str
    reversible: bool
    failure: str | None = None
    after_down: Texts = ()
    after_second_up: Texts = ()
    lost: Texts = ()
    emptied: Texts = ()


@event("migrations.raced")
class MigrationsRaced(JournalEvent):
    """Several migrators ran at the same moment on a copy of the database."""

    # once: the copy is as one migrator alone leaves it; problems: how it differs
    path: str
    migrators: int
    once: bool
    failures: Texts = ()
    problems: Texts = ()
