"""Compares types of columns: which changes PostgreSQL makes without writing the table anew. Pure.

Source: `ATColumnChangeRequiresRewrite` in PostgreSQL's tablecmds.c, and the casts that pg_cast lists as binary
coercible.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# https://hexdocs.pm/ecto_sql/Ecto.Migration.html#module-field-types, and other names of the same type
_NAMES: Mapping[str, str] = {
    "id": "bigint", "binary_id": "uuid", "string": "varchar(255)", "binary": "bytea", "map": "jsonb",
    "utc_datetime": "timestamp(0)", "utc_datetime_usec": "timestamp", "naive_datetime": "timestamp(0)",
    "naive_datetime_usec": "timestamp", "time_usec": "time", "decimal": "numeric", "float": "double precision",
    "integer": "integer", "int": "integer", "int4": "integer", "int8": "bigint", "int2": "smallint", "bool": "boolean",
    "character varying": "varchar", "timestamp without time zone": "timestamp", "float8": "double precision",
    "timestamp with time zone": "timestamptz", "serial": "integer", "bigserial": "bigint", "identity": "bigint",
}  # fmt: skip
_SIZES = re.compile(r"\s*\((?P<sizes>\d+(?:\s*,\s*\d+)*)\)")
_ARRAY = re.compile(r"^\{:array, :?(?P<item>.+)\}$")
_LONGER_IS_FREE = frozenset({"varchar", "varbit", "timestamp", "timestamptz", "time", "interval"})


@dataclass(frozen=True, slots=True)
class ColumnType:
    """A type of PostgreSQL with its modifiers, such as numeric and (10, 2)."""

    name: str
    sizes: tuple[int, ...] = ()


def column_type(found: Any, options: Mapping[str, Any]) -> ColumnType | None:
    """The type that a migration says, None if it is not known."""
    if isinstance(found, Mapping):
        if "references" not in found:
            return None
        found = found.get("options", {}).get("type", "id")
    if not isinstance(found, str):
        return None
    array = _ARRAY.match(found)
    text = f"{array['item']}[]" if array else found.lower()
    sizes = [options[key] for key in ("size", "precision", "scale") if isinstance(options.get(key), int)]
    if text == "string" and sizes:
        return ColumnType("varchar", (sizes[0],))
    text = _NAMES.get(text, text)
    match = _SIZES.search(text)
    name = _SIZES.sub("", text).strip()
    written = tuple(map(int, match["sizes"].split(","))) if match else ()
    return ColumnType(_NAMES.get(name, name), tuple(sizes) or written)


def needs_rewrite(old: ColumnType, new: ColumnType) -> bool:
    """Whether a change between the types writes the table, or all of its indexes, anew."""
    if old == new:
        return False
    if (old.name, new.name) in {("varchar", "text"), ("cidr", "inet")}:
        return False
    if old.name == "text" and new == ColumnType("varchar"):
        return False
    if old.name != new.name:
        return True
    if not new.sizes:
        return old.name not in _LONGER_IS_FREE | {"numeric"}
    if old.name == "numeric":
        return not (old.sizes and old.sizes[1:] == new.sizes[1:] and new.sizes[0] >= old.sizes[0])
    return not (old.name in _LONGER_IS_FREE and bool(old.sizes) and new.sizes[0] >= old.sizes[0])
