"""Migrations and their operations, as the Elixir script reads them (rollout/elixir/migrations/command.ex)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any

from rollout.migrations.sql_statements import recognise

FORWARD = frozenset({"change", "up", "after_begin", "before_commit"})
_SQL = frozenset({"execute", "query"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation of a migration.

    `line` is its own line, `statement` that of the block or call which it belongs to. `direction` is the function:
    change, up, down, after_begin or before_commit. `kind` is a word such as add_column. `table` has the prefix before
    it, if the migration says one. `type` and values in `options` are as in the source; a mapping `{"fragment": sql}`,
    `{"references": table, "options": …}` or `{"unknown": source}` stands for what has no JSON. `sql`: the statement,
    for operations that were written in SQL. `undecided`: why it is not known whether or on what it acts.
    """

    version: int
    file: str
    line: int
    statement: int
    direction: str
    kind: str
    table: str | None = None
    column: str | None = None
    type: Any = None
    options: Mapping[str, Any] = field(default_factory=dict)
    sql: str | None = None
    undecided: tuple[str, ...] = ()

    @property
    def detail(self) -> str:
        """The operation in a few words, for people."""
        place = ".".join(part for part in (self.table, self.column) if part)
        columns = ", ".join(map(str, self.options.get("columns", ())))
        words = [self.kind.replace("_", " "), place, f"({columns})" if columns else ""]
        if self.kind in {"sql", "execute", "query"} and self.sql:
            words.append(" ".join(self.sql.split())[:120])
        elif "code" in self.options:
            words.append(" ".join(str(self.options["code"]).split())[:120])
        return " ".join(word for word in words if word)


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """A migration's file. `functions` are those without parameters. `comments`: line → text.

    `transaction` and `migration_lock` are False if the module attributes of Ecto turn them off. `problem`: why the file
    could not be read; then the rest is empty.
    """

    version: int
    file: str
    line: int = 1
    module: str = ""
    uses: tuple[str, ...] = ()
    transaction: bool = True
    migration_lock: bool = True
    functions: tuple[str, ...] = ()
    comments: Mapping[int, str] = field(default_factory=dict)
    operations: tuple[Operation, ...] = ()
    problem: str | None = None

    @property
    def name(self) -> str:
        """The name of the file without its ending, for people."""
        return PurePosixPath(self.file).stem

    @property
    def forward(self) -> tuple[Operation, ...]:
        """The operations of the way up."""
        return tuple(each for each in self.operations if each.direction in FORWARD)


def decode(lines: Iterable[str]) -> tuple[Migration, ...]:
    """The migrations in the lines of the script, in the order of their versions. SQL is split into its statements."""
    found: list[Migration] = []
    operations: list[list[Operation]] = []
    for row in map(json.loads, lines):
        if row["kind"] == "migration":
            found.append(_migration(row))
            operations.append([])
        elif row["kind"] == "unreadable":
            found.append(
                Migration(version=row["version"], file=row["file"], line=row["line"] or 1, problem=row["text"])
            )
            operations.append([])
        else:
            operations[-1].extend(_expanded(_operation(row)))
    return tuple(replace(migration, operations=tuple(own)) for migration, own in zip(found, operations, strict=True))


def tables_of(migrations: Iterable[Migration], schema: str = "public") -> tuple[tuple[str, str], ...]:
    """The tables (schema, name) that the migrations act on or refer to, sorted. `schema`: of names without one."""
    names: set[object] = set()
    for operation in (each for migration in migrations for each in migration.forward):
        references = operation.type.get("references") if isinstance(operation.type, Mapping) else None
        names.update(name for name in (operation.table, references, operation.options.get("references")) if name)
    parted = (str(name).rpartition(".") for name in names if isinstance(name, str))
    return tuple(sorted((place or schema, name) for place, _, name in parted))


def _migration(row: Mapping[str, Any]) -> Migration:
    return Migration(
        version=row["version"],
        file=row["file"],
        line=row["line"],
        module=row["module"],
        uses=tuple(row["uses"]),
        transaction=row["transaction"],
        migration_lock=row["migration_lock"],
        functions=tuple(row["functions"]),
        comments={comment["line"]: comment["text"] for comment in row["comments"]},
    )


def _operation(row: Mapping[str, Any]) -> Operation:
    table, prefix = row["table"], row["prefix"] or (row["options"] or {}).get("prefix")
    prefix = prefix.get("unknown") if isinstance(prefix, Mapping) else prefix
    return Operation(
        version=row["version"],
        file=row["file"],
        line=row["line"],
        statement=row["statement"],
        direction=row["direction"],
        kind=row["kind"],
        table=f"{prefix}.{table}" if prefix and table else table,
        column=row["column"],
        type=row["type"],
        options=dict(row["options"] or {}),
        sql=row["sql"],
        undecided=tuple(row["undecided"]),
    )


def _expanded(operation: Operation) -> Iterable[Operation]:
    """The statements of an operation in SQL, each as an operation; any other operation itself."""
    if operation.kind not in _SQL or not operation.sql:
        yield operation
        return
    for found in recognise(operation.sql):
        yield replace(
            operation,
            kind=found.kind,
            table=found.table,
            column=found.column,
            type=found.type,
            sql=found.text,
            options={**operation.options, **found.options, "by": operation.kind},
        )
