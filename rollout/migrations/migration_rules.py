"""Rules about a migration as a whole."""

from __future__ import annotations

from rollout.migrations.operations import Migration, Operation
from rollout.migrations.rule import MigrationCase, Rule, Seen

_OTHER = "other"
_STRONG = frozenset({
    "add_column", "modify_column", "remove_column", "rename_column", "rename_table", "drop_table", "create_constraint",
    "drop_constraint", "create_trigger", "drop_trigger", "truncate", "rewrite_table", "alter_table", "attach_partition",
    "detach_partition", "create_index", "drop_index",
})  # fmt: skip
_SILENT = frozenset({"setting", "no_effect", "flush", "transaction", "raise"})
_BULK = frozenset({"update", "delete", "update_all", "delete_all", "insert_all"})


def _changing(migration: Migration) -> tuple[Operation, ...]:
    return tuple(each for each in migration.forward if each.kind not in _SILENT)


def _takes_strong_lock(case: MigrationCase, operation: Operation) -> bool:
    if operation.kind not in _STRONG or operation.options.get("concurrently") is True:
        return False
    return not case.known.is_new(case.known.table_of_index(operation))


def _no_lock_timeout(case: MigrationCase) -> Seen | None:
    if case.settings.lock_timeout:
        return None
    for operation in case.migration.forward:
        if operation.kind == "setting" and operation.options.get("name") == "lock_timeout":
            return None
        if operation.direction == "after_begin":
            continue
        if _takes_strong_lock(case, operation):
            before = [each for each in case.migration.forward if each.direction == "after_begin"]
            if any(each.kind == "setting" and each.options.get("name") == "lock_timeout" for each in before):
                return None
            return operation.line, operation.detail
    return None


def _irreversible(case: MigrationCase) -> Seen | None:
    migration = case.migration
    functions = set(migration.functions)
    if "change" in functions:
        stuck = [each for each in migration.operations if each.direction == "change" and not _is_reversible(each)]
        return (stuck[0].line, f"Ecto cannot reverse: {stuck[0].detail}") if stuck else None
    if "up" not in functions:
        return None
    down = [each for each in migration.operations if each.direction == "down"]
    if "down" not in functions:
        return migration.line, "there is no `down`"
    if any(each.kind == "raise" for each in down):
        return migration.line, "`down` raises"
    return (migration.line, "`down` does nothing") if _changing(migration) and not down else None


def _is_reversible(operation: Operation) -> bool:
    """As `reverse` in Ecto.Migration.Runner decides it."""
    options = operation.options
    if "by" in options or operation.kind in {"execute", "execute_file"}:
        return options.get("by") == "query" or "down" in options
    if operation.kind == "remove_column":
        return operation.type is not None and not options.get("if_exists")
    if operation.kind == "modify_column":
        return options.get("from") is not None and not _carries_options_over(operation)
    if operation.kind in {"drop_table", "drop_constraint"}:
        return False
    return not (operation.kind == "add_column" and options.get("if_not_exists"))


def _carries_options_over(operation: Operation) -> bool:
    """Whether Ecto reverses to a type with modifiers that it cannot have, such as `text(200)`.

    With a plain `from: :text` the options of the new type, `size: 200`, are used for the old one too.
    """
    source = operation.options.get("from")
    modified = any(key in operation.options for key in ("size", "precision", "scale"))
    return isinstance(source, str) and modified and source != operation.type


def _partial(case: MigrationCase) -> Seen | None:
    steps = _changing(case.migration)
    if case.migration.transaction or len(steps) < 2:
        return None
    return steps[1].line, f"{len(steps)} operations, each in a transaction of its own"


def _backfill(case: MigrationCase) -> Seen | None:
    steps = _changing(case.migration)
    data = [each for each in steps if each.kind == "data" and not case.known.is_new(each.table)]
    bulk = [each for each in data if each.options.get("function") in _BULK or each.options.get("rows") is False]
    if not bulk or len(bulk) == len(steps):
        return None
    return bulk[0].line, f"{bulk[0].detail}, beside {len(steps) - len(bulk)} of another kind"


def _out_of_order(case: MigrationCase) -> Seen | None:
    newest = max(case.settings.applied, default=0)
    if case.migration.version >= newest:
        return None
    return case.migration.line, f"{case.migration.version} is older than {newest}, which is applied"


def _unreadable(case: MigrationCase) -> Seen | None:
    return (case.migration.line, case.migration.problem) if case.migration.problem else None


MIGRATION = (
    Rule(
        id="no_lock_timeout",
        severity="locks",
        reason="The migration waits for its lock behind any transaction that uses the table, and all later statements "
        "wait behind the migration.",
        instead="`execute \"SET LOCAL lock_timeout TO '5s'\"` first (or in `after_begin`), and run the migration "
        "again if it gives up; or a lock_timeout for the migrator's connection.",
        judges=_no_lock_timeout,
    ),
    Rule(
        id="backfill_with_ddl",
        severity="locks",
        reason="The locks of the other operations are held for as long as the rows are changed.",
        instead="Change rows in a migration of its own, in batches, without a transaction around all of them.",
        judges=_backfill,
    ),
    Rule(
        id="partial_migration",
        severity=_OTHER,
        reason="If one of the operations fails, those before it stay, and the migration cannot be run again.",
        instead="One operation in each migration without a transaction.",
        judges=_partial,
    ),
    Rule(
        id="irreversible",
        severity=_OTHER,
        reason="The release cannot be taken back with its schema.",
        instead="Write `up` and `down`, give `execute` both statements, `modify` a `from:`, and `remove` the type.",
        judges=_irreversible,
    ),
    Rule(
        id="version_out_of_order",
        severity=_OTHER,
        reason="The version is older than one that is applied: other databases ran them in another order, and a "
        "rollback by one step takes back the wrong one.",
        instead="Give the migration a new version before it is merged.",
        judges=_out_of_order,
    ),
    Rule(
        id="unreadable",
        severity=_OTHER,
        reason="The file cannot be read as Elixir, so nothing in it is judged.",
        instead="Correct it first.",
        judges=_unreadable,
    ),
)
