"""Changes a registry entry about a package and signs it again with the registry's key.

The wire format is that of rollout/hex/registry.py. All other fields stay the same.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from rollout.hex import protobuf
from rollout.hex.registry import RETIREMENT_REASONS, Package
from rollout.hex.sources import RehearsalSource, Source
from rollout.hex.version import Version

_PAYLOAD, _SIGNATURE = 1, 2
_RELEASES = 1
_VERSION, _DEPENDENCIES, _RETIRED = 1, 3, 4
_REQUIREMENT = 2
_REASON, _MESSAGE = 1, 2
_VARINT_TYPE, _BYTES_TYPE = 0, 2
_SEVEN_BITS = 0x7F

Field = tuple[int, int | bytes]


def private_key(source: Source) -> rsa.RSAPrivateKey | None:
    """The key that signs the source's entries; None if it is not available."""
    if not isinstance(source, RehearsalSource):
        return None
    key = serialization.load_pem_private_key(key_file(source).read_bytes(), password=None)
    return key if isinstance(key, rsa.RSAPrivateKey) else None


def key_file(source: RehearsalSource) -> Path:
    """The file with the key, written when the registry is built."""
    return source.folder.parent / "private_key.pem"


def signed(payload: bytes, key: rsa.RSAPrivateKey) -> bytes:
    """The payload with its signature, as a registry sends it."""
    return _sealed(payload, key.sign(payload, padding.PKCS1v15(), hashes.SHA512()))


def with_bad_signature(body: bytes) -> bytes:
    """The entry with an invalid signature: one bit is flipped."""
    fields = dict(_fields(gzip.decompress(body)))
    signature = protobuf.octets(fields[_SIGNATURE])
    return _sealed(protobuf.octets(fields[_PAYLOAD]), signature[:-1] + bytes((signature[-1] ^ 1,)))


def payload_of(body: bytes) -> bytes:
    """The signed payload of a registry's response."""
    return protobuf.octets(dict(_fields(gzip.decompress(body)))[_PAYLOAD])


def newest(package: Package) -> str:
    """The newest release, preferably one that is not a pre-release."""
    versions = sorted((Version.parse(each.version) for each in package.releases), key=lambda v: (not v.pre, v))
    return str(versions[-1])


def retire(payload: bytes, version: str, *, reason: str, message: str) -> bytes:
    """The entry with one release retired."""
    retirement = written([(_REASON, RETIREMENT_REASONS.index(reason)), (_MESSAGE, message.encode())])

    def altered(release: list[Field]) -> list[Field]:
        if dict(release).get(_VERSION) != version.encode():
            return release
        return [*(field for field in release if field[0] != _RETIRED), (_RETIRED, retirement)]

    return _each_release(payload, altered)


def set_requirement(payload: bytes, dependency: str, requirement: str) -> bytes:
    """The entry with another requirement of one dependency, in every release."""

    def altered(release: list[Field]) -> list[Field]:
        return [
            (number, _with_requirement(protobuf.octets(value), dependency, requirement)) if number == _DEPENDENCIES
            else (number, value)
            for number, value in release
        ]  # fmt: skip

    return _each_release(payload, altered)


def written(fields: Iterable[Field]) -> bytes:
    """Fields in the wire format: numbers as varints, everything else with its length."""
    return b"".join(
        _varint(number << 3 | _VARINT_TYPE) + _varint(value)
        if isinstance(value, int)
        else _varint(number << 3 | _BYTES_TYPE) + _varint(len(value)) + value
        for number, value in fields
    )


def _sealed(payload: bytes, signature: bytes) -> bytes:
    return gzip.compress(written([(_PAYLOAD, payload), (_SIGNATURE, signature)]), mtime=0)


def _each_release(payload: bytes, alter: Callable[[list[Field]], list[Field]]) -> bytes:
    return written(
        (number, written(alter(list(_fields(protobuf.octets(value)))))) if number == _RELEASES else (number, value)
        for number, value in _fields(payload)
    )


def _with_requirement(message: bytes, dependency: str, requirement: str) -> bytes:
    fields = list(_fields(message))
    if dict(fields).get(1) != dependency.encode():
        return message
    return written((number, requirement.encode() if number == _REQUIREMENT else value) for number, value in fields)


def _fields(message: bytes) -> Iterator[Field]:
    return protobuf.read_fields(message)


def _varint(value: int) -> bytes:
    out = b""
    while value > _SEVEN_BITS:
        out += bytes((value & _SEVEN_BITS | 0x80,))
        value >>= 7
    return out + bytes((value,))
