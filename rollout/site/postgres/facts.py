"""Reads roles, schema and content of a database server as text, to compare its state later."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping

from psycopg import sql

from rollout.site.postgres.login import Connection
from rollout.site.postgres.server import DatabaseServer

# Values as text must not depend on settings. All queries read one snapshot.
_SETTING = """
SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'postgres';
SET bytea_output = 'hex'; SET extra_float_digits = 1; SET search_path = pg_catalog;
SET lock_timeout = '10s'; SET statement_timeout = '60s';
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY
"""

_SERVER = """
SELECT 'role', rolname, CASE WHEN rolname = %(role)s THEN concat_ws(' ',
         CASE WHEN rolcanlogin THEN 'login' END, CASE WHEN rolcreatedb THEN 'createdb' END,
         CASE WHEN rolcreaterole THEN 'createrole' END, CASE WHEN rolsuper THEN 'superuser' END,
         CASE WHEN rolreplication THEN 'replication' END, CASE WHEN rolbypassrls THEN 'bypassrls' END,
         'limit=' || rolconnlimit, array_to_string(rolconfig, ','))
       ELSE 'there' END
FROM pg_roles WHERE rolname = %(role)s OR oid IN (
  SELECT roleid FROM pg_auth_members
  WHERE %(role)s IN (pg_get_userbyid(member), pg_get_userbyid(grantor)) AND pg_get_userbyid(roleid) !~ '^pg_')
UNION ALL
SELECT 'database', datname, CASE WHEN datname = ANY(%(databases)s) THEN
         format('owner=%%s encoding=%%s collation=%%s ctype=%%s rights=%%s', pg_get_userbyid(datdba),
                pg_encoding_to_char(encoding), datcollate, datctype, datacl)
       ELSE 'there' END
FROM pg_database WHERE datname = ANY(%(databases)s) OR pg_get_userbyid(datdba) = %(role)s
"""

_DATABASE = """
WITH space AS (
  SELECT oid, nspname, nspowner, nspacl FROM pg_namespace
  WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
), extended AS (
  SELECT classid, objid FROM pg_depend WHERE deptype = 'e'
), rel AS (
  SELECT c.*, n.nspname || '.' || c.relname AS name FROM pg_class c JOIN space n ON n.oid = c.relnamespace
  WHERE c.oid NOT IN (SELECT objid FROM extended WHERE classid = 'pg_class'::regclass)
)
SELECT 'schema', nspname, format('owner=%s rights=%s', pg_get_userbyid(nspowner), nspacl) FROM space
UNION ALL
SELECT CASE relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'view' ELSE 'table' END, name,
       format('owner=%s rights=%s %s', pg_get_userbyid(relowner), relacl,
              CASE WHEN relkind IN ('v', 'm') THEN md5(pg_get_viewdef(oid)) END)
FROM rel WHERE relkind IN ('r', 'p', 'v', 'm', 'f')
UNION ALL
SELECT 'column', r.name || '.' || a.attname,
       concat_ws(' ', format_type(a.atttypid, a.atttypmod),
                 CASE WHEN a.attnotnull THEN 'not null' END,
                 'default ' || pg_get_expr(d.adbin, d.adrelid),
                 'identity ' || nullif(a.attidentity::text, ''))
FROM rel r JOIN pg_attribute a ON a.attrelid = r.oid
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE r.relkind IN ('r', 'p', 'v', 'm', 'f') AND a.attnum > 0 AND NOT a.attisdropped
UNION ALL
SELECT 'index', r.name || '.' || c.relname, pg_get_indexdef(i.indexrelid)
FROM pg_index i JOIN rel r ON r.oid = i.indrelid JOIN pg_class c ON c.oid = i.indexrelid
UNION ALL
SELECT 'constraint', r.name || '.' || k.conname, pg_get_constraintdef(k.oid)
FROM pg_constraint k JOIN rel r ON r.oid = k.conrelid WHERE k.contype <> 'n'
UNION ALL
SELECT 'trigger', r.name || '.' || t.tgname, pg_get_triggerdef(t.oid)
FROM pg_trigger t JOIN rel r ON r.oid = t.tgrelid WHERE NOT t.tgisinternal
UNION ALL
SELECT 'enum', n.nspname || '.' || t.typname, string_agg(e.enumlabel, ', ' ORDER BY e.enumsortorder)
FROM pg_type t JOIN space n ON n.oid = t.typnamespace JOIN pg_enum e ON e.enumtypid = t.oid GROUP BY 2
UNION ALL
SELECT 'function', n.nspname || '.' || p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')',
       md5(pg_get_functiondef(p.oid))
