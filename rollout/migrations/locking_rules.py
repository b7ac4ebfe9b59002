"""Rules about locks, and about what else goes wrong in one operation."""

from __future__ import annotations

from rollout.migrations.changes import changes_type, is_kind, references
from rollout.migrations.defaults import volatility
from rollout.migrations.rule import Case, Rule

_LOCKS = "locks"
_OTHER = "other"
_UNKNOWN = frozenset({"sql", "execute_file", "call", "execute", "query", "create", "drop", "rename"})


def _concurrently(case: Case) -> bool:
    return case.operation.options.get("concurrently") is True


def _new_column_references(case: Case) -> bool:
    return (
        case.operation.kind == "add_column"
        and references(case) is not None
        and volatility(case.operation.options.get("default")) == "none"
    )


def _is_undecided(case: Case) -> bool:
    operation = case.operation
    if operation.undecided:
        return True
    if operation.kind == "add_column":
        return volatility(operation.options.get("default")) == "unknown"
    return changes_type(case) is None or "unknown" in operation.options


LOCKING = (
    Rule(
        id="index_not_concurrently",
        severity=_LOCKS,
        reason="Writes to the table wait until the index is built (SHARE).",
        instead="`concurrently: true`, with @disable_ddl_transaction and @disable_migration_lock, in a migration of "
        "its own.",
        applies=lambda case: is_kind(case, "create_index") and not _concurrently(case),
    ),
    Rule(
        id="drop_index_not_concurrently",
        severity=_LOCKS,
        reason="Reads and writes wait (ACCESS EXCLUSIVE), behind every transaction that uses the table.",
        instead="`drop index(…, concurrently: true)` with @disable_ddl_transaction and @disable_migration_lock.",
        applies=lambda case: is_kind(case, "drop_index") and not _concurrently(case),
    ),
    Rule(
        id="reindex_not_concurrently",
        severity=_LOCKS,
        reason="Writes wait for the whole rebuild, and reads that would use the index do too.",
        instead="`REINDEX … CONCURRENTLY`, outside of a transaction.",
        applies=lambda case: is_kind(case, "reindex") and not _concurrently(case),
        also_new=True,
    ),
    Rule(
        id="refresh_not_concurrently",
        severity=_LOCKS,
        reason="Reads of the materialized view wait for the whole refresh (ACCESS EXCLUSIVE).",
        instead="`REFRESH MATERIALIZED VIEW CONCURRENTLY`; it needs a unique index.",
        applies=lambda case: is_kind(case, "refresh_view") and not _concurrently(case),
        also_new=True,
    ),
    Rule(
        id="detach_not_concurrently",
        severity=_LOCKS,
        reason="Everything on the partitioned table waits (ACCESS EXCLUSIVE).",
        instead="`DETACH PARTITION … CONCURRENTLY`, outside of a transaction (PostgreSQL 14 and newer).",
        applies=lambda case: is_kind(case, "detach_partition") and not _concurrently(case),
    ),
    Rule(
        id="foreign_key_on_new_column",
        severity=_LOCKS,
        reason="No row is read, as all values are NULL, but both tables are locked against writes (SHARE ROW "
        "EXCLUSIVE; ACCESS EXCLUSIVE on the one that gets the column) until the transaction ends.",
        instead="Keep it alone in its migration, with a lock_timeout; or add the column first and the foreign key, "
        "with `validate: false`, later.",
        applies=_new_column_references,
    ),
    Rule(
        id="lock_table",
        severity=_LOCKS,
        reason="LOCK TABLE holds its lock until the transaction ends, whatever else the migration does.",
        instead="Leave locking to the operations; make each migration small.",
        applies=lambda case: is_kind(case, "lock_table"),
        also_new=True,
    ),
    Rule(
        id="concurrently_in_transaction",
        severity=_LOCKS,
        reason="PostgreSQL refuses CONCURRENTLY inside a transaction (25001), and Ecto opens one for each migration.",
        instead="@disable_ddl_transaction true.",
        applies=lambda case: _concurrently(case) and case.migration.transaction,
        also_new=True,
    ),
    Rule(
        id="concurrently_under_migration_lock",
        severity=_LOCKS,
        reason="Ecto's lock on schema_migrations is held in a transaction; a second migrator waits in it with a "
        "snapshot that CONCURRENTLY waits for, and both hang or deadlock.",
        instead="@disable_migration_lock true and only one migrator; or `migration_lock: :pg_advisory_lock` in the "
        "repository.",
        applies=lambda case: _concurrently(case) and case.migration.migration_lock and not case.settings.advisory_lock,
        also_new=True,
    ),
    Rule(
        id="nested_transaction",
        severity=_LOCKS,
        reason="BEGIN, COMMIT or a repository's transaction inside a migration ends or nests the one that Ecto has "
        "opened: locks are held longer, or the version is recorded apart from the work.",
        instead="One migration for each transaction; @disable_ddl_transaction where one has to be left out.",
        applies=lambda case: is_kind(case, "transaction"),
        also_new=True,
    ),
    Rule(
        id="if_not_exists_concurrently",
        severity=_OTHER,
        reason="An index that a killed CONCURRENTLY left invalid has the name, so the retry takes it for a good one.",
        instead="Without IF NOT EXISTS; or drop the index first if it exists.",
        applies=lambda case: (
            is_kind(case, "create_index")
            and _concurrently(case)
            and case.operation.options.get("if_not_exists") is True
        ),
        also_new=True,
    ),
    Rule(
        id="enum_value_in_transaction",
        severity=_OTHER,
        reason="ALTER TYPE … ADD VALUE fails inside a transaction.",
        instead="@disable_ddl_transaction true.",
        applies=lambda case: is_kind(case, "add_enum_value") and case.migration.transaction,
        harmless_since=12,
        also_new=True,
    ),
    Rule(
        id="json_column",
        severity=_OTHER,
        reason="The type json has no equality, so SELECT DISTINCT, GROUP BY and UNION fail on rows with it.",
        instead="Use jsonb (`:map`).",
        applies=lambda case: is_kind(case, "add_column", "modify_column") and case.operation.type in ("json", "json[]"),
        also_new=True,
    ),
    Rule(
        id="wide_index",
        severity=_OTHER,
        reason="An index over more than three columns is rarely used as a whole, and slows every write.",
        instead="Index the columns that select most; put others behind `include:`.",
        applies=lambda case: (
            is_kind(case, "create_index")
            and len(case.operation.options.get("columns", ())) > 3
            and case.operation.options.get("unique") is not True
        ),
        also_new=True,
    ),
    Rule(
        id="raw_sql",
        severity=_OTHER,
        reason="This statement or call is not one that is judged here, so nothing is known about its locks.",
        instead="Look at what the measurement on a copy says, and at PostgreSQL's table of lock conflicts.",
        applies=lambda case: is_kind(case, *_UNKNOWN),
        also_new=True,
    ),
    Rule(
        id="undecidable",
        severity=_OTHER,
        reason="Whether, on what or with what this acts is known only when it runs.",
        instead="Write names, types and defaults as literals; or look at what the measurement on a copy says.",
        applies=_is_undecided,
    ),
)
