"""Package sources: hexpm, a mirror, a bundle, or the stand-ins of a rehearsal.

A source is the upstream for Hex packages. It also has a public key, and can be probed.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import httpx

from rollout.application import APPLICATION
from rollout.hex.bundle import PUBLIC_KEY, Bundle
from rollout.hex.errors import KeyChanged, RehearsalMissing, SourceKeyUnusable, SourceUnavailable
from rollout.hex.http_cache import write_atomically
from rollout.hex.http_client import (
    NO_VALIDATORS,
    UNTRUSTED,
    HttpUpstream,
    Upstream,
    UpstreamFailure,
    UpstreamResponse,
    Validators,
    Writable,
    kind_of,
)
from rollout.hex.registry import PublicKey

HEXPM_URL = "https://repo.hex.pm"
PROBE_SECONDS = 2.0
_OK, _CLIENT_ERROR, _NOT_FOUND, _TOO_MANY, _SERVER_ERROR = 200, 400, 404, 429, 500

HEXPM_PEM = b"""-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEApqREcFDt5vV21JVe2QNB
Edvzk6w36aNFhVGWN5toNJRjRJ6m4hIuG4KaXtDWVLjnvct6MYMfqhC79HAGwyF+
IqR6Q6a5bbFSsImgBJwz1oadoVKD6ZNetAuCIK84cjMrEFRkELtEIPNHblCzUkkM
3rS9+DPlnfG8hBvGi6tvQIuZmXGCxF/73hU0/MyGhbmEjIKRtG6b0sJYKelRLTPW
XgK7s5pESgiwf2YC/2MGDXjAJfpfCd0RpLdvd4eRiXtVlE9qO9bND94E7PgQ/xqZ
J1i2xWFndWa6nfFnRxZmCStCOZWYYPlaxr+FZceFbpMwzTNs4g3d4tLNUcbKAIH4
0wIDAQAB
-----END PUBLIC KEY-----
"""
"""The key that is built into the Hex client itself (hexpm/hex, lib/hex/repo.ex)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reachability:
    """The result of a probe. `state` is reachable, unreachable, untrusted or rate_limited.

    `retry_after` is in seconds, None where the server does not say.
    """

    state: str
    reason: str = ""
    retry_after: float | None = None

    @property
    def is_reachable(self) -> bool:
        return self.state == "reachable"


class Source(Upstream, Protocol):
    """An upstream for registry paths: /names, /versions, /packages/NAME, /tarballs/NAME-VERSION.tar, /public_key, …"""

    @property
    def kind(self) -> str:
        """hexpm, mirror, bundle or rehearsal."""

    @property
    def description(self) -> str:
        """Kind and address, for messages."""

    @property
    def key(self) -> PublicKey:
        """The public key of its signed registry. Raises SourceKeyUnusable or another HexError."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences for the console, such as the notice of a new key."""

    def probe(self, seconds: float = PROBE_SECONDS) -> Reachability:
        """Whether it responds now. Never raises."""


def hexpm_key() -> PublicKey:
    """The public key of hex.pm's registry, which is built into Hex."""
    return PublicKey.from_pem(HEXPM_PEM, source="hexpm")


def is_rehearsal(source: Source) -> bool:
    """Whether its packages are stand-ins: a rehearsal's registry, or a bundle recorded from one."""
    origin = source.bundle.source_kind if isinstance(source, BundleSource) else source.kind
    return origin == RehearsalSource.kind


def needs_own_key(source: Source) -> bool:
    """Whether the source's key must be registered with the Hex client, which has only hexpm's built in."""
    return source.key.fingerprint != hexpm_key().fingerprint


class HexpmSource(HttpUpstream):
    """hex.pm. Its payloads pass through unchanged, so Hex verifies them with its built-in key."""

    kind = "hexpm"
    notes: tuple[str, ...] = ()

    def __init__(self, *, client: httpx.Client, url: str = HEXPM_URL) -> None:
        super().__init__(url, client=client)
        self._probing = client
        self.key = hexpm_key()

    @property
    def description(self) -> str:
        return f"hexpm ({self.base})"

    def probe(self, seconds: float = PROBE_SECONDS) -> Reachability:
        return probe_url(self._probing, f"{self.base}/public_key", seconds)


