"""Rules about operations that write or read every row of a table under a lock."""

from __future__ import annotations

from rollout.migrations.changes import changes_type, is_kind, references, was_nullable
from rollout.migrations.defaults import volatility
from rollout.migrations.rule import Case, Rule

_REWRITES = "rewrites"
_SCANS = "scans_under_lock"
_SERIAL = ("serial", "bigserial", "smallserial", "identity")


def _generated(case: Case) -> str:
    return str(case.operation.options.get("generated") or "").upper()


def _serial(case: Case) -> bool:
    if case.operation.kind != "add_column":
        return False
    return case.operation.type in _SERIAL or "IDENTITY" in _generated(case)


def _sets_not_null(case: Case) -> bool:
    operation, known = case.operation, case.known
    key = (operation.table, operation.column)
    return (
        operation.kind == "modify_column"
        and operation.options.get("null") is False
        and was_nullable(case) is not False
        and key not in known.proven
    )


def _adds_foreign_key(case: Case) -> bool:
    operation, options = case.operation, references(case)
    if operation.kind == "create_constraint":
        return bool(operation.options.get("references")) and operation.options.get("validate", True) is True
    if options is None or options.get("validate", True) is not True:
        return False
    has_default = volatility(operation.options.get("default")) != "none"
    return operation.kind == "modify_column" or (operation.kind == "add_column" and has_default)


def _constraint(case: Case, *keys: str) -> bool:
    options = case.operation.options
    found = case.operation.kind == "create_constraint" and any(options.get(key) for key in keys)
    return found and options.get("validate", True) is True


def _key(case: Case, key: str) -> bool:
    options = case.operation.options
    if case.operation.kind == "create_constraint":
        return options.get("key") == key and not options.get("using_index")
    option = "primary_key" if key == "primary" else "unique"
    return case.operation.kind in {"add_column", "modify_column"} and options.get(option) is True


def _validates_in_its_transaction(case: Case) -> bool:
    if case.operation.kind != "validate_constraint" or not case.migration.transaction:
        return False
    name = case.operation.options.get("name")
    return any(each.kind == "create_constraint" and each.options.get("name") == name for each in case.migration.forward)


