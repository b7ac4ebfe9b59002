"""Makes a copy of a database tell what its migrations do.

A trigger on each table of applied versions runs in the transaction of the migration, before it ends. It notes the
version, all locks that the transaction holds, and the file of every table. So these facts are exact, however fast the
migration is. An event trigger notes rewritten tables with their reasons; it needs a superuser.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from rollout.migrations.health import LEDGER, Connection, ledgers

SCHEMA = "rollout_watch"
_MODES = (
    "AccessShareLock", "RowShareLock", "RowExclusiveLock", "ShareUpdateExclusiveLock", "ShareLock",
    "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock",
)  # fmt: skip
_TABLES = """c.relkind IN ('r', 'p', 'm') AND n.nspname !~ '^pg_'
    AND n.nspname NOT IN ('information_schema', 'rollout_watch')"""
_FILES = f"""SELECT jsonb_object_agg(c.oid::text, jsonb_build_array(n.nspname || '.' || c.relname, c.relfilenode::text))
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {_TABLES}"""  # noqa: S608 - our own text
_SETUP = f"""
CREATE SCHEMA {SCHEMA};
CREATE TABLE {SCHEMA}.seen (
  id bigint GENERATED ALWAYS AS IDENTITY, at timestamptz NOT NULL DEFAULT clock_timestamp(), kind text, fact jsonb);
CREATE FUNCTION {SCHEMA}.note_version() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $f$
BEGIN
  INSERT INTO {SCHEMA}.seen (kind, fact) SELECT 'version', jsonb_build_object(
    'version', CASE TG_OP WHEN 'DELETE' THEN OLD.version ELSE NEW.version END,
    'direction', CASE TG_OP WHEN 'DELETE' THEN 'down' ELSE 'up' END, 'schema', TG_TABLE_SCHEMA,
    'pid', pg_backend_pid(), 'began', extract(epoch FROM transaction_timestamp()), 'files', ({_FILES}),
    'locks', (SELECT coalesce(jsonb_agg(DISTINCT jsonb_build_array(n.nspname || '.' || c.relname, l.mode)), '[]')
      FROM pg_locks l JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE l.pid = pg_backend_pid() AND l.granted AND {_TABLES}));
  RETURN NULL;
END $f$;
CREATE FUNCTION {SCHEMA}.note_rewrite() RETURNS event_trigger
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $f$
BEGIN
  INSERT INTO {SCHEMA}.seen (kind, fact) SELECT 'rewrite', jsonb_build_object(
    'table', n.nspname || '.' || c.relname, 'reason', pg_event_trigger_table_rewrite_reason())
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = pg_event_trigger_table_rewrite_oid();
END $f$;
"""  # noqa: S608 - our own text
_EVENT_TRIGGER = f"CREATE EVENT TRIGGER rollout_watch ON table_rewrite EXECUTE FUNCTION {SCHEMA}.note_rewrite()"


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What a trigger has noted. `at`: seconds since the epoch by the server's clock. `kind`: version or rewrite."""

    at: float
    kind: str
    fact: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """The triggers in a copy. `sees_rewrites`: the event trigger could be made."""

    sees_rewrites: bool


def install(connection: Connection, ledger: str = LEDGER) -> Watch:
    """Make the triggers in the connection's database. Without a superuser, rewrites are known by files alone."""
    with connection.transaction():
        connection.execute(_SETUP.encode())
        for schema in ledgers(connection, ledger):
            statement = sql.SQL("CREATE TRIGGER {} AFTER INSERT OR DELETE ON {} FOR EACH ROW EXECUTE FUNCTION {}")
            names = (sql.Identifier(SCHEMA), sql.Identifier(schema, ledger), sql.SQL(f"{SCHEMA}.note_version()"))
            connection.execute(statement.format(*names))
    try:
        connection.execute(_EVENT_TRIGGER.encode())
    except psycopg.errors.InsufficientPrivilege:
        return Watch(sees_rewrites=False)
    return Watch(sees_rewrites=True)


def remove(connection: Connection) -> None:
    """Remove the triggers with what they have noted."""
    with connection.transaction():
        connection.execute("DROP EVENT TRIGGER IF EXISTS rollout_watch")
        connection.execute("SET LOCAL client_min_messages TO warning")
        connection.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE".encode())


def notes(connection: Connection) -> tuple[Note, ...]:
    """What the triggers have noted, in order."""
    rows = connection.execute(f"SELECT extract(epoch FROM at), kind, fact FROM {SCHEMA}.seen ORDER BY id".encode())  # noqa: S608 - our own text
    return tuple(Note(at=float(str(at)), kind=str(kind), fact=dict(fact)) for at, kind, fact in rows.fetchall())  # type: ignore[call-overload]  # jsonb


def files(connection: Connection) -> Mapping[str, tuple[str, str]]:
    """Oid of every table → its name and file."""
    found = connection.execute(_FILES.encode()).fetchall()[0][0]
    return {oid: (name, file) for oid, (name, file) in dict(found or {}).items()}  # type: ignore[call-overload]  # jsonb


def strength(mode: str) -> int:
    """The rank of a lock mode: 0 is the weakest."""
    return _MODES.index(mode) if mode in _MODES else 0


def shown(mode: str) -> str:
    """`AccessExclusiveLock` → `ACCESS EXCLUSIVE`."""
    words = "".join(f" {letter}" if letter.isupper() else letter for letter in mode.removesuffix("Lock"))
    return words.strip().upper()
