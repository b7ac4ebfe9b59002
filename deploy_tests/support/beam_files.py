"""Compares BEAM files by what runs of them, without what only tells of their build.

Two builds of the same sources differ in some modules, as measured on XAVOS: a literal holds the process that compiled
it (`Macro.Env` of a module that Spark fills), or a unique integer of that VM (the identifier of an entity of Spark).
The checksum of a module follows: its `vsn`, and the one of each of its functions.
"""

from __future__ import annotations

import gzip
import hashlib
import re
import struct
import zlib
from collections.abc import Iterator

_PROCESS = re.compile(rb"Xw.[\w.@-]+@[\w.-]+.{12}", re.DOTALL)  # NEW_PID_EXT: node, then 12 bytes
_IDENTIFIER = re.compile(rb"__identifier__n\x08[\x00\x01].{8}", re.DOTALL)  # SMALL_BIG_EXT of 8 bytes
_VERSION = re.compile(rb"vsnl\x00\x00\x00\x01n([\x00-\x10])", re.DOTALL)
_FUNCTION_BYTES = 24  # the last 4 are the checksum (erts/emulator/beam/beam_file.c, FunT)


def what_runs(data: bytes) -> str:
    """A digest of a BEAM file that is equal for two builds of the same source. Raises ValueError for another file."""
    digest = hashlib.blake2b(digest_size=20)
    for name, content in _chunks(gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data):
        digest.update(name + _without_build(name, content))
    return digest.hexdigest()


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Each chunk's name and content. The format is IFF: a name, a length, and a content filled to 4 bytes."""
    if data[:4] != b"FOR1" or data[8:12] != b"BEAM":
        raise ValueError("not a BEAM file")
    at = 12
    while at < len(data):
        name, (size,) = data[at : at + 4], struct.unpack(">I", data[at + 4 : at + 8])
        yield name, data[at + 8 : at + 8 + size]
        at += 8 + (size + 3) // 4 * 4


def _without_build(name: bytes, content: bytes) -> bytes:
    match name:
        case b"LitT":
            literals = zlib.decompress(content[4:]) if content[:4] != bytes(4) else content[4:]
            return _IDENTIFIER.sub(b"__identifier__", _PROCESS.sub(b"process", literals))
        case b"FunT":
            entries = range(4, len(content), _FUNCTION_BYTES)
            return b"".join(content[at : at + _FUNCTION_BYTES - 4] for at in entries)
        case b"Attr" if found := _VERSION.search(content):
            return content[: found.start(1)] + content[found.end() + 1 + found[1][0] :]
        case _:
            return content