class MirrorSource(HttpUpstream):
    """A registry at a URL, with hexpm's key or with a key of its own, which is pinned on first contact."""

    kind = "mirror"

    def __init__(self, url: str, *, client: httpx.Client, pins: Path, key_file: Path | None = None) -> None:
        """`pins` is the folder of pinned keys. `key_file` is a PEM file to trust instead of the served key."""
        super().__init__(url, client=client)
        self._probing = client
        self._pins = pins
        self._key_file = key_file
        self.notes: tuple[str, ...] = ()

    @property
    def description(self) -> str:
        return f"mirror {self.base}"

    @property
    def identity(self) -> str:
        return f"{self.base} {self.key.fingerprint}"

    @cached_property
    def key(self) -> PublicKey:
        if self._key_file is not None:
            return PublicKey.from_file(self._key_file, source=self.description)
        found = self._fetch_key()
        if found.fingerprint == hexpm_key().fingerprint:
            return found
        pin = self._pins / f"{hashlib.sha256(self.base.encode()).hexdigest()[:24]}.pem"
        if pin.is_file():
            pinned = PublicKey.from_file(pin, source=self.description)
            if pinned.fingerprint != found.fingerprint:
                raise KeyChanged(source=self.description, pinned=pinned.fingerprint, found=found.fingerprint, pin=pin)
            return pinned
        self._pins.mkdir(parents=True, exist_ok=True)
        write_atomically(pin, found.pem)
        self.notes = (
            f"First contact with {self.description}: its key {found.fingerprint} is trusted from now on ({pin}).",
        )
        return found

    def probe(self, seconds: float = PROBE_SECONDS) -> Reachability:
        return probe_url(self._probing, f"{self.base}/names", seconds)

    def _fetch_key(self) -> PublicKey:
        body = io.BytesIO()
        try:
            answer = self.fetch("/public_key", body)
        except UpstreamFailure as error:
            raise _unavailable(self.description, error) from error
        if answer.status == _TOO_MANY or answer.status >= _SERVER_ERROR:
            raise SourceUnavailable(source=self.description, reason=f"it responds with {answer.status}")
        if answer.status != _OK:
            raise SourceKeyUnusable(source=self.description, problem=f"/public_key responds with {answer.status}")
        return PublicKey.from_pem(body.getvalue(), source=self.description)


class BundleUpstream:
    """One area of a bundle as an upstream. Responds with 404 for anything that was not recorded."""

    is_local = True

    def __init__(self, bundle: Bundle, *, area: str) -> None:
        self.bundle = bundle
        self._area = area

    @property
    def identity(self) -> str:
        return self.bundle.identity

    def fetch(
        self, path: str, into: Writable, *, validators: Validators = NO_VALIDATORS, accept: str | None = None
    ) -> UpstreamResponse:
        if path == f"/{PUBLIC_KEY}" and self._area == "hex":
            into.write((self.bundle.folder / PUBLIC_KEY).read_bytes())
            return UpstreamResponse(status=_OK, headers={"content-type": "application/x-pem-file"})
        bundled = self.bundle.find(self._area, path)
        if bundled is None:
            return UpstreamResponse(status=_NOT_FOUND)
        into.write(self.bundle.verified_file(bundled).read_bytes())
        return UpstreamResponse(
            status=_OK, headers={"content-type": bundled.content_type} if bundled.content_type else {}
        )


class BundleSource(BundleUpstream):
    """Everything that an earlier deployment fetched. Needs no network."""

    kind = "bundle"
    notes: tuple[str, ...] = ()

    def __init__(self, bundle: Bundle) -> None:
        super().__init__(bundle, area="hex")

    @property
    def description(self) -> str:
        return f"bundle {self.bundle.origin} (recorded from {self.bundle.source_description})"

    @cached_property
    def key(self) -> PublicKey:
        return PublicKey.from_file(self.bundle.folder / PUBLIC_KEY, source=self.description)

    def probe(self, seconds: float = PROBE_SECONDS) -> Reachability:
        return Reachability(state="reachable")


class FolderUpstream:
    """A folder as an upstream: a path is the relative path of a file."""

    is_local = True

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def identity(self) -> str:
        return str(self.folder.resolve())

    def fetch(
        self, path: str, into: Writable, *, validators: Validators = NO_VALIDATORS, accept: str | None = None
    ) -> UpstreamResponse:
        file = (self.folder / path.lstrip("/")).resolve()
        if not file.is_relative_to(self.folder.resolve()) or not file.is_file():
            return UpstreamResponse(status=_NOT_FOUND)
        into.write(file.read_bytes())
        return UpstreamResponse(status=_OK)


class RehearsalSource(FolderUpstream):
    """The stand-ins of a rehearsal: a folder written by `mix hex.registry build`."""

    kind = "rehearsal"
    notes: tuple[str, ...] = (f"This is a rehearsal: stand-in packages, not {APPLICATION.title}.",)

    @property
    def description(self) -> str:
        return f"rehearsal {self.folder}"

    @property
    def identity(self) -> str:
        return f"{self.folder.resolve()} {self.key.fingerprint}"

    @cached_property
    def key(self) -> PublicKey:
        file = self.folder / "public_key"
        if not file.is_file():
            raise RehearsalMissing(folder=self.folder)
        return PublicKey.from_file(file, source=self.description)

    def probe(self, seconds: float = PROBE_SECONDS) -> Reachability:
        if (self.folder / "names").is_file():
            return Reachability(state="reachable")
        return Reachability(state="unreachable", reason=f"{self.folder} is not a registry")


def _unavailable(source: str, error: UpstreamFailure) -> SourceUnavailable:
    return SourceUnavailable(source=source, reason=error.reason, is_untrusted=error.kind == UNTRUSTED)


def probe_url(client: httpx.Client, url: str, seconds: float) -> Reachability:
    """Request `url` once. Only a status below 400 counts as reachable."""
    try:
        with client.stream("GET", url, timeout=seconds) as response:
            status = response.status_code
            after = response.headers.get("retry-after", "")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return Reachability(state=kind_of(error), reason=str(error) or type(error).__name__)
    if status == _TOO_MANY:
        return Reachability(
            state="rate_limited",
            reason="it responds with 429",
            retry_after=float(after) if after.isdigit() else None,
        )
    if status >= _CLIENT_ERROR:
        return Reachability(state="unreachable", reason=f"it responds with {status}")
    return Reachability(state="reachable")
