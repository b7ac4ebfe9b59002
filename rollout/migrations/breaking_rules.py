"""Rules about operations that break the old release while it still runs."""

from __future__ import annotations

from rollout.migrations.changes import is_kind, was_nullable
from rollout.migrations.defaults import volatility
from rollout.migrations.rule import Case, Rule

_BREAKS = "breaks_old_code"


def _required_column(case: Case) -> bool:
    options = case.operation.options
    return (
        case.operation.kind == "add_column"
        and (options.get("null") is False or options.get("primary_key") is True)
        and volatility(options.get("default")) == "none"
        and not options.get("generated")
        and case.operation.type not in ("serial", "bigserial", "smallserial", "identity")
    )


def _drops_not_null(case: Case) -> bool:
    operation = case.operation
    return operation.kind == "modify_column" and operation.options.get("null") is True and not was_nullable(case)


def _recreates(case: Case) -> bool:
    return case.operation.kind == "create_table" and case.operation.table in case.known.dropped


BREAKING = (
    Rule(
        id="remove_column",
        severity=_BREAKS,
        reason="Instances of the old release name the column in every query that they have prepared, and fail with "
        "42703.",
        instead="First deploy a release whose schema no longer has the column; remove it in the release after that.",
        applies=lambda case: is_kind(case, "remove_column"),
    ),
    Rule(
        id="rename_column",
        severity=_BREAKS,
        reason="The old release asks for the old name, the new one for the new name: one of them fails whichever "
        "comes first.",
        instead="Keep the name and set `source:` in the schema; or add a column, write both, copy, switch, then "
        "remove.",
        applies=lambda case: is_kind(case, "rename_column"),
    ),
    Rule(
        id="rename_table",
        severity=_BREAKS,
        reason="The old release asks for the old name and fails with 42P01 until its last instance is gone.",
        instead="Keep the name and change only the schema's module; or leave a view with the old name behind.",
        applies=lambda case: is_kind(case, "rename_table"),
    ),
    Rule(
        id="rename_schema",
        severity=_BREAKS,
        reason="Every table in it gets another qualified name at once, and the old release finds none of them.",
        instead="Make a new schema, and move one table at a time behind a view.",
        applies=lambda case: is_kind(case, "rename_schema", "rename_object"),
        also_new=True,
    ),
    Rule(
        id="rename_enum_value",
        severity=_BREAKS,
        reason="The old release writes the old value, and PostgreSQL refuses it.",
        instead="Add the new value, let both releases accept both, change the rows, and leave the old value unused.",
        applies=lambda case: is_kind(case, "rename_enum_value"),
        also_new=True,
    ),
    Rule(
        id="drop_table",
        severity=_BREAKS,
        reason="The old release still reads and writes it, and its rows are gone for good.",
        instead="First deploy a release that does not use the table; drop it later, with a dump at hand.",
        applies=lambda case: is_kind(case, "drop_table"),
    ),
    Rule(
        id="drop_object",
        severity=_BREAKS,
        reason="Queries, defaults and triggers of the old release may use the type, function, view or schema.",
        instead="Drop it in a release after the one that stopped using it.",
        applies=lambda case: is_kind(case, "drop_object"),
        also_new=True,
    ),
    Rule(
        id="drop_database",
        severity=_BREAKS,
        reason="Everything in it is lost, and no rollback brings it back.",
        instead="Do it by hand, after a backup that somebody has restored.",
        applies=lambda case: is_kind(case, "drop_database"),
        also_new=True,
    ),
    Rule(
        id="truncate",
        severity=_BREAKS,
        reason="It empties the table under ACCESS EXCLUSIVE; with CASCADE also every table that references it.",
        instead="Delete rows in batches, outside of a migration.",
        applies=lambda case: is_kind(case, "truncate"),
    ),
    Rule(
        id="recreate_table",
        severity=_BREAKS,
        reason="The table is dropped and made again: its rows, rights and indexes are lost while instances use it.",
        instead="Alter the table, or make one with another name.",
        applies=_recreates,
        also_new=True,
    ),
    Rule(
        id="required_column",
        severity=_BREAKS,
        reason="The old release inserts rows without the column and fails with 23502; on a table with rows the "
        "migration itself fails.",
        instead="Add it with a default, or nullable; fill it; then require it in a later migration.",
        applies=_required_column,
    ),
    Rule(
        id="drop_not_null",
        severity=_BREAKS,
        reason="The old release does not expect NULL where it never was, and crashes when the new one has written it.",
        instead="First deploy code that can read NULL.",
        applies=_drops_not_null,
    ),
)
