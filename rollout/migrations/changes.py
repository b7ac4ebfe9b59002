"""Questions about one operation that several rules ask."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rollout.migrations.column_types import ColumnType, column_type, needs_rewrite
from rollout.migrations.rule import Case


def is_kind(case: Case, *kinds: str) -> bool:
    """Whether the operation is of one of the kinds."""
    return case.operation.kind in kinds


def changes_type(case: Case) -> bool | None:
    """Whether a `modify` changes the type so that the table is written anew. None if the old type is not known."""
    operation = case.operation
    if operation.kind != "modify_column" or operation.type is None:
        return False
    new = column_type(operation.type, operation.options)
    old = _old_type(operation.options.get("from")) or case.known.types.get((operation.table, operation.column))
    return None if old is None or new is None else needs_rewrite(old, new)


def _old_type(source: Any) -> ColumnType | None:
    """The type that the option `from:` names: a type, or a pair of a type and its options."""
    if isinstance(source, Mapping) and "type" in source:
        options = source.get("options", {})
        return column_type(source["type"], options)
    return column_type(source, {}) if source is not None else None


def was_nullable(case: Case) -> bool | None:
    """Whether the column could be NULL before a `modify`; None if nothing has told."""
    source = case.operation.options.get("from")
    options = source.get("options") if isinstance(source, Mapping) and "type" in source else None
    if isinstance(options, Mapping) and "null" in options:
        return options["null"] is not False
    return case.known.nullable.get((case.operation.table, case.operation.column))


def references(case: Case) -> Mapping[str, object] | None:
    """The options of the foreign key that a column gets, None without one."""
    found = case.operation.type
    return found.get("options", {}) if isinstance(found, Mapping) and "references" in found else None
