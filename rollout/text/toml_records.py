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
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

Record = TypeVar("Record")


Place = tuple[str | int, ...]
"""Keys and, for entries of lists, numbers from 0: `("hook", 0, "command")`. `toml_lines.line_of` has its line."""


class InvalidRecord(ValueError):
    """A table or value is invalid. `where` is its place in the file, `problem` a clause. Callers add the file.

    `path` is the same place for `toml_lines.line_of`, as far as it is known.
    """

    def __init__(self, where: str, problem: str, *, path: Place = ()) -> None:
        super().__init__(f"{where}: {problem}")
        self.where = where
        self.problem = problem
        self.path = path


def read_toml(file: Path) -> dict[str, Any]:
    """The content of a TOML file. Raises InvalidRecord if the file is missing, unreadable or not TOML."""
    return parse_toml(read_file(file))


def read_file(file: Path) -> str:
    """The text of a file, without a byte order mark. Raises InvalidRecord if it is missing or cannot be read."""
    try:
        return file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise InvalidRecord("file", "does not exist") from None
    except OSError as error:
        raise InvalidRecord("file", str(error.strerror or error)) from None
    except ValueError as error:  # UnicodeDecodeError
        raise InvalidRecord("syntax", str(error)) from None


def parse_toml(text: str) -> dict[str, Any]:
    """The content of a text. Raises InvalidRecord if it is not TOML."""
    try:
        return tomllib.loads(text)
    except ValueError as error:  # TOMLDecodeError
        raise InvalidRecord("syntax", str(error)) from None


def record(kind: type[Record], table: object, where: str, **more: Any) -> Record:
    """The dataclass `kind` with the values of a table. `more` are fields that are not keys of the table.

    `where` is "" for the whole file. Raises InvalidRecord for an unknown key, a missing key, and a value of the wrong
    type.
    """
    return _record(kind, table, where, (), more)


def require_known(where: str, what: str, name: object, known: Iterable[str], *, path: Place = ()) -> None:
    """Raise InvalidRecord with the nearest known name, or all of them, if `name` is not known."""
    if name not in (names := sorted(known)):
        near = difflib.get_close_matches(str(name), names, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names)}"
        raise InvalidRecord(where, f"unknown {what} {name!r}; {hint}", path=path)


def place_of(path: Place) -> str:
    """The table of a path, as a file has it: `[services.search]`, `[[hook]] 2`; "" for the top of the file."""
    names = [part for part in path if isinstance(part, str)]
    number = next((part + 1 for part in path if isinstance(part, int)), 0)
    return f"[[{'.'.join(names)}]] {number}" if number else f"[{'.'.join(names)}]" if names else ""


def require_unique(where: str, names: Iterable[str]) -> None:
    """Raise InvalidRecord if a name occurs twice."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise InvalidRecord(where, f"{name} is named twice")
        seen.add(name)


def _record(kind: type[Record], table: object, where: str, path: Place, more: Mapping[str, Any]) -> Record:
    if not isinstance(table, Mapping):
        raise InvalidRecord(where, "it is not a table", path=path)
    hints = typing.get_type_hints(kind)
    fields = [field for field in dataclasses.fields(kind) if field.name not in more]  # type: ignore[arg-type]
    for key in table:
        require_known(where, "key", key, [field.name for field in fields], path=(*path, key))
    required = [field.name for field in fields if field.default is dataclasses.MISSING]
    if missing := [key for key in required if table.get(key, "") == ""]:
        raise InvalidRecord(where, f"missing: {', '.join(missing)}", path=path)
    values = {key: _value(hints[key], value, where, key, (*path, key)) for key, value in table.items()}
    return kind(**values, **more)


def _value(hint: Any, value: object, where: str, key: str, path: Place) -> Any:
    """The value of a key. Raises InvalidRecord if it does not have the type `hint`."""

    def check(is_right: bool, clause: str) -> None:
        if not is_right:
            raise InvalidRecord(where, f"{key}={value!r} {clause}", path=path)

    inner = typing.get_args(hint)
    if isinstance(hint, types.UnionType):
        return _value(next(each for each in inner if each is not types.NoneType), value, where, key, path)
    if typing.get_origin(hint) is tuple and typing.get_origin(inner[0]) is tuple:
        check(isinstance(value, Mapping), "is not a table")
        wanted = typing.get_args(inner[0])[1]
        pairs = typing.cast("Mapping[str, object]", value).items()
        return tuple((name, _value(wanted, each, where, f"{key}.{name}", (*path, name))) for name, each in pairs)
    if typing.get_origin(hint) is tuple:
        check(isinstance(value, list), "is not a list")
        entries = enumerate(typing.cast("list[object]", value), 1)
        return tuple(_value(inner[0], each, where, f"{key} {number}", (*path, number - 1)) for number, each in entries)
    if dataclasses.is_dataclass(hint):
        name = value.get("name") if isinstance(value, Mapping) and where else None
        below = f"{where}, {key}" + (f" ({name})" if name else "") if where else place_of(path)
        return _record(typing.cast("type[Any]", hint), value, below, path, {})
    _require_scalar(hint, value, check)
    return hint(value) if hint in (int, float) else value


def _require_scalar(hint: Any, value: object, check: Callable[[bool, str], None]) -> None:
    """Check that a value is text, a truth value or a number, as its hint says."""
    if hint is bool:
        check(isinstance(value, bool), "is neither true nor false")
    elif hint in (int, float):
        is_number = isinstance(value, int if hint is int else int | float) and not isinstance(value, bool)
        check(is_number and math.isfinite(typing.cast("float", value)), "is not a number")
    else:
        check(isinstance(value, str), "is not text")
