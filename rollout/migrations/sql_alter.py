"""Recognises the actions of an ALTER TABLE statement. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rollout.migrations.sql_cursor import Cursor

_OTHERS = ("OWNER", "ENABLE", "DISABLE", "REPLICA", "FORCE", "NO")
_TABLE_CONSTRAINTS = ("CONSTRAINT", "CHECK", "UNIQUE", "PRIMARY", "FOREIGN", "EXCLUDE")
_NAMED = {
    ("VALIDATE", "CONSTRAINT"): "validate_constraint",
    ("ATTACH", "PARTITION"): "attach_partition",
    ("DETACH", "PARTITION"): "detach_partition",
}

Found = dict[str, Any]


def alter_table(cursor: Cursor) -> Iterator[Found]:
    """The actions after ALTER TABLE, in order, each with the fields of Recognised."""
    cursor.accept("IF", "EXISTS")
    cursor.accept("ONLY")
    table = cursor.name()
    cursor.accept_mark("*")
    while not cursor.is_at_end:
        found = _action(cursor)
        cursor.text_until()  # whatever the action says beyond what is judged
        yield {"table": table, **found}
        if not cursor.accept_mark(","):
            break


def _action(cursor: Cursor) -> Found:
    if cursor.accept("ADD"):
        return _add_constraint(cursor) if cursor.at_word(*_TABLE_CONSTRAINTS) else _add_column(cursor)
    for word, read in (("DROP", _drop), ("ALTER", _alter_column), ("RENAME", _rename), ("SET", _set)):
        if cursor.accept(word):
            return read(cursor)
    for words, kind in _NAMED.items():
        if cursor.accept(*words):
            name = cursor.name()
            concurrently = cursor.has("CONCURRENTLY") or cursor.has("FINALIZE")
            return {"kind": kind, "options": {"name": name, "concurrently": concurrently}}
    return {"kind": "alter_table"} if cursor.at_word(*_OTHERS) else {"kind": "sql"}


def _set(cursor: Cursor) -> Found:
    if cursor.accept("SCHEMA"):
        return {"kind": "rename_table", "options": {"to": f"schema {cursor.name()}"}}
    rewrites = cursor.at_word("LOGGED", "UNLOGGED", "TABLESPACE", "ACCESS")
    return {"kind": "rewrite_table"} if rewrites else {"kind": "alter_table"}


def _add_column(cursor: Cursor) -> Found:
    cursor.accept("COLUMN")
    options: Found = {"if_not_exists": cursor.accept("IF", "NOT", "EXISTS")}
    column, kind = cursor.name(), cursor.type_name()
    found: Found = {"kind": "add_column", "column": column, "type": kind, "options": options}
    while not cursor.is_at_end and not _at_comma(cursor):
        _column_constraint(cursor, found, options)
    return found


def _at_comma(cursor: Cursor) -> bool:
    token = cursor.peek()
    return token is not None and (token.kind, token.text) == ("mark", ",")


def _column_constraint(cursor: Cursor, found: Found, options: Found) -> None:
    if cursor.accept("NOT", "NULL"):
        options["null"] = False
    elif cursor.accept("PRIMARY", "KEY"):
        options["primary_key"] = True
    elif cursor.accept("UNIQUE"):
        options["unique"] = True
    elif cursor.accept("DEFAULT"):
        options["default"] = {"fragment": cursor.expression()}
    elif cursor.accept("CHECK"):
        options["check"] = ", ".join(cursor.parenthesised())
    elif cursor.accept("REFERENCES"):
        found["type"] = {"references": cursor.name(), "options": {"type": found["type"]}}
    elif cursor.accept("GENERATED"):
        options["generated"] = cursor.text_until("CONSTRAINT", "NOT", "UNIQUE", "PRIMARY")
    else:
        cursor.advance()


def _add_constraint(cursor: Cursor) -> Found:
    options: Found = {"name": cursor.name() if cursor.accept("CONSTRAINT") else None}
    found: Found = {"kind": "create_constraint", "options": options}
    if cursor.accept("CHECK"):
        options["check"] = ", ".join(cursor.parenthesised())
    elif cursor.accept("NOT", "NULL"):
        options["not_null"] = cursor.name()
    elif cursor.accept("FOREIGN", "KEY"):
        options["columns"] = cursor.parenthesised()
        cursor.accept("REFERENCES")
        options["references"] = cursor.name()
    elif cursor.accept("EXCLUDE"):
        options["exclude"] = cursor.text_until("NOT")
    else:
        options["key"] = "primary" if cursor.accept("PRIMARY", "KEY") else "unique"
        cursor.accept("UNIQUE")
        options["using_index"] = cursor.accept("USING", "INDEX")
    rest = cursor.text_until().upper().split()
    options["validate"] = not ("NOT" in rest and "VALID" in rest)
    return found


def _drop(cursor: Cursor) -> Found:
    if cursor.accept("CONSTRAINT"):
        cursor.accept("IF", "EXISTS")
        return {"kind": "drop_constraint", "options": {"name": cursor.name()}}
    cursor.accept("COLUMN")
    cursor.accept("IF", "EXISTS")
    return {"kind": "remove_column", "column": cursor.name()}


def _alter_column(cursor: Cursor) -> Found:
    if cursor.accept("CONSTRAINT"):
        return {"kind": "alter_table"}
    cursor.accept("COLUMN")
    column = cursor.name()
    if cursor.accept("SET", "DATA", "TYPE") or cursor.accept("TYPE"):
        return {"kind": "modify_column", "column": column, "type": cursor.type_name()}
    options: Found | None = None
    if cursor.accept("SET", "NOT", "NULL"):
        options = {"null": False}
    elif cursor.accept("DROP", "NOT", "NULL"):
        options = {"null": True}
    elif cursor.accept("SET", "DEFAULT"):
        options = {"default": {"fragment": cursor.expression()}}
    elif cursor.accept("DROP", "DEFAULT"):
        options = {"default": None}
    if options is None:
        return {"kind": "alter_table", "column": column}
    return {"kind": "modify_column", "column": column, "options": options}


def _rename(cursor: Cursor) -> Found:
    if cursor.accept("TO"):
        return {"kind": "rename_table", "options": {"to": cursor.name()}}
    if cursor.accept("CONSTRAINT"):
        return {"kind": "rename_constraint"}
    cursor.accept("COLUMN")
    column = cursor.name()
    cursor.accept("TO")
    return {"kind": "rename_column", "column": column, "options": {"to": cursor.name()}}