REWRITING = (
    Rule(
        id="change_type",
        severity=_REWRITES,
        reason="The table and its indexes are written anew under ACCESS EXCLUSIVE; statements that the old release "
        "has prepared then fail with 0A000 (cached plan must not change result type).",
        instead="Add a column of the new type, write both, copy in batches, switch the reading, remove the old one "
        "later.",
        applies=lambda case: changes_type(case) is True,
    ),
    Rule(
        id="volatile_default",
        severity=_REWRITES,
        reason="The default is evaluated for every row there is, so the table is written anew under ACCESS EXCLUSIVE.",
        instead="Add the column without a default, set the default in a second step, and fill old rows in batches.",
        applies=lambda case: (
            is_kind(case, "add_column") and volatility(case.operation.options.get("default")) == "volatile"
        ),
    ),
    Rule(
        id="default_on_old_server",
        severity=_REWRITES,
        reason="Before PostgreSQL 11, a new column with any default writes the table anew.",
        instead="Add the column without a default, then set the default, then fill old rows in batches.",
        applies=lambda case: (
            is_kind(case, "add_column") and volatility(case.operation.options.get("default")) == "constant"
        ),
        harmless_since=11,
    ),
    Rule(
        id="stored_generated_column",
        severity=_REWRITES,
        reason="The value of every row is computed and stored at once, under ACCESS EXCLUSIVE.",
        instead="Add a plain column that a trigger fills, and fill old rows in batches; or VIRTUAL, from PostgreSQL "
        "18 on.",
        applies=lambda case: is_kind(case, "add_column") and "STORED" in _generated(case),
    ),
    Rule(
        id="serial_column",
        severity=_REWRITES,
        reason="Every row gets a number at once, so the table is written anew under ACCESS EXCLUSIVE.",
        instead="Add a plain bigint column, attach a sequence as its default, and number old rows in batches.",
        applies=_serial,
    ),
    Rule(
        id="rewrite_table",
        severity=_REWRITES,
        reason="Another tablespace, access method or persistence needs a copy of the whole table under ACCESS "
        "EXCLUSIVE.",
        instead="Make a new table beside it, and copy in batches.",
        applies=lambda case: is_kind(case, "rewrite_table"),
    ),
    Rule(
        id="vacuum_full",
        severity=_REWRITES,
        reason="VACUUM FULL copies the table under ACCESS EXCLUSIVE.",
        instead="Let autovacuum work, or use an extension that repacks online, outside of migrations.",
        applies=lambda case: is_kind(case, "vacuum_full"),
        also_new=True,
    ),
    Rule(
        id="cluster",
        severity=_REWRITES,
        reason="CLUSTER copies the table in the order of an index under ACCESS EXCLUSIVE.",
        instead="Use an extension that repacks online, outside of migrations.",
        applies=lambda case: is_kind(case, "cluster"),
    ),
    Rule(
        id="set_not_null",
        severity=_SCANS,
        reason="Every row is checked under ACCESS EXCLUSIVE, so even reads wait for the scan.",
        instead="Add a check `column IS NOT NULL` with `validate: false`, validate it in the next migration, then set "
        "NOT NULL (PostgreSQL 12 and newer take the check as proof), and drop the check.",
        applies=_sets_not_null,
    ),
    Rule(
        id="add_foreign_key",
        severity=_SCANS,
        reason="Every row is looked up in the other table, while writes to both tables wait (SHARE ROW EXCLUSIVE).",
        instead="`references(…, validate: false)`, then `ALTER TABLE … VALIDATE CONSTRAINT` in the next migration.",
        applies=_adds_foreign_key,
    ),
    Rule(
        id="add_check",
        severity=_SCANS,
        reason="Every row is checked under ACCESS EXCLUSIVE.",
        instead="`create constraint(…, validate: false)`, then `ALTER TABLE … VALIDATE CONSTRAINT` in the next "
        "migration.",
        applies=lambda case: _constraint(case, "check", "not_null"),
    ),
    Rule(
        id="validate_in_one_transaction",
        severity=_SCANS,
        reason="The constraint is added in the same transaction, so the strong lock of adding it is held while all "
        "rows are read.",
        instead="Validate in a migration of its own.",
        applies=_validates_in_its_transaction,
    ),
    Rule(
        id="unique_constraint",
        severity=_SCANS,
        reason="The index behind it is built under ACCESS EXCLUSIVE.",
        instead="Create a unique index concurrently, then `ADD CONSTRAINT … UNIQUE USING INDEX`.",
        applies=lambda case: _key(case, "unique"),
    ),
    Rule(
        id="exclusion_constraint",
        severity=_SCANS,
        reason="The index behind it is built under ACCESS EXCLUSIVE, and there is no way to do it concurrently.",
        instead="Make a new table with the constraint, and move the rows in batches.",
        applies=lambda case: bool(is_kind(case, "create_constraint") and case.operation.options.get("exclude")),
    ),
    Rule(
        id="primary_key",
        severity=_SCANS,
        reason="The index behind it is built, and its columns are checked for NULL, under ACCESS EXCLUSIVE.",
        instead="Create a unique index concurrently on columns that are NOT NULL, then `ADD PRIMARY KEY USING INDEX`.",
        applies=lambda case: _key(case, "primary"),
    ),
    Rule(
        id="domain_constraint",
        severity=_SCANS,
        reason="Every column of the domain's type is read, in all tables, under a lock that stops writes (SHARE).",
        instead="Add the constraint NOT VALID, and validate it in the next migration.",
        applies=lambda case: bool(is_kind(case, "domain_constraint") and case.operation.options.get("validate", True)),
        also_new=True,
    ),
    Rule(
        id="attach_partition",
        severity=_SCANS,
        reason="Rows of the new partition, and of the default partition, are checked under ACCESS EXCLUSIVE.",
        instead="First add a valid check on the new partition that says the same as its bounds.",
        applies=lambda case: is_kind(case, "attach_partition"),
    ),
)
