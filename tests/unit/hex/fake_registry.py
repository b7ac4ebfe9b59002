"""A fake Hex registry in memory, in the real format and with real signatures, and tar files to go with it."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from rollout.hex.registry import PublicKey

RETIRED = ("other", "invalid", "security", "deprecated", "renamed")


@cache
def private_key(name: str = "own") -> rsa.RSAPrivateKey:
    """A key per name, made once per session."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def public_key(name: str = "own") -> PublicKey:
    pem = (
        private_key(name)
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return PublicKey.from_pem(pem, source=name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    package: str
    requirement: str = ">= 0.0.0"
    optional: bool = False
    app: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rel:
    version: str
    needs: tuple[Needs, ...] = ()
    retired: tuple[int, str] | None = None
    tarball: bytes = b"tarball"


@dataclass(slots=True, kw_only=True)
class FakeRegistry:
    packages: Mapping[str, tuple[Rel, ...]] = field(default_factory=dict)
    repository: str = "hexpm"
    key: str = "own"

    def files(self) -> dict[str, bytes]:
        """Path → body, as `mix hex.registry build` lays them out."""
        files = {
            "/public_key": public_key(self.key).pem,
            "/names": self.names(),
            "/versions": self.versions(),
        }
        for name, releases in self.packages.items():
            files[f"/packages/{name}"] = self.package(name)
            files |= {f"/tarballs/{name}-{each.version}.tar": each.tarball for each in releases}
        return files

    def write(self, folder: Path) -> Path:
        for path, body in self.files().items():
            file = folder / path.lstrip("/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(body)
        return folder

    def names(self) -> bytes:
        listed = b"".join(chunk(1, text(1, name)) for name in self.packages)
        return sign(listed + text(2, self.repository), self.key)

    def versions(self) -> bytes:
        listed = b""
        for name, releases in self.packages.items():
            body = text(1, name) + b"".join(text(2, each.version) for each in releases)
            retired = bytes(index for index, each in enumerate(releases) if each.retired)
            listed += chunk(1, body + (chunk(3, retired) if retired else b""))
        return sign(listed + text(2, self.repository), self.key)

    def package(self, name: str) -> bytes:
        body = b"".join(chunk(1, _release(each)) for each in self.packages[name])
        return sign(body + text(2, name) + text(3, self.repository), self.key)


def sign(payload: bytes, key: str = "own") -> bytes:
    signature = private_key(key).sign(payload, padding.PKCS1v15(), hashes.SHA512())
    return gzip.compress(chunk(1, payload) + chunk(2, signature), mtime=0)


def varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += bytes((value & 0x7F | 0x80,))
        value >>= 7
    return out + bytes((value,))


def chunk(field_number: int, body: bytes) -> bytes:
    return varint(field_number << 3 | 2) + varint(len(body)) + body


def text(field_number: int, value: str) -> bytes:
    return chunk(field_number, value.encode())


def number(field_number: int, value: int) -> bytes:
    return varint(field_number << 3) + varint(value)


def _release(release: Rel) -> bytes:
    body = text(1, release.version) + chunk(2, hashlib.sha256(b"inner" + release.tarball).digest())
    for needs in release.needs:
        dependency = text(1, needs.package) + text(2, needs.requirement)
        dependency += number(3, 1) if needs.optional else b""
        dependency += text(4, needs.app) if needs.app else b""
        body += chunk(3, dependency)
    if release.retired:
        reason, message = release.retired
        body += chunk(4, number(1, reason) + text(2, message))
    return body + chunk(5, hashlib.sha256(release.tarball).digest()) + number(99, 7) + text(98, "from the future")
