"""Reads TOML files into frozen dataclasses, strictly. An error has the place, the problem, and the nearest known key.

The dataclass is the schema: its fields are the keys of a table, and their types are checked. Supported types are `str`,
`bool`, `int`, `float`, `X | None`, `tuple[X, ...]` and other dataclasses; `tuple[tuple[str, X], ...]` is a table.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import tomllib
import types
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

Record = TypeVar("Record")


class InvalidRecord(ValueError):
    """A table or value is invalid. `where` is its place in the file, `problem` a clause. Callers add the file."""

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(f"{where}: {problem}")
        self.where = where
        self.problem = problem


def read_toml(file: Path) -> dict[str, Any]:
    """The content of a TOML file. Raises InvalidRecord if the file is missing, unreadable or not TOML."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InvalidRecord("file", "does not exist") from None
    except OSError as error:
        raise InvalidRecord("file", str(error.strerror or error)) from None
    except ValueError as error:  # TOMLDecodeError, UnicodeDecodeError
        raise InvalidRecord("syntax", str(error)) from None


def record(kind: type[Record], table: object, where: str, **more: Any) -> Record:
    """The dataclass `kind` with the values of a table. `more` are fields that are not keys of the table.

    Raises InvalidRecord for an unknown key, a missing key, and a value of the wrong type.
    """
    if not isinstance(table, Mapping):
        raise InvalidRecord(where, "it is not a table")
    hints = typing.get_type_hints(kind)
    fields = [field for field in dataclasses.fields(kind) if field.name not in more]  # type: ignore[arg-type]
    for key in table:
        require_known(where, "key", key, [field.name for field in fields])
    required = [field.name for field in fields if field.default is dataclasses.MISSING]
    if missing := [key for key in required if table.get(key, "") == ""]:
        raise InvalidRecord(where, f"missing: {', '.join(missing)}")
    values = {key: _value(hints[key], value, where, key) for key, value in table.items()}
    return kind(**values, **more)


def require_known(where: str, what: str, name: object, known: Iterable[str]) -> None:
    """Raise InvalidRecord with the nearest known name, or all of them, if `name` is not known."""
    if name not in (names := sorted(known)):
        near = difflib.get_close_matches(str(name), names, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names)}"
        raise InvalidRecord(where, f"unknown {what} {name!r}; {hint}")


def require_unique(where: str, names: Iterable[str]) -> None:
    """Raise InvalidRecord if a name occurs twice."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise InvalidRecord(where, f"{name} is named twice")
        seen.add(name)


def _value(hint: Any, value: object, where: str, key: str) -> Any:
    """The value of a key. Raises InvalidRecord if it does not have the type `hint`."""

    def check(is_right: bool, wanted: str) -> None:
        if not is_right:
            raise InvalidRecord(where, f"{key}={value!r} is not {wanted}")

    inner = typing.get_args(hint)
    if isinstance(hint, types.UnionType):
        return _value(next(each for each in inner if each is not types.NoneType), value, where, key)
    if typing.get_origin(hint) is tuple and typing.get_origin(inner[0]) is tuple:
        check(isinstance(value, Mapping), "a table")
        pairs = typing.cast("Mapping[str, object]", value).items()
        return tuple((name, _value(typing.get_args(inner[0])[1], each, where, f"{key}.{name}")) for name, each in pairs)
    if typing.get_origin(hint) is tuple:
        check(isinstance(value, list), "a list")
        entries = enumerate(typing.cast("list[object]", value), 1)
        return tuple(_value(inner[0], each, where, f"{key} {number}") for number, each in entries)
    if dataclasses.is_dataclass(hint):
        name = value.get("name") if isinstance(value, Mapping) else None
        return record(typing.cast("type[Any]", hint), value, f"{where}, {key}" + (f" ({name})" if name else ""))
    if hint is bool:
        if not isinstance(value, bool):
            raise InvalidRecord(where, f"{key}={value!r} is neither true nor false")
    elif hint in (int, float):
        is_number = isinstance(value, int if hint is int else int | float) and not isinstance(value, bool)
        check(is_number and math.isfinite(typing.cast("float", value)), "a number")
        return hint(value)
    else:
        check(isinstance(value, str), "text")
    return value
