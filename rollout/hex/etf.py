"""Encoder for Erlang's external term format (ETF), which the Hex client prefers over JSON in hex.pm's API."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import TypeAlias

Term: TypeAlias = "bool | int | str | Sequence[Term] | Mapping[str, Term] | None"
_SMALL, _SMALLEST_32, _LARGEST_32 = 256, -(2**31), 2**31


def encode_term(value: Term) -> bytes:
    """Encode a value: None and booleans as atoms, strings as binaries, sequences as lists, mappings as maps.

    Integers must fit in 32 bits. Raises TypeError for any other type.
    """
    return b"\x83" + _encode(value)


def _encode(value: Term) -> bytes:
    match value:
        case None:
            return _atom("nil")
        case bool():
            return _atom("true" if value else "false")
        case int() if 0 <= value < _SMALL:
            return struct.pack(">BB", 97, value)
        case int() if _SMALLEST_32 <= value < _LARGEST_32:
            return struct.pack(">Bi", 98, value)
        case str():
            text = value.encode()
            return struct.pack(">BI", 109, len(text)) + text
        case Mapping():
            pairs = (_encode(key) + _encode(each) for key, each in value.items())
            return struct.pack(">BI", 116, len(value)) + b"".join(pairs)
        case Sequence():
            if not value:
                return b"\x6a"
            return struct.pack(">BI", 108, len(value)) + b"".join(map(_encode, value)) + b"\x6a"
    raise TypeError(f"cannot encode {type(value).__name__} as an Erlang term")


def _atom(name: str) -> bytes:
    return struct.pack(">BB", 119, len(name)) + name.encode()
