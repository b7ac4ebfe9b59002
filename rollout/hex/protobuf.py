"""The wire format of Protocol Buffers, as much of it as Hex's registry needs.

Five small proto2 messages with varints, strings and nested messages: ninety lines here against a compiled
extension and generated (or dynamically built) classes. Unknown fields are skipped, as the format wants.
"""

from __future__ import annotations

from collections.abc import Iterator

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_VARINT_BITS = 70


class WireError(ValueError):
    """Bytes that are not a message."""


def read_fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Give (field number, value) in order: int for varints and fixed numbers, bytes for everything else.

    Raises WireError where the bytes end too soon or a wire type is unknown.
    """
    position, end = 0, len(message)
    while position < end:
        tag, position = _varint(message, position)
        number, wire = tag >> 3, tag & 7
        if number == 0:
            raise WireError("field number 0")
        if wire == _VARINT:
            value, position = _varint(message, position)
            yield number, value
            continue
        if wire == _BYTES:
            length, position = _varint(message, position)
        elif wire in (_FIXED64, _FIXED32):
            length = 8 if wire == _FIXED64 else 4
        else:
            raise WireError(f"wire type {wire}")
        if position + length > end:
            raise WireError("it ends in the middle of a field")
        chunk = message[position : position + length]
        position += length
        yield number, chunk if wire == _BYTES else int.from_bytes(chunk, "little")


def read_packed(value: int | bytes) -> tuple[int, ...]:
    """Varints of a repeated field, packed (bytes) or one at a time (int)."""
    if isinstance(value, int):
        return (value,)
    found: list[int] = []
    position = 0
    while position < len(value):
        number, position = _varint(value, position)
        found.append(number)
    return tuple(found)


def text(value: int | bytes) -> str:
    """A string field; raises WireError where it is not UTF-8 text."""
    try:
        return octets(value).decode("utf-8")
    except UnicodeDecodeError as error:
        raise WireError("a text field is not UTF-8") from error


def octets(value: int | bytes) -> bytes:
    """A bytes field; raises WireError where it is a number."""
    if isinstance(value, int):
        raise WireError("a number where bytes belong")
    return value


def number(value: int | bytes) -> int:
    """A number field; raises WireError where it is bytes."""
    if isinstance(value, bytes):
        raise WireError("bytes where a number belongs")
    return value


def _varint(message: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if position >= len(message):
            raise WireError("it ends in the middle of a number")
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
        if shift >= _VARINT_BITS:
            raise WireError("a number longer than 64 bits")
