"""Decoder for Hex's signed registry: verifies the signature, then reads packages, names and versions.

A payload is a gzip file with `Signed{payload, signature}`, a Protocol Buffers message. Field numbers are those of
hexpm/hex_core, proto/hex_pb_*.proto. The signature is RSA over SHA-512 of the payload.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from rollout.hex import protobuf
from rollout.hex.errors import BadSignature, RegistryPayloadInvalid, SourceKeyUnusable
from rollout.hex.protobuf import WireError

REPOSITORY = "hexpm"
RETIREMENT_REASONS = ("other", "invalid", "security", "deprecated", "renamed")
_MOST_BYTES = 256 * 1024 * 1024
_Message = TypeVar("_Message")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependency:
    """A dependency of a release. `app` and `repository` have their defaults where the registry omits them."""

    package: str
    requirement: str
    optional: bool = False
    app: str
    repository: str = REPOSITORY


@dataclass(frozen=True, slots=True, kw_only=True)
class Retirement:
    """Why a release was retired. `reason` is one of RETIREMENT_REASONS."""

    reason: str
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One release of a package. Checksums are SHA-256; `outer_checksum` is that of the whole tarball."""

    version: str
    inner_checksum: bytes
    outer_checksum: bytes | None = None
    dependencies: tuple[Dependency, ...] = ()
    retired: Retirement | None = None
    published_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A package of the registry, its releases in the registry's order."""

    name: str
    repository: str
    releases: tuple[Release, ...]

    def release(self, version: str) -> Release | None:
        return next((release for release in self.releases if release.version == version), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """An RSA public key in PEM, with the fingerprint that Hex prints and compares (`SHA256:…`)."""

    pem: bytes
    fingerprint: str

    @classmethod
    def from_pem(cls, pem: bytes, *, source: str) -> PublicKey:
        """Read a key. `source` names its owner in errors. Raises SourceKeyUnusable where it is no RSA public key."""
        key = _load(pem, source=source)
        openssh = key.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
        digest = hashlib.sha256(base64.b64decode(openssh.split()[1])).digest()
        return cls(pem=pem, fingerprint="SHA256:" + base64.b64encode(digest).decode().rstrip("="))

    @classmethod
    def from_file(cls, file: Path, *, source: str) -> PublicKey:
        """Read a key from a file. Raises SourceKeyUnusable."""
        try:
            pem = file.read_bytes()
        except OSError as error:
            raise SourceKeyUnusable(source=source, problem=f"{file}: {error.strerror or error}") from error
        return cls.from_pem(pem, source=source)


def verify(body: bytes, key: PublicKey, *, what: str) -> bytes:
    """The payload of a gzip'd Signed message, verified with `key`.

    Raises BadSignature where only the signature is wrong, RegistryPayloadInvalid for anything else.
    """
    payload, signature = _unwrap(body, what)
    try:
        _load(key.pem, source=what).verify(signature, payload, padding.PKCS1v15(), hashes.SHA512())
    except InvalidSignature:
        raise BadSignature(what=what, fingerprint=key.fingerprint) from None
    return payload


def read_package(body: bytes, key: PublicKey, *, name: str, repository: str = REPOSITORY) -> Package:
    """Verify and decode `/packages/NAME`. Raises RegistryPayloadInvalid, also for another package's payload."""
    what = f"package {name}"
    package = _decoded(verify(body, key, what=what), what, _package)
    if (package.name, package.repository) != (name, repository):
        raise RegistryPayloadInvalid(
            what=what, problem=f"it is about {package.repository}/{package.name}, not {repository}/{name}"
        )
    return package


def read_names(body: bytes, key: PublicKey, *, repository: str = REPOSITORY) -> tuple[str, ...]:
    """Verify and decode `/names`: the name of every package."""
    what = "the list of names"
    found, names = _decoded(verify(body, key, what=what), what, _names)
    _same_repository(found, repository, what)
    return names


def read_versions(body: bytes, key: PublicKey, *, repository: str = REPOSITORY) -> dict[str, tuple[str, ...]]:
    """Verify and decode `/versions`: name → versions that are not retired."""
    what = "the list of versions"
    found, versions = _decoded(verify(body, key, what=what), what, _versions)
    _same_repository(found, repository, what)
    return versions


def _load(pem: bytes, *, source: str) -> rsa.RSAPublicKey:
    try:
        key = serialization.load_pem_public_key(pem)
    except ValueError:
        raise SourceKeyUnusable(source=source, problem="it is not a public key in PEM") from None
    if not isinstance(key, rsa.RSAPublicKey):
        raise SourceKeyUnusable(source=source, problem="it is not an RSA key, which Hex needs")
    return key


def _unwrap(body: bytes, what: str) -> tuple[bytes, bytes]:
    try:
        signed = _inflate(body)
    except (OSError, EOFError, zlib.error) as error:
        raise RegistryPayloadInvalid(what=what, problem=f"it is not complete gzip data ({error})") from error
    try:
        fields = dict(protobuf.read_fields(signed))
        payload, signature = fields.get(1), fields.get(2, b"")
        if payload is None:
            raise WireError("it has no payload")
        return protobuf.octets(payload), protobuf.octets(signature)
    except WireError as error:
        raise RegistryPayloadInvalid(what=what, problem=f"it is not a signed message ({error})") from error


def _inflate(body: bytes) -> bytes:
    """Decompress up to a limit, so that a hostile response cannot fill the memory."""
    with gzip.GzipFile(fileobj=io.BytesIO(body)) as stream:
        signed = stream.read(_MOST_BYTES + 1)
    if len(signed) > _MOST_BYTES:
        raise OSError(f"more than {_MOST_BYTES} bytes")
    return signed


def _decoded(payload: bytes, what: str, decode: Callable[[bytes], _Message]) -> _Message:
    try:
        return decode(payload)
    except WireError as error:
        raise RegistryPayloadInvalid(what=what, problem=f"its message is broken ({error})") from error


def _same_repository(found: str, wanted: str, what: str) -> None:
    if found != wanted:
        raise RegistryPayloadInvalid(what=what, problem=f"it belongs to the repository {found!r}, not {wanted!r}")


def _package(message: bytes) -> Package:
    name = repository = None
    releases: list[bytes] = []
    for field, value in protobuf.read_fields(message):
        if field == 1:
            releases.append(protobuf.octets(value))
        elif field == 2:
            name = protobuf.text(value)
        elif field == 3:
            repository = protobuf.text(value)
    if name is None or repository is None:
        raise WireError("it has no name or no repository")
    return Package(name=name, repository=repository, releases=tuple(_release(each, repository) for each in releases))


def _release(message: bytes, repository: str) -> Release:
    version = inner = outer = retired = published = None
    dependencies: list[Dependency] = []
    for field, value in protobuf.read_fields(message):
        if field == 1:
            version = protobuf.text(value)
        elif field == 2:
            inner = protobuf.octets(value)
        elif field == 3:
            dependencies.append(_dependency(protobuf.octets(value), repository))
        elif field == 4:
            retired = _retirement(protobuf.octets(value))
        elif field == 5:
            outer = protobuf.octets(value)
        elif field == 7:
            published = protobuf.number(dict(protobuf.read_fields(protobuf.octets(value))).get(1, 0))
    if version is None or inner is None:
        raise WireError("a release has no version or no checksum")
    return Release(
        version=version,
        inner_checksum=inner,
        outer_checksum=outer,
        dependencies=tuple(dependencies),
        retired=retired,
        published_at=published,
    )


def _dependency(message: bytes, own_repository: str) -> Dependency:
    fields = dict(protobuf.read_fields(message))
    if 1 not in fields or 2 not in fields:
        raise WireError("a dependency has no package or no requirement")
    package = protobuf.text(fields[1])
    return Dependency(
        package=package,
        requirement=protobuf.text(fields[2]),
        optional=bool(fields.get(3, 0)),
        app=protobuf.text(fields[4]) if 4 in fields else package,
        repository=protobuf.text(fields[5]) if 5 in fields else own_repository,
    )


def _retirement(message: bytes) -> Retirement:
    fields = dict(protobuf.read_fields(message))
    reason = protobuf.number(fields.get(1, 0))
    known = reason < len(RETIREMENT_REASONS)
    return Retirement(
        reason=RETIREMENT_REASONS[reason] if known else RETIREMENT_REASONS[0],
        message=protobuf.text(fields[2]) if 2 in fields else "",
    )


def _listing(message: bytes) -> tuple[str, Iterator[bytes]]:
    repository = None
    packages: list[bytes] = []
    for field, value in protobuf.read_fields(message):
        if field == 1:
            packages.append(protobuf.octets(value))
        elif field == 2:
            repository = protobuf.text(value)
    if repository is None:
        raise WireError("it has no repository")
    return repository, iter(packages)


def _names(message: bytes) -> tuple[str, tuple[str, ...]]:
    repository, packages = _listing(message)
    return repository, tuple(_name(dict(protobuf.read_fields(each))) for each in packages)


def _name(fields: dict[int, int | bytes]) -> str:
    if 1 not in fields:
        raise WireError("a package has no name")
    return protobuf.text(fields[1])


def _versions(message: bytes) -> tuple[str, dict[str, tuple[str, ...]]]:
    repository, packages = _listing(message)
    found: dict[str, tuple[str, ...]] = {}
    for package in packages:
        versions: list[str] = []
        retired: set[int] = set()
        name = ""
        for field, value in protobuf.read_fields(package):
            if field == 1:
                name = protobuf.text(value)
            elif field == 2:
                versions.append(protobuf.text(value))
            elif field == 3:
                retired.update(protobuf.read_packed(value))
        found[name] = tuple(each for index, each in enumerate(versions) if index not in retired)
    return repository, found
