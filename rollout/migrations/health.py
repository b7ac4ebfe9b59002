"""Questions about a database after its migrations. Each takes an open connection, and only reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import psycopg
from psycopg import sql

Connection = psycopg.Connection[tuple[object, ...]]
LEDGER = "schema_migrations"
_OWN = "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """Connections of a server: all that it allows, those kept for administrators, and those that the pools may open."""

    allowed: int
    reserved: int
    wanted: int

    @property
    def fits(self) -> bool:
        return self.wanted <= self.allowed - self.reserved


def invalid_indexes(connection: Connection) -> tuple[str, ...]:
    """`schema.index on table` for every index that a failed CONCURRENTLY has left invalid or not ready."""
    query = f"""SELECT format('%s.%s on %s', n.nspname, c.relname, t.relname) FROM pg_index i
        JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE NOT (i.indisvalid AND i.indisready AND i.indislive) AND {_OWN} ORDER BY 1"""  # noqa: S608 - our own text
    return _texts(connection, query)


def unvalidated_constraints(connection: Connection) -> tuple[str, ...]:
    """`schema.table: constraint` for every constraint that is NOT VALID."""
    query = f"""SELECT format('%s.%s: %s', n.nspname, t.relname, k.conname) FROM pg_constraint k
        JOIN pg_class t ON t.oid = k.conrelid JOIN pg_namespace n ON n.oid = t.relnamespace
        WHERE NOT k.convalidated AND {_OWN} ORDER BY 1"""  # noqa: S608 - our own text
    return _texts(connection, query)


def ledgers(connection: Connection, name: str = LEDGER) -> tuple[str, ...]:
    """The schemas that have a table of applied versions; with tenants there is one in each of theirs."""
    query = """SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'version'
        WHERE c.relname = %s AND c.relkind IN ('r', 'p') ORDER BY 1"""
    return _texts(connection, query, (name,))


def applied_versions(connection: Connection, name: str = LEDGER) -> Mapping[str, tuple[int, ...]]:
    """Schema → the versions that are applied in it, sorted. A version that is recorded twice is there twice."""
    found = {}
    for schema in ledgers(connection, name):
        query = sql.SQL("SELECT version FROM {} ORDER BY 1").format(sql.Identifier(schema, name))
        found[schema] = tuple(int(str(row[0])) for row in connection.execute(query).fetchall())
    return found


def capacity(connection: Connection, pools: Iterable[int]) -> Capacity:
    """Whether all pools fit the server. `pools`: the size of each pool of each instance, and of the migrator."""
    query = """SELECT sum(setting::int) FILTER (WHERE name = 'max_connections'),
        coalesce(sum(setting::int) FILTER (WHERE name <> 'max_connections'), 0) FROM pg_settings
        WHERE name IN ('max_connections', 'superuser_reserved_connections', 'reserved_connections')"""
    allowed, reserved = connection.execute(query).fetchall()[0]
    return Capacity(allowed=int(str(allowed)), reserved=int(str(reserved)), wanted=sum(pools))


def _texts(connection: Connection, query: str, values: tuple[object, ...] = ()) -> tuple[str, ...]:
    rows = connection.execute(query.encode(), values or None).fetchall()
    return tuple(str(row[0]) for row in rows)
