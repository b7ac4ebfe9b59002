"""Read-only queries that checks make on an open database connection."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg import sql

from rollout.site.postgres.login import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column. `type` in PostgreSQL's spelling, e.g. "timestamp without time zone"; `default` is an SQL expression."""

    name: str
    type: str
    nullable: bool
    default: str | None


def server_version(connection: Connection) -> tuple[int, int]:
    """The version of the server, e.g. (17, 6)."""
    number = connection.info.server_version
    return number // 10000, number % 10000


def encoding(connection: Connection, database: str) -> str | None:
    """The encoding of a database, e.g. "UTF8"; None if it does not exist."""
    query = "SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname = %s"
    row = connection.execute(query, (database,)).fetchone()
    return str(row[0]) if row else None


def owner(connection: Connection, database: str) -> str | None:
    """The role that owns the database; None if it does not exist."""
    row = connection.execute(
        "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = %s", (database,)
    ).fetchone()
    return str(row[0]) if row else None


def rights(connection: Connection, role: str) -> frozenset[str]:
    """The rights of the role in the connection's database.

    Possible: "connect", "create", "temporary", "create in public", "use public", "create databases",
    "create roles", "superuser".
    """
    row = connection.execute(
        """SELECT has_database_privilege(oid, current_database(), 'CONNECT'),
                  has_database_privilege(oid, current_database(), 'CREATE'),
                  has_database_privilege(oid, current_database(), 'TEMPORARY'),
                  has_schema_privilege(oid, 'public', 'CREATE'), has_schema_privilege(oid, 'public', 'USAGE'),
                  rolcreatedb, rolcreaterole, rolsuper
           FROM pg_roles WHERE rolname = %s""",
        (role,),
    ).fetchone()
    names = (
        "connect", "create", "temporary", "create in public", "use public",
        "create databases", "create roles", "superuser",
    )  # fmt: skip
    return frozenset(name for name, has in zip(names, row or (), strict=False) if has)


def tables(connection: Connection, schema: str = "public") -> tuple[str, ...]:
    """Names of the tables, sorted."""
    query = "SELECT tablename FROM pg_tables WHERE schemaname = %s ORDER BY tablename"
    return tuple(str(row[0]) for row in connection.execute(query, (schema,)))


def columns(connection: Connection, table: str, schema: str = "public") -> tuple[Column, ...]:
    """The columns of a table, in its order; empty if it does not exist."""
    rows = connection.execute(
        """SELECT a.attname, format_type(a.atttypid, a.atttypmod), NOT a.attnotnull,
                  pg_get_expr(d.adbin, d.adrelid)
           FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
           JOIN pg_namespace n ON n.oid = c.relnamespace
           LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
           WHERE n.nspname = %s AND c.relname = %s AND a.attnum > 0 AND NOT a.attisdropped
           ORDER BY a.attnum""",
        (schema, table),
    )
    return tuple(Column(name=row[0], type=row[1], nullable=row[2], default=row[3]) for row in rows)


def unique_indexes(connection: Connection, table: str, schema: str = "public") -> tuple[tuple[str, ...], ...]:
    """The columns (or expressions) of each unique index, the primary key included, sorted."""
    rows = connection.execute(
        """SELECT array(SELECT trim('"' FROM pg_get_indexdef(i.indexrelid, k, true))
                        FROM generate_series(1, i.indnkeyatts) k)
           FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
           WHERE n.nspname = %s AND c.relname = %s AND i.indisunique""",
        (schema, table),
    )
    return tuple(sorted(tuple(row[0]) for row in rows))


def rows(connection: Connection, table: str, schema: str = "public") -> int:
    """The number of rows of a table."""
    row = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(schema, table))).fetchone()
    return int(row[0]) if row else 0
