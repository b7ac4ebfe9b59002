"""The JSON schema of rollout.toml, for editors, made from the keys that the loader accepts."""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any

from rollout.project.keys import Key, keys_of, types_of
from rollout.project.project import Project

NAME = "rollout.schema.json"
_DRAFT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """The schema of a whole file. What concerns several keys, such as placeholders, is checked by the loader alone."""
    return {
        "$schema": _DRAFT,
        "$id": NAME,
        "title": "rollout.toml",
        "description": "What XAVOS Rollout has to know of an application in order to deploy and check it.",
        **_table(Project),
    }


def schema_text() -> str:
    """The text of the schema's file."""
    return json.dumps(json_schema(), indent=2) + "\n"


def key_rows(kind: type[Any]) -> Iterator[tuple[str, str, str]]:
    """(key, default, meaning) of each key of a table, as documentation shows them."""
    keys = keys_of(kind)
    for field in dataclasses.fields(kind):
        required = field.default is dataclasses.MISSING
        default = "*required*" if required else _shown(field.default)
        yield f"`{field.name}`", default, _meaning(keys[field.name])


def _meaning(key: Key) -> str:
    allowed = f" One of {', '.join(f'`{each}`' for each in key.allowed)}." if key.allowed else ""
    return f"{key.meaning}{allowed}"


def _shown(value: object) -> str:
    if value in ("", ()):
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _table(kind: type[Any]) -> dict[str, Any]:
    """The schema of a table: its keys, those that are required, and nothing else."""
    keys, hints = keys_of(kind), types_of(kind)
    fields = dataclasses.fields(kind)
    required = [field.name for field in fields if field.default is dataclasses.MISSING]
    found: dict[str, Any] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {field.name: _property(keys[field.name], hints[field.name], field.default) for field in fields},
    }
    return found | ({"required": required} if required else {})


def _property(key: Key, hint: Any, default: object) -> dict[str, Any]:
    is_written = isinstance(default, str | int) and default != ""
    value = _value(key, hint)
    if default == "" and "pattern" in value:  # "" is as good as no key
        value["pattern"] = f"{value['pattern'][:-1]}?$"
    return {"description": key.meaning, **value, **({"default": default} if is_written else {})}


def _value(key: Key, hint: Any) -> dict[str, Any]:
    """The schema of a value by the type of its field."""
    inner = typing.get_args(hint)
    if dataclasses.is_dataclass(hint):
        return _table(typing.cast("type[Any]", hint))
    if typing.get_origin(hint) is tuple and typing.get_origin(inner[0]) is tuple:
        value = _value(dataclasses.replace(key, names=None), typing.get_args(inner[0])[1])
        names = {"propertyNames": {"pattern": f"^(?:{key.names.pattern})$"}} if key.names else {}
        return {"type": "object", "additionalProperties": value, **names}
    if typing.get_origin(hint) is tuple:
        return {"type": "array", "items": _value(key, inner[0])}
    assert not isinstance(hint, types.UnionType), "a key of rollout.toml is required or has a default"
    return _scalar(key, hint)


def _scalar(key: Key, hint: Any) -> dict[str, Any]:
    if hint is bool:
        return {"type": "boolean"}
    if hint is int:
        return {"type": "integer", **({"minimum": 1, "maximum": key.most} if key.most else {})}
    if key.allowed:
        return {"enum": list(key.allowed)}
    return {"type": "string", **({"pattern": f"^(?:{key.shape.pattern})$"} if key.shape else {})}


def tables() -> Mapping[str, type[Any]]:
    """Each table of the file, as it is written, with its dataclass."""
    found: dict[str, type[Any]] = {}
    for name, hint in types_of(Project).items():
        inner = typing.get_args(hint)
        if dataclasses.is_dataclass(hint):
            found[f"[{name}]"] = typing.cast("type[Any]", hint)
        elif inner and dataclasses.is_dataclass(inner[0]):
            found[f"[[{name}]]"] = typing.cast("type[Any]", inner[0])
        elif inner and dataclasses.is_dataclass(typing.get_args(inner[0])[1]):
            found[f"[{name}.NAME]"] = typing.get_args(inner[0])[1]
    return found
