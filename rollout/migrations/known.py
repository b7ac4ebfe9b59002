"""What earlier operations tell about the schema: types, NOT NULL, checks, and which tables are new."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rollout.migrations.column_types import ColumnType, column_type
from rollout.migrations.operations import Operation
from rollout.migrations.sql_tokens import split

_Column = tuple[str | None, str | None]


@dataclass(slots=True)
class Known:
    """The schema so far. `created` are tables of the set of migrations that is judged, so old code does not use "
    "them."""

    created: set[str] = field(default_factory=set)
    dropped: set[str] = field(default_factory=set)
    tables: set[str] = field(default_factory=set)
    types: dict[_Column, ColumnType | None] = field(default_factory=dict)
    nullable: dict[_Column, bool] = field(default_factory=dict)
    indexes: dict[str, str] = field(default_factory=dict)
    _checks: dict[_Column, str] = field(default_factory=dict)
    proven: set[_Column] = field(default_factory=set)

    def is_new(self, table: str | None) -> bool:
        """Whether the table was created in this set."""
        return table in self.created

    def table_of_index(self, operation: Operation) -> str | None:
        """The table of the index that an operation names, None if no migration has told."""
        return operation.table or self.indexes.get(str(operation.options.get("name")))

    def learn(self, operation: Operation, *, is_new: bool) -> None:
        """Take over what the operation changes. `is_new`: it belongs to the set that is judged."""
        table, options = operation.table, operation.options
        if operation.kind == "create_table" and table:
            exists = options.get("if_not_exists") and table in self.tables
            self.tables.add(table)
            if is_new and not exists and table not in self.dropped:
                self.created.add(table)
        elif operation.kind == "drop_table" and table:
            self.dropped.add(table)
            self.tables.discard(table)
        elif operation.kind == "rename_table" and table:
            self._rename(table, str(options.get("to")))
        elif operation.kind in {"add_column", "modify_column"}:
            self._column(operation)
        elif operation.kind == "create_index" and table:
            columns = "_".join(map(str, options.get("columns", ())))
            self.indexes[str(options.get("name") or f"{table}_{columns}_index")] = table
        elif operation.kind in {"create_constraint", "validate_constraint"}:
            self._check(operation)

    def _rename(self, old: str, new: str) -> None:
        if old in self.created:
            self.created.add(new)
        for known in (self.types, self.nullable):
            _move(known, old, new)

    def _column(self, operation: Operation) -> None:
        key, options = (operation.table, operation.column), operation.options
        if operation.type is not None:
            self.types[key] = column_type(operation.type, options)
        if "null" in options or operation.kind == "add_column":
            required = options.get("null") is False or options.get("primary_key") is True
            self.nullable[key] = not required

    def _check(self, operation: Operation) -> None:
        table, options = operation.table, operation.options
        column = options.get("not_null") or not_null_column(options)
        if operation.kind == "create_constraint" and column:
            if options.get("validate", True) is True:
                self.proven.add((table, column))
            self._checks[(table, str(options.get("name")))] = column
        elif operation.kind == "validate_constraint":
            proven = self._checks.get((table, str(options.get("name"))))
            if proven:
                self.proven.add((table, proven))


def not_null_column(options: Mapping[str, Any]) -> str | None:
    """The column of a check that says nothing but `column IS NOT NULL`."""
    check = options.get("check")
    words = [token for part in split(str(check or "")) for token in part.tokens if token.text not in {"(", ")"}]
    if len(words) == 4 and all(
        token.is_word(word) for token, word in zip(words[1:], ("IS", "NOT", "NULL"), strict=True)
    ):
        return words[0].text
    return None


def _move(known: dict[_Column, Any], old: str, new: str) -> None:
    for table, column in [key for key in known if key[0] == old]:
        known[(new, column)] = known[(table, column)]
