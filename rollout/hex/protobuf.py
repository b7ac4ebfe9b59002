"""Reader for the part of the Protocol Buffers wire format that Hex's registry uses.

The registry has five small proto2 messages. Ninety lines read them, without a compiled extension and generated classes.
Unknown fields are skipped, as the format requires.
"""

from __future__ import annotations

from collections.abc import Iterator

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_VARINT_BITS = 70


class WireError(ValueError):
    """Bytes that are not a valid message."""


def read_fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield (field number, value) in order: int for varints and fixed-size numbers, bytes for everything else.

    Raises WireError for truncated messages and unknown wire types.
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
    """The numbers of a repeated field, either packed (bytes) or a single one (int)."""
    if isinstance(value, int):
        return (value,)
    found: list[int] = []
    position = 0
    while position < len(value):
        number, position = _varint(value, position)
        found.append(number)
    return tuple(found)


def text(value: int | bytes) -> str:
    """The value of a string field. Raises WireError where it is not UTF-8."""
    try:
        return octets(value).decode("utf-8")
    except UnicodeDecodeError as error:
        raise WireError("a text field is not UTF-8") from error


def octets(value: int | bytes) -> bytes:
    """The value of a bytes field. Raises WireError where it is a number."""
    if isinstance(value, int):
        raise WireError("a number instead of bytes")
    return value


def number(value: int | bytes) -> int:
    """The value of a number field. Raises WireError where it is bytes."""
    if isinstance(value, bytes):
        raise WireError("bytes instead of a number")
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