FROM pg_proc p JOIN space n ON n.oid = p.pronamespace
WHERE p.prokind IN ('f', 'p')
  AND p.oid NOT IN (SELECT objid FROM extended WHERE classid = 'pg_proc'::regclass)
UNION ALL
SELECT 'extension', extname, extversion FROM pg_extension
UNION ALL
SELECT 'sequence', schemaname || '.' || sequencename, coalesce(last_value::text, 'unused') FROM pg_sequences
"""

# Not those of an unlogged table: PostgreSQL itself empties it after a crash. Oban, for example, keeps the name of its
# leader in one, and writes it every few seconds.
_TABLES = """
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND (c.relkind IN ('r', 'p') AND c.relpersistence <> 'u' OR c.relkind = 'm' AND c.relispopulated)
"""
_CONTENT = """
SELECT {name}, count(*), md5(coalesce(string_agg(h, '' ORDER BY h COLLATE "C"), ''))
FROM (SELECT md5(ROW("a row".*)::text) AS h FROM {table} AS "a row") AS "rows"
"""
_PARENTS = ("database", "schema", "table", "view")


def facts(server: DatabaseServer, databases: tuple[str, ...], role: str) -> Mapping[str, str]:
    """Everything about our role and databases, and the names of what else our role owns: "kind name" → value.

    The rest of the server is ignored, because its owner may change it during the run.
    """
    with server.connect() as connection:
        rows = connection.execute(_SERVER, {"role": role, "databases": list(databases)}).fetchall()
    found = {f"{kind} {name}": str(value) for kind, name, value in rows}
    for database in databases:
        if f"database {database}" in found:
            with server.connect(database) as connection:
                found.update((f"{kind} {database}.{name}", value) for kind, name, value in _contents(connection))
    return dict(sorted(found.items()))


def schema(connection: Connection) -> Mapping[str, str]:
    """The schema of the connection's database, without rows and positions of sequences: "kind name" → value."""
    connection.execute(_SETTING)
    try:
        rows = connection.execute(_DATABASE).fetchall()
    finally:
        connection.execute("ROLLBACK")
        connection.execute("RESET ALL")
    return {f"{kind} {name}": str(value) for kind, name, value in sorted(rows) if kind != "sequence"}


def everything(server: DatabaseServer, superuser: str) -> Mapping[str, str]:
    """The facts of a server that only one site uses: all roles but PostgreSQL's own, all databases but templates."""
    with server.connect() as connection:
        databases = connection.execute("SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate")
        names = tuple(str(row[0]) for row in databases.fetchall())
        roles = connection.execute("SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_'").fetchall()
    return {f"role {row[0]}": "there" for row in roles} | dict(facts(server, names, superuser))


def digest_of_database(found: Mapping[str, str], database: str) -> str | None:
    """One digest of all facts of a database; None if the database does not exist."""
    own = {key: value for key, value in found.items() if key == f"database {database}" or f" {database}." in key}
    return hashlib.blake2b(repr(sorted(own.items())).encode(), digest_size=20).hexdigest() if own else None


def _contents(connection: Connection) -> Iterator[tuple[str, str, str]]:
    connection.execute(_SETTING)
    for kind, name, value in connection.execute(_DATABASE).fetchall():
        yield str(kind), str(name), str(value)
    tables = connection.execute(_TABLES).fetchall()
    if tables:
        query = sql.SQL(" UNION ALL ").join(
            sql.SQL(_CONTENT).format(name=f"{schema}.{table}", table=sql.Identifier(schema, table))
            for schema, table in tables
        )
        for name, count, digest in connection.execute(query).fetchall():
            yield "rows", str(name), f"{count} rows, {digest}"


def differences(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[str, ...]:
    """The differences, one readable line each. Parts of a new or lost object get no line. Empty means equal."""
    changed = sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
    one_sided = [key for key in changed if key not in before or key not in after]
    whole = tuple(f"{name}." for kind, _, name in (key.partition(" ") for key in one_sided) if kind in _PARENTS)
    implied = {
        key
        for key in changed
        if key.partition(" ")[2].startswith(whole) or (key in one_sided and key.startswith("rows "))
    }
    return tuple(_line(key, before.get(key), after.get(key)) for key in changed if key not in implied)


def _line(key: str, old: str | None, new: str | None) -> str:
    kind, _, name = key.partition(" ")
    if old is None:
        return f"{kind} left behind: {name}"
    if new is None:
        return f"{kind} lost: {name}"
    if kind == "rows":
        (count, _), (was, _) = (value.split(", ") for value in (new, old))
        return (
            f"table {name}: other content in its {count}"
            if count == was
            else f"table {name}: {count}, was {was.split()[0]}"
        )
    return f"{kind} {name}: {new}, was {old}"
