"""BEAM files are equal where what runs of them is."""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Mapping

import pytest

from deploy_tests.support.beam_files import what_runs

BUILD = {
    b"Code": b"the code",
    b"LitT": b"Xw\x0dnonode@nohost" + bytes(11) + b"\x01 and __identifier__n\x08\x01" + b"a" * 8 + b" and a literal",
    b"FunT": struct.pack(">I", 1) + b"twenty bytes of a fun" [:20] + b"sum1",
    b"Attr": b"h\x02w\x03vsnl\x00\x00\x00\x01n\x03\x00abcjh\x02w\x09behaviour",
}  # fmt: skip


def beam(changes: Mapping[str, tuple[bytes, bytes]], *, packed: bool = False) -> bytes:
    """A BEAM file of BUILD, in which a chunk has the second bytes of its change in place of the first."""
    body = b"BEAM"
    for name, content in BUILD.items():
        old, new = changes.get(name.decode(), (b"", b""))
        assert old in content
        changed = content.replace(old, new)
        if name == b"LitT":
            changed = struct.pack(">I", len(changed)) + zlib.compress(changed)
        body += name + struct.pack(">I", len(changed)) + changed + bytes(-len(changed) % 4)
    data = b"FOR1" + struct.pack(">I", len(body)) + body
    return gzip.compress(data) if packed else data


@pytest.mark.parametrize(
    "change",
    [
        {"LitT": (bytes(11) + b"\x01", bytes(11) + b"\x02")},
        {"LitT": (b"a" * 8, b"b" * 8)},
        {"FunT": (b"sum1", b"sum2")},
        {"Attr": (b"n\x03\x00abc", b"n\x02\x00xy")},
    ],
)
def test_process_identifier_and_checksums_of_a_build_make_no_difference(change: dict[str, tuple[bytes, bytes]]) -> None:
    assert what_runs(beam({})) == what_runs(beam(change)) == what_runs(beam(change, packed=True))


@pytest.mark.parametrize(
    "change",
    [
        {"Code": (b"the", b"no ")},
        {"LitT": (b"a literal", b"another")},
        {"FunT": (b"twenty", b"TWENTY")},
        {"Attr": (b"behaviour", b"something")},
    ],
)
def test_everything_else_does(change: dict[str, tuple[bytes, bytes]]) -> None:
    assert what_runs(beam({})) != what_runs(beam(change))


def test_another_file_is_refused() -> None:
    with pytest.raises(ValueError, match="BEAM"):
        what_runs(b"#!/bin/sh")
