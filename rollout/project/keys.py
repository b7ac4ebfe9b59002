"""What a key of rollout.toml means and which values it accepts. Errors, JSON schema and reference are made from it.

A field of a dataclass in `rollout.project.project` is annotated: `Annotated[str, Key("…")]`.
"""

from __future__ import annotations

import dataclasses
import re
import shlex
import typing
from collections.abc import Iterator, Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any

from rollout.text.toml_records import InvalidRecord, Place, place_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A regular expression that a whole text has to match, valid in Python and in JSON schema, and its words."""

    pattern: str
    wanted: str


@dataclass(frozen=True, slots=True)
class Key:
    """A key of rollout.toml.

    `shape` is that of the text, or of each entry of a list, or of each value of a table. `names` is the shape of the
    names of a table. `allowed` are all values that there are. `is_command`: the text is split into words as a shell
    does, and started without a shell. `most` is the largest number; the smallest is 1.
    """

    meaning: str
    _: KW_ONLY
    shape: Shape | None = None
    names: Shape | None = None
    allowed: tuple[str, ...] = ()
    is_command: bool = False
    most: int | None = None


def keys_of(kind: type[Any]) -> Mapping[str, Key]:
    """Name of a field → its key, for the annotated fields of a dataclass."""
    return {name: hint.__metadata__[0] for name, hint in _hints(kind).items() if hasattr(hint, "__metadata__")}


def types_of(kind: type[Any]) -> Mapping[str, Any]:
    """Name of a field → its type without the annotation."""
    return typing.get_type_hints(kind)


def require_valid(record: Any, path: Place = ()) -> None:
    """Raise InvalidRecord for the first value of a dataclass, or of those below it, that its key does not accept."""
    keys = keys_of(type(record))
    for field in dataclasses.fields(record):
        value, here = getattr(record, field.name), (*path, field.name)
        for below, each in _records(value, here):
            require_valid(each, below)
        if field.name in keys and value != field.default:
            _require_accepted(keys[field.name], value, here)


def _hints(kind: type[Any]) -> Mapping[str, Any]:
    return typing.get_type_hints(kind, include_extras=True)


def _records(value: Any, path: Place) -> Iterator[tuple[Place, Any]]:
    """The dataclasses that a value is or holds, with their paths."""
    if dataclasses.is_dataclass(value):
        yield path, value
    elif isinstance(value, tuple):
        for number, each in enumerate(value):
            if dataclasses.is_dataclass(each):
                yield (*path, number), each
            elif isinstance(each, tuple) and dataclasses.is_dataclass(each[1]):
                yield (*path, each[0]), each[1]


def _require_accepted(key: Key, value: Any, path: Place) -> None:
    """Check a text, a number, each entry of a list, or each pair of a table."""
    if isinstance(value, tuple):
        for number, each in enumerate(value):
            if isinstance(each, tuple):
                _require_shape(key.names, each[0], (*path, each[0]), "the name ")
                _require_accepted(key, each[1], (*path, each[0]))
            else:
                _require_accepted(key, each, (*path, number))
    elif isinstance(value, str):
        _require_shape(key.shape, value, path, "")
        if key.allowed and value not in key.allowed:
            _refuse(path, value, " or ".join(map(repr, key.allowed)))
        if key.is_command:
            _require_command(value, path)
    elif key.most is not None and not 1 <= value <= key.most:
        _refuse(path, value, f"a number from 1 to {key.most}")


def _require_shape(shape: Shape | None, value: str, path: Place, what: str) -> None:
    if shape and not re.fullmatch(shape.pattern, value):
        _refuse(path, value, shape.wanted, what)


def _require_command(value: str, path: Place) -> None:
    try:
        words = shlex.split(value)
    except ValueError as error:
        _refuse(path, value, f"a command: {str(error).lower()}")
    else:
        if not words:
            _refuse(path, value, "a command")


def _refuse(path: Place, value: object, wanted: str, what: str = "") -> typing.Never:
    *table, key = path
    if isinstance(key, int):
        key = f"{table.pop()} {key + 1}"
    raise InvalidRecord(place_of(tuple(table)), f"{what or f'{key}='}{value!r} is not {wanted}", path=path)
