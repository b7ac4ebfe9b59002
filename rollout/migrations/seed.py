"""Fills the tables of a copy up to a number of rows, as far as it can.

Where a table has rows, they are copied with other keys. Where it has none, rows are made from the catalog: types,
enums, foreign keys and simple checks. What could not be filled is said with PostgreSQL's reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import psycopg
from psycopg import sql

from rollout.migrations.catalog import Column, ForeignKey, Table, TableFacts, parents_first, table_facts
from rollout.migrations.health import LEDGER, Connection
from rollout.migrations.measure import count, largest_tables

_LITERAL = re.compile(r"'((?:[^']|'')*)'")
_NUMBERS = frozenset({"int2", "int4", "int8", "numeric", "float4", "float8", "money"})
_TEXTS = frozenset({"text", "varchar", "bpchar", "citext", "name"})
_PLAIN: Mapping[str, str] = {
    "bool": "false", "uuid": "gen_random_uuid()", "date": "current_date - (g % 3650)::int", "time": "'12:00'::time",
    "timestamp": "localtimestamp - g * interval '1 second'", "timestamptz": "now() - g * interval '1 second'",
    "interval": "g * interval '1 second'", "bytea": "decode(md5(g::text), 'hex')", "inet": "'10.0.0.0'::inet + g",
    "cidr": "'10.0.0.0/32'::cidr", "jsonb": "'{}'::jsonb", "json": "'{}'::json", "tsvector": "''::tsvector",
    "macaddr": "'08:00:2b:01:02:03'::macaddr", "bit": "B'0'", "varbit": "B'0'", "xml": "'<a/>'::xml",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Seeded:
    """What became of one table. `problem`: why it has fewer rows than asked for, or None."""

    table: str
    before: int
    after: int
    problem: str | None = None


def seed(
    connection: Connection, rows: int, *, tables: Iterable[Table] | None = None, ledger: str = LEDGER
) -> tuple[Seeded, ...]:
    """Fill tables up to `rows` rows, parents first. A table that has more is left alone. Triggers of users do not fire.

    `tables`: (schema, name); all of the application without it. Raises nothing for a table that cannot be filled.
    """
    wanted = tuple(tables) if tables is not None else largest_tables(connection, ledger)
    facts = {table: table_facts(connection, table) for table in wanted}
    return tuple(_fill(connection, facts[table], rows) for table in parents_first(facts))


def _fill(connection: Connection, facts: TableFacts, rows: int) -> Seeded:
    name = ".".join(facts.table)
    before = count(connection, facts.table)
    problem = None
    if before < rows:
        try:
            with connection.transaction():
                _insert(connection, facts, rows - before, before)
        except psycopg.Error as error:
            problem = " ".join((error.diag.message_primary or str(error)).split())
    after = count(connection, facts.table)
    connection.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(*facts.table)))
    if problem is None and after < rows:
        problem = f"only {after} of {rows} rows: a unique index, or a table that it refers to, allows no more"
    return Seeded(table=name, before=before, after=after, problem=problem)


def _insert(connection: Connection, facts: TableFacts, rows: int, before: int) -> None:
    table = sql.Identifier(*facts.table)
    keys = {column: key for key in facts.foreign_keys for column in key.columns}
    unique = {column for columns in facts.unique for column in columns}
    values: dict[str, sql.Composable] = {}
    joins: list[sql.Composable] = []
    divisor: sql.Composable = sql.SQL("1")
    for number, key in enumerate(facts.foreign_keys):
        if key.table == facts.table or (before and not unique & set(key.columns)):
            continue
        if not before and not _is_wanted(facts, key, unique):
            continue
        is_second = key.table in {each.table for each in facts.foreign_keys[:number]}
        join, divisor = _parent(key, number, divisor, is_second=is_second)
        joins.append(join)
        for name, target in zip(key.columns, key.targets, strict=True):
            values.setdefault(name, sql.Identifier(f"p{number}", target))
    for column in facts.columns:
        if not column.is_generated and column.name not in values and not _is_left_out(column, unique, before):
            values[column.name] = _value(column, facts, keys, is_unique=column.name in unique, is_copy=before > 0)
    source = sql.SQL("generate_series(1, {}) g").format(rows)
    if before:
        source = sql.SQL(
            '{} JOIN (SELECT *, row_number() OVER () AS "the row" FROM {}) b ON b."the row" = 1 + g % {}'
        ).format(source, table, before)
    statement = sql.SQL("INSERT INTO {} ({}) SELECT {} FROM {} {} ON CONFLICT DO NOTHING").format(
        table,
        sql.SQL(", ").join(map(sql.Identifier, values)),
        sql.SQL(", ").join(values.values()),
        source,
        sql.SQL(" ").join(joins),
    )
    connection.execute(sql.SQL("ALTER TABLE {} DISABLE TRIGGER USER").format(table))
    connection.execute(statement if values else sql.SQL("INSERT INTO {} DEFAULT VALUES").format(table))
    connection.execute(sql.SQL("ALTER TABLE {} ENABLE TRIGGER USER").format(table))


def _is_wanted(facts: TableFacts, key: ForeignKey, unique: set[str]) -> bool:
    """Whether a new row has to refer to another table: a column that may be NULL, and is in no key, stays NULL."""
    required = {column.name for column in facts.columns if column.required}
    return bool(set(key.columns) & (required | unique))


def _parent(
    key: ForeignKey, number: int, divisor: sql.Composable, *, is_second: bool
) -> tuple[sql.Composable, sql.Composable]:
    """A join with the rows of the other table. Several of them are combined like the digits of a number.

    `is_second`: an earlier key refers to the same table. It is shifted, because rows rarely may refer to one row twice.
    """
    parent, alias = sql.Identifier(*key.table), sql.Identifier(f"p{number}")
    size = sql.SQL("greatest((SELECT count(*) FROM {}), 1)").format(parent)
    join = sql.SQL(
        'JOIN (SELECT *, row_number() OVER () AS "the row" FROM {}) {} ON {}."the row" = 1 + ((g - 1) / ({}){}) % {}'
    ).format(parent, alias, alias, divisor, sql.SQL(" + g" if is_second else ""), size)
    return join, sql.SQL("{} * {}").format(divisor, size)


def _is_left_out(column: Column, unique: set[str], before: int) -> bool:
    """Whether PostgreSQL fills the column: by a default, or with NULL."""
    if column.filled and (column.name in unique or not before):
        return True
    return not before and column.name not in unique and (column.has_default or not column.required)


def _value(
    column: Column, facts: TableFacts, keys: Mapping[str, ForeignKey], *, is_unique: bool, is_copy: bool
) -> sql.Composable:
    if is_copy and (not is_unique or column.name in keys):
        return sql.SQL("b.{}").format(sql.Identifier(column.name))
    if column.name in keys and not column.required:
        return sql.SQL("NULL")  # it refers to its own table
    return sql.SQL("({})::{}").format(_made(column, facts, is_unique=is_unique, is_copy=is_copy), sql.SQL(column.full))


def _made(column: Column, facts: TableFacts, *, is_unique: bool, is_copy: bool) -> sql.Composable:
    """A value that differs from row to row if it has to be unique, and satisfies a check that lists values."""
    if choices := column.labels or _listed(column, facts.checks):
        array = sql.SQL("ARRAY[{}]").format(sql.SQL(", ").join(map(sql.Literal, choices)))
        return sql.SQL("({})[{}]").format(array, sql.SQL(f"1 + g % {len(choices)}") if is_unique else sql.SQL("1"))
    if column.base in _NUMBERS:
        highest = sql.SQL("coalesce((SELECT max({}) FROM {}), 0) + g").format(
            sql.Identifier(column.name), sql.Identifier(*facts.table)
        )
        return highest if is_unique else sql.SQL("1")
    if column.base in _TEXTS:
        text: sql.Composable = sql.SQL("'x' || md5(random()::text || g)") if is_unique else sql.SQL("'x' || g")
        if is_copy:  # an address stays an address
            text = sql.SQL("'x' || left(md5(random()::text || g), 12) || b.{}").format(sql.Identifier(column.name))
        return sql.SQL("left({}, {})").format(text, column.length) if column.length else text
    if column.category == "A":
        return sql.SQL("'{{}}'")
    if column.category == "R":
        return sql.SQL("'empty'")
    return sql.SQL(_PLAIN.get(column.base, "NULL"))


def _listed(column: Column, checks: Iterable[str]) -> tuple[str, ...]:
    """The values that a check such as `status = ANY (ARRAY['a', 'b'])` allows."""
    for check in checks:
        head, any_mark, rest = check.partition("= ANY")
        if any_mark and re.search(rf"\b{re.escape(column.name)}\b", head):
            return tuple(value.replace("''", "'") for value in _LITERAL.findall(rest))
    return ()
