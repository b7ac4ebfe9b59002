"""Reads from pg_catalog what a valid row of a table needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rollout.migrations.health import Connection

Table = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column. `base` is its type without modifiers and domains, `length` of varchar(n), `labels` of an enum.

    `category` is that of pg_type (A arrays, E enums, R ranges, …). `filled`: PostgreSQL gives every row a value of its
    own (identity, nextval, gen_random_uuid()). `is_generated`: nobody may give it a value.
    """

    name: str
    base: str
    full: str
    category: str
    length: int | None
    required: bool
    has_default: bool
    filled: bool
    is_generated: bool
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignKey:
    """A foreign key: its columns, and table and columns that they refer to."""

    columns: tuple[str, ...]
    table: Table
    targets: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFacts:
    """What a valid row needs. `unique`: the columns of each unique index. `checks`: definitions of CHECK "
    "constraints."""

    table: Table
    columns: tuple[Column, ...]
    foreign_keys: tuple[ForeignKey, ...]
    unique: tuple[tuple[str, ...], ...]
    checks: tuple[str, ...]


_COLUMNS = """
SELECT a.attname, coalesce(b.typname, t.typname), format_type(a.atttypid, a.atttypmod),
       coalesce(b.typcategory, t.typcategory),
       CASE WHEN t.typname IN ('varchar', 'bpchar') AND a.atttypmod > 4 THEN a.atttypmod - 4
            WHEN b.typname IN ('varchar', 'bpchar') AND t.typtypmod > 4 THEN t.typtypmod - 4 END,
       a.attnotnull OR t.typnotnull, a.atthasdef OR t.typdefault IS NOT NULL,
       a.attidentity <> '' OR coalesce(pg_get_expr(d.adbin, d.adrelid) ~* 'nextval|uuid', false), a.attgenerated <> '',
       array(SELECT e.enumlabel::text FROM pg_enum e WHERE e.enumtypid = coalesce(b.oid, t.oid)
             ORDER BY e.enumsortorder)
FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_type b ON b.oid = t.typbasetype
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""
_FOREIGN_KEYS = """
SELECT array(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY u(n, i)
             JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.n ORDER BY i), n.nspname, c.relname,
       array(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY u(n, i)
             JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.n ORDER BY i)
FROM pg_constraint k JOIN pg_class c ON c.oid = k.confrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE k.conrelid = %s AND k.contype = 'f' ORDER BY k.conname
"""
_UNIQUE = """
SELECT array(SELECT a.attname::text FROM pg_attribute a
             WHERE a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey::int2[]) ORDER BY a.attnum),
       array(SELECT a.attname::text FROM pg_attribute a
             JOIN pg_depend d ON d.refobjid = a.attrelid AND d.refobjsubid = a.attnum
             WHERE d.objid = i.indexrelid AND a.attrelid = i.indrelid AND i.indexprs IS NOT NULL)
FROM pg_index i WHERE i.indrelid = %s AND i.indisunique ORDER BY i.indisprimary DESC, i.indexrelid
"""
_CHECKS = "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = %s AND contype = 'c' ORDER BY conname"


def table_facts(connection: Connection, table: Table) -> TableFacts:
    """The facts of one table."""
    found = connection.execute(
        "SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s AND "
        "c.relname = %s",
        table,
    ).fetchall()
    oid = (found[0][0],)
    columns = tuple(
        Column(
            name=str(row[0]), base=str(row[1]), full=str(row[2]), category=str(row[3]),
            length=int(str(row[4])) if row[4] is not None else None, required=row[5] is True,
            has_default=row[6] is True, filled=row[7] is True, is_generated=row[8] is True, labels=_texts(row[9]),
        )
        for row in connection.execute(_COLUMNS, oid).fetchall()
    )  # fmt: skip
    keys = tuple(
        ForeignKey(columns=_texts(row[0]), table=(str(row[1]), str(row[2])), targets=_texts(row[3]))
        for row in connection.execute(_FOREIGN_KEYS, oid).fetchall()
    )
    unique = tuple(_texts(row[0]) + _texts(row[1]) for row in connection.execute(_UNIQUE, oid).fetchall())
    checks = tuple(str(row[0]) for row in connection.execute(_CHECKS, oid).fetchall())
    return TableFacts(table=table, columns=columns, foreign_keys=keys, unique=unique, checks=checks)


def parents_first(facts: Mapping[Table, TableFacts]) -> Sequence[Table]:
    """The tables, each after those that it refers to, as far as there is no cycle."""
    ordered: list[Table] = []
    visited: set[Table] = set()

    def visit(table: Table) -> None:
        if table in visited or table not in facts:
            return
        visited.add(table)
        for key in facts[table].foreign_keys:
            visit(key.table)
        ordered.append(table)

    for table in sorted(facts):
        visit(table)
    return ordered


def _texts(value: object) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list) else ()
