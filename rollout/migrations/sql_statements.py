"""Recognises what an SQL statement does to tables, in the words of Operation. Pure.

A statement that is not known has the kind `sql`. Nothing is passed over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from rollout.migrations.sql_alter import alter_table
from rollout.migrations.sql_cursor import Cursor
from rollout.migrations.sql_tokens import SqlStatement, split

_OBJECTS = (
    "AGGREGATE", "CAST", "COLLATION", "DOMAIN", "EXTENSION", "FUNCTION", "OPERATOR", "POLICY", "PROCEDURE", "ROLE",
    "RULE", "SCHEMA", "SEQUENCE", "STATISTICS", "TYPE", "USER", "VIEW", "MATERIALIZED",
)  # fmt: skip
_TRANSACTION = ("BEGIN", "COMMIT", "ROLLBACK", "START", "END", "SAVEPOINT", "RELEASE", "ABORT")
_NO_EFFECT = ("COMMENT", "GRANT", "REVOKE", "ANALYZE", "NOTIFY", "SECURITY")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognised:
    """What a statement, or one action of an ALTER TABLE, does. The fields are those of Operation."""

    kind: str
    text: str
    table: str | None = None
    column: str | None = None
    type: Any = None
    options: Mapping[str, Any] = field(default_factory=dict)


def recognise(sql: str) -> Iterator[Recognised]:
    """What each statement of the text does, in order."""
    for statement in split(sql):
        yield from _statement(statement)


def _statement(statement: SqlStatement) -> Iterator[Recognised]:
    cursor = Cursor(statement.tokens)
    text = statement.text
    if cursor.accept("ALTER", "TABLE"):
        yield from (Recognised(text=text, **found) for found in alter_table(cursor))
        return
    found = _alter(cursor) or _create(cursor) or _drop(cursor) or _other(cursor) or {"kind": "sql"}
    yield Recognised(text=text, **found)


def _alter(cursor: Cursor) -> dict[str, Any] | None:
    if not cursor.accept("ALTER"):
        return None
    for word, read in (("TYPE", _alter_type), ("DOMAIN", _alter_domain), ("SCHEMA", _alter_schema)):
        if cursor.accept(word):
            kind, options = read(cursor, cursor.name())
            return {"kind": kind, "options": options}
    if cursor.accept("INDEX"):
        return {"kind": "rename_index" if cursor.has("RENAME", "TO") else "sql"}
    if cursor.peek_word() in _OBJECTS:
        return {"kind": "rename_object" if cursor.has("RENAME") or cursor.has("SET", "SCHEMA") else "create_object"}
    return {"kind": "sql"}


def _alter_type(cursor: Cursor, name: str | None) -> tuple[str, dict[str, Any]]:
    for words, kind in ((("RENAME", "VALUE"), "rename_enum_value"), (("ADD", "VALUE"), "add_enum_value")):
        if cursor.accept(*words):
            return kind, {"name": name}
    return "rename_object" if cursor.accept("RENAME", "TO") else "sql", {"name": name}


def _alter_domain(cursor: Cursor, name: str | None) -> tuple[str, dict[str, Any]]:
    checks = cursor.accept("ADD") or cursor.accept("SET", "NOT", "NULL")
    valid = not cursor.has("NOT", "VALID")
    return "domain_constraint" if checks else "sql", {"name": name, "validate": valid}


def _alter_schema(cursor: Cursor, name: str | None) -> tuple[str, dict[str, Any]]:
    return "rename_schema" if cursor.accept("RENAME") else "sql", {"name": name}


def _create(cursor: Cursor) -> dict[str, Any] | None:
    if not cursor.accept("CREATE"):
        return None
    cursor.accept("OR", "REPLACE")
    for word in ("TEMPORARY", "TEMP", "UNLOGGED", "CONSTRAINT", "RECURSIVE"):
        cursor.accept(word)
    unique = cursor.accept("UNIQUE")
    if cursor.accept("INDEX"):
        return _index(cursor, unique=unique)
    if cursor.accept("TABLE"):
        exists = cursor.accept("IF", "NOT", "EXISTS")
        return {"kind": "create_table", "table": cursor.name(), "options": {"if_not_exists": exists}}
    if cursor.accept("TRIGGER"):
        name = cursor.name()
        cursor.skip_to("ON")
        return {"kind": "create_trigger", "table": cursor.name(), "options": {"name": name}}
    return {"kind": "create_object"} if cursor.peek_word() in _OBJECTS else {"kind": "sql"}


def _index(cursor: Cursor, *, unique: bool) -> dict[str, Any]:
    options: dict[str, Any] = {"unique": unique, "concurrently": cursor.accept("CONCURRENTLY")}
    options["if_not_exists"] = cursor.accept("IF", "NOT", "EXISTS")
    if not cursor.at_word("ON"):
        options["name"] = cursor.name()
    cursor.skip_to("ON")
    cursor.accept("ONLY")
    table = cursor.name()
    if cursor.accept("USING"):
        options["using"] = cursor.name()
    options["columns"] = cursor.parenthesised()
    return {"kind": "create_index", "table": table, "options": options}


def _drop(cursor: Cursor) -> dict[str, Any] | None:
    if not cursor.accept("DROP"):
        return None
    if cursor.accept("INDEX"):
        concurrently = cursor.accept("CONCURRENTLY")
        cursor.accept("IF", "EXISTS")
        return {"kind": "drop_index", "options": {"name": cursor.name(), "concurrently": concurrently}}
    for word, kind in (("TABLE", "drop_table"), ("DATABASE", "drop_database"), ("TRIGGER", "drop_trigger")):
        if cursor.accept(word):
            cursor.accept("IF", "EXISTS")
            name = cursor.name()
            if word == "TRIGGER":
                cursor.skip_to("ON")
                return {"kind": kind, "table": cursor.name(), "options": {"name": name}}
            return {"kind": kind, "table": name if word == "TABLE" else None, "options": {"name": name}}
    return {"kind": "drop_object"} if cursor.peek_word() in _OBJECTS else {"kind": "sql"}


def _other(cursor: Cursor) -> dict[str, Any] | None:
    word = cursor.peek_word()
    if word in _TRANSACTION:
        return {"kind": "transaction"}
    if word in _NO_EFFECT:
        return {"kind": "no_effect"}
    readers = {
        "SET": _setting, "TRUNCATE": _truncate, "REINDEX": _reindex, "VACUUM": _vacuum, "CLUSTER": _cluster,
        "LOCK": _lock, "REFRESH": _refresh, "UPDATE": _data, "DELETE": _data, "INSERT": _data,
    }  # fmt: skip
    return readers[word](cursor) if word in readers else None


def _setting(cursor: Cursor) -> dict[str, Any]:
    cursor.accept("SET")
    scope = "local" if cursor.accept("LOCAL") else "session"
    cursor.accept("SESSION")
    return {"kind": "setting", "options": {"name": cursor.name() or "", "scope": scope}}


def _truncate(cursor: Cursor) -> dict[str, Any]:
    cursor.accept("TRUNCATE")
    cursor.accept("TABLE")
    cursor.accept("ONLY")
    return {"kind": "truncate", "table": cursor.name(), "options": {"cascade": cursor.has("CASCADE")}}


def _reindex(cursor: Cursor) -> dict[str, Any]:
    return {"kind": "reindex", "options": {"concurrently": cursor.has("CONCURRENTLY")}}


def _vacuum(cursor: Cursor) -> dict[str, Any]:
    return {"kind": "vacuum_full"} if cursor.has("FULL") else {"kind": "no_effect"}


def _cluster(cursor: Cursor) -> dict[str, Any]:
    cursor.accept("CLUSTER")
    cursor.accept("VERBOSE")
    return {"kind": "cluster", "table": cursor.name()}


def _lock(cursor: Cursor) -> dict[str, Any]:
    cursor.accept("LOCK")
    cursor.accept("TABLE")
    cursor.accept("ONLY")
    return {"kind": "lock_table", "table": cursor.name()}


def _refresh(cursor: Cursor) -> dict[str, Any]:
    return {"kind": "refresh_view", "options": {"concurrently": cursor.has("CONCURRENTLY")}}


def _data(cursor: Cursor) -> dict[str, Any]:
    function = (cursor.peek_word() or "").lower()
    cursor.advance()
    for word in ("INTO", "FROM", "ONLY"):
        cursor.accept(word)
    return {"kind": "data", "table": cursor.name(), "options": {"function": function, "rows": not cursor.has("SELECT")}}
