"""Declares journal events as frozen dataclasses, and decodes events from JSON leniently.

This is the only place that says how damaged events are read: a missing value, or one of the wrong type, becomes the
default of its field.
"""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar, dataclass_transform

from rollout.journal import query

Data = Mapping[str, Any]
Texts = tuple[str, ...]
Rows = tuple[Mapping[str, Any], ...]
Lists = tuple[tuple[str, ...], ...]


class JournalEvent:
    """Base class of all events."""

    __slots__ = ()


_Kind = TypeVar("_Kind", bound=JournalEvent)

KINDS: dict[str, type[JournalEvent]] = {}
"""Name of an event → its class."""
_NAMES: dict[type[JournalEvent], str] = {}
_KEY_READERS: dict[type[JournalEvent], Mapping[str, Callable[[Mapping[str, Any], str], Any]]] = {}


@dataclass_transform(kw_only_default=True, frozen_default=True)
def event(name: str) -> Callable[[type[_Kind]], type[_Kind]]:
    """Declare the class of an event. A field with a default may be missing or null in the journal."""

    def register(declared: type[_Kind]) -> type[_Kind]:
        made = dataclasses.dataclass(frozen=True, slots=True, kw_only=True)(declared)
        KINDS[name] = made
        _NAMES[made] = name
        _KEY_READERS[made] = {key: _reader(hint) for key, hint in typing.get_type_hints(made).items()}
        return made

    return register


def name_of(kind: type[JournalEvent]) -> str:
    """The name of an event's class in the journal. Raises KeyError for any other class."""
    return _NAMES[kind]


def _fields(kind: Any) -> tuple[dataclasses.Field[Any], ...]:
    return dataclasses.fields(kind)


def keys_of(kind: type[JournalEvent]) -> dict[str, bool]:
    """Key of an event → whether it is required, in order."""
    return {field.name: field.default is dataclasses.MISSING for field in _fields(kind)}


def decode(kind: type[_Kind], found: Mapping[str, Any]) -> _Kind:
    """An event of the journal as an object. The common keys (`run`, `t`, …) are left out."""
    return kind(**{key: read(found, key) for key, read in _KEY_READERS[kind].items()})


def select(kind: type[_Kind], events: Iterable[Mapping[str, Any]]) -> Iterator[_Kind]:
    """The events of one kind, decoded, in order."""
    return (decode(kind, found) for found in events if found.get("event") == _NAMES[kind])


def encode(happened: JournalEvent) -> tuple[str, dict[str, Any]]:
    """Name and keys of an event, as the journal has them. Optional keys without a value are left out."""
    keys = {key: (getattr(happened, key), required) for key, required in keys_of(type(happened)).items()}
    return _NAMES[type(happened)], {key: value for key, (value, needed) in keys.items() if needed or value is not None}


def _boolean(found: Mapping[str, Any], key: str) -> bool:
    return found.get(key) is True


def _integer(found: Mapping[str, Any], key: str) -> int:
    return int(query.number(found, key))


def _lists(found: Mapping[str, Any], key: str) -> Lists:
    value = found.get(key)
    items = value if isinstance(value, list | tuple) else ()
    return tuple(tuple(map(str, item)) for item in items if isinstance(item, list | tuple))


_READERS: Mapping[Any, Callable[[Mapping[str, Any], str], Any]] = {
    str: query.text,
    int: _integer,
    float: query.number,
    bool: _boolean,
    Data: query.mapping,
    Texts: query.texts,
    Rows: query.rows,
    Lists: _lists,
}
_ACCEPTED: Mapping[Any, Any] = {int: int, float: (int, float), Data: Mapping}


def _reader(hint: Any) -> Callable[[Mapping[str, Any], str], Any]:
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        (plain,) = (part for part in typing.get_args(hint) if part is not types.NoneType)
        return functools.partial(_optional, plain)
    return _READERS[hint]


def _optional(hint: Any, found: Mapping[str, Any], key: str) -> Any:
    """None for a missing value, and for one whose type is not `hint`."""
    value = found.get(key)
    if value is None or (hint in _ACCEPTED and (isinstance(value, bool) or not isinstance(value, _ACCEPTED[hint]))):
        return None
    return _READERS[hint](found, key)
