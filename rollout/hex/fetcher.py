"""Fetches responses for the gateway from the cache or an upstream; caches only complete and verified ones.

A response with a wrong signature or checksum is logged and not cached, but passed on unchanged: Hex verifies it too and
reports the error. An incomplete response is never passed on: the client gets 502 or 504.
"""

from __future__ import annotations

import io
import re
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from pathlib import Path

from rollout.hex.errors import BadSignature, BundleUnusable, HexError, RegistryPayloadInvalid, TarballChanged
from rollout.hex.freshness import FRESH_SECONDS, cached_validators, is_about_another_copy, lifetime, validators_of
from rollout.hex.http_cache import Entry, HttpCache, PartialBody, is_disk_full
from rollout.hex.http_client import NO_VALIDATORS, Upstream, UpstreamFailure, UpstreamResponse
from rollout.hex.registry import PublicKey, read_names, read_package, read_versions
from rollout.hex.upstreams import Upstreams

HEX, NPM = "hex", "npm"
_TARBALL = re.compile(r"/tarballs/([a-z0-9_]+)-([^/]+)\.tar")
_PACKAGE = re.compile(r"/packages/([A-Za-z0-9_]+)")
_IMMUTABLE_NPM = re.compile(r"/.+/-/[^/]+\.tgz")
_OK, _NOT_MODIFIED, _DENIED, _ABSENT, _TOO_MANY, _SERVER_ERROR = 200, 304, (401, 403), (404, 410), 429, 500
_BAD_GATEWAY, _GATEWAY_TIMEOUT = 502, 504


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayResponse:
    """The gateway's response. It has either `entry` (cached, body in `file`) or `body` (not cached)."""

    status: int
    entry: Entry | None = None
    file: Path | None = None
    body: bytes = b""
    content_type: str | None = None
    from_cache: bool = False
    upstream_ms: float | None = None
    cause: str | None = None
    detail: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    def read(self) -> bytes:
        return self.file.read_bytes() if self.file is not None else self.body


class Fetcher:
    """Fetches registry and npm paths. Thread-safe; concurrent requests for a path share one upstream request."""

    def __init__(
        self,
        upstreams: Upstreams,
        cache: HttpCache,
        *,
        fresh_seconds: float = FRESH_SECONDS,
        revalidates: bool = False,
        reloads: bool = False,
    ) -> None:
        """Mutable entries are revalidated when they are older than `fresh_seconds`, or than the server allows.

        `revalidates`: revalidate every mutable entry once, however recent it is. `reloads`: also fetch immutable files
        again, and send no validators: a server that only compares times would report an older file as unchanged.
        """
        self._upstreams = upstreams
        self._cache = cache
        self._fresh = fresh_seconds
        opened = time.time()
        self._trusted_since = opened if revalidates or reloads else 0.0
        self._reloaded_since = opened if reloads else 0.0
        self._flights: dict[tuple[str, str], Future[GatewayResponse]] = {}
        self._guard = threading.Lock()
        self._seen: dict[tuple[str, str], GatewayResponse] = {}

    @property
    def seen(self) -> dict[tuple[str, str], GatewayResponse]:
        """(area, path) → the latest good response or plain 404. A bundle records these."""
        with self._guard:
            return dict(self._seen)

    def fetch(self, area: str, path: str, *, accept: str | None = None) -> GatewayResponse:
        """The response for `path` (starts with `/`) of the area hex or npm. A failure is a response with a `cause`."""
        key = (area, path)
        with self._guard:
            flight = self._flights.get(key)
            mine = flight is None
            if flight is None:
                flight = self._flights[key] = Future()
        if not mine:
            return replace(flight.result(), upstream_ms=None)
        try:
            served = self._respond(area, path, accept)
        except BaseException as error:
            with self._guard:
                del self._flights[key]
            flight.set_exception(error)
            raise
        with self._guard:
            if served.cause is None and (served.entry is not None or served.status in _ABSENT):
                self._seen[key] = served
            del self._flights[key]
        flight.set_result(served)
        return served

    def package_checksum(self, name: str, version: str) -> bytes | None:
        """The SHA-256 of a tarball by the registry, None where the registry cannot be read."""
        return self._checksum(self.fetch(HEX, f"/packages/{name}"), name, version)

    def _checksum(self, served: GatewayResponse, name: str, version: str) -> bytes | None:
        if served.status != _OK or served.cause is not None:
            return None
        release = read_package(served.read(), self._upstreams.hex.key, name=name).release(version)
        return release.outer_checksum if release is not None else None

    def _respond(self, area: str, path: str, accept: str | None) -> GatewayResponse:
        try:
            expected = self._expected(area, path)
            kept = self._kept(area, path, expected)
            if kept is not None and self._is_current(area, path, kept, expected):
                return self._from_cache(kept, from_cache=True)
            served = self._fetch_once(area, path, accept, kept, expected)
            if served.cause == "checksum_mismatch":
                # A transmission error, or a cached registry entry that is older than the tarball.
                newest = self._expected(area, path, again=True) or expected
                served = self._fetch_once(area, path, accept, None, newest)
            return served
        except UpstreamFailure as error:
            status = _GATEWAY_TIMEOUT if error.kind == "timeout" else _BAD_GATEWAY
            return _failure(status, error.kind, str(error))
        except BundleUnusable as error:
            return _failure(_BAD_GATEWAY, "checksum_mismatch", str(error))
        except HexError as error:
            return _failure(_BAD_GATEWAY, "bad_payload", str(error))
        except OSError as error:
            cause = "disk_full" if is_disk_full(error) else "cache_failed"
            return _failure(_SERVER_ERROR, cause, f"The gateway's cache {self._cache.folder}: {error}")

    def _kept(self, area: str, path: str, expected: bytes | None) -> Entry | None:
        """The cached entry that may be used. Local upstreams are not cached."""
        if self._upstream(area).is_local:
            return None
        kept = self._cache.get(area, path)
        if kept is not None and expected is not None and kept.sha256 != expected.hex():
            return None
        return kept

    def _is_current(self, area: str, path: str, kept: Entry, expected: bytes | None) -> bool:
        """Whether the cached entry may be used without a request to the upstream."""
        if expected is not None:
            return True  # its checksum is the registry's
        if _is_immutable(area, path):
            return kept.checked_at >= self._reloaded_since
        seconds = self._fresh if kept.lifetime is None else min(kept.lifetime, self._fresh)
        return kept.checked_at >= self._trusted_since and time.time() - kept.checked_at < seconds

    def _upstream(self, area: str) -> Upstream:
        return self._upstreams.hex if area == HEX else self._upstreams.npm

    def _fetch_once(
        self, area: str, path: str, accept: str | None, kept: Entry | None, expected: bytes | None
    ) -> GatewayResponse:
        with self._cache.scratch() as scratch:
            began = time.monotonic()
            known = cached_validators(kept) if kept and kept.checked_at >= self._reloaded_since else NO_VALIDATORS
            answer = self._upstream(area).fetch(path, scratch, validators=known, accept=accept)
            took = (time.monotonic() - began) * 1000
            if answer.status == _NOT_MODIFIED and kept is not None:
                if is_about_another_copy(answer, kept):
                    return self._fetch_once(area, path, accept, None, expected)
                confirmed = self._cache.confirm(kept, lifetime=lifetime(answer.headers))
                return replace(self._from_cache(confirmed, from_cache=True), upstream_ms=took)
            if answer.status != _OK:
                return replace(_refusal(answer, scratch.read()), upstream_ms=took)
            wrong = self._invalid(area, path, scratch, expected)
            if wrong is not None:
                cause, detail = wrong
                return GatewayResponse(
                    status=_OK,
                    body=scratch.read(),
                    content_type=answer.headers.get("content-type"),
                    upstream_ms=took,
                    cause=cause,
                    detail=detail,
                )
            entry = self._cache.put(
                scratch,
                area=area,
                path=path,
                content_type=answer.headers.get("content-type"),
                etag=validators_of(answer.headers).etag,
                modified=validators_of(answer.headers).modified,
                lifetime=lifetime(answer.headers),
            )
            return replace(self._from_cache(entry, from_cache=False), upstream_ms=took)

    def _expected(self, area: str, path: str, *, again: bool = False) -> bytes | None:
        """The checksum of a tarball by the registry. `again`: from the source, not the cache."""
        match = _TARBALL.fullmatch(path) if area == HEX else None
        if match is None:
            return None
        name, version = match.groups()
        if not again:
            return self.package_checksum(name, version)
        return self._checksum(self._fetch_once(HEX, f"/packages/{name}", None, None, None), name, version)

    def _invalid(self, area: str, path: str, scratch: PartialBody, expected: bytes | None) -> tuple[str, str] | None:
        """(cause, detail) where the body must not be cached, None where it is valid."""
        if area != HEX:
            return None
        if match := _TARBALL.fullmatch(path):
            if expected is None or scratch.sha256 == expected.hex():
                return None
            earlier = self._cache.get(area, path)
            changed = TarballChanged(
                package=match[1], version=match[2], source=self._upstreams.hex.description, expected=expected.hex(),
                found=scratch.sha256, earlier=earlier.sha256 if earlier else None,
            )  # fmt: skip
            return "checksum_mismatch", changed.message
        try:
            check_payload(path, scratch.read(), self._upstreams.hex.key)
        except BadSignature as error:
            return "bad_signature", str(error)
        except RegistryPayloadInvalid as error:
            return "bad_payload", str(error)
        return None

    def _from_cache(self, entry: Entry, *, from_cache: bool) -> GatewayResponse:
        return GatewayResponse(
            status=_OK,
            entry=entry,
            file=self._cache.file(entry.sha256),
            content_type=entry.content_type,
            from_cache=from_cache,
        )


def fetch_uncached(source: Upstream, path: str) -> GatewayResponse:
    """Fetch a registry path from a source without cache and checks. A failure is a response with a `cause`."""
    body = io.BytesIO()
    try:
        answer = source.fetch(path, body)
    except UpstreamFailure as error:
        return _failure(_BAD_GATEWAY, error.kind, str(error))
    except HexError as error:
        return _failure(_BAD_GATEWAY, "bad_payload", str(error))
    if answer.status != _OK:
        return _refusal(answer, body.getvalue())
    return GatewayResponse(status=_OK, body=body.getvalue(), content_type=answer.headers.get("content-type"))


def check_payload(path: str, body: bytes, key: PublicKey) -> None:
    """Raise RegistryPayloadInvalid where `body` is not a valid payload for the registry path `path`."""
    match = _PACKAGE.fullmatch(path)
    if match:
        read_package(body, key, name=match[1])
    elif path == "/names":
        read_names(body, key)
    elif path == "/versions":
        read_versions(body, key)


def _is_immutable(area: str, path: str) -> bool:
    return bool(_TARBALL.fullmatch(path) if area == HEX else _IMMUTABLE_NPM.fullmatch(path))


def _refusal(answer: UpstreamResponse, body: bytes) -> GatewayResponse:
    cause = None
    headers: dict[str, str] = {}
    if answer.status == _TOO_MANY:
        cause = "rate_limited"
        if "retry-after" in answer.headers:
            headers["retry-after"] = answer.headers["retry-after"]
    elif answer.status >= _SERVER_ERROR:
        cause = "server_error"
    elif answer.status in _DENIED:
        cause = "denied"
    return GatewayResponse(
        status=answer.status,
        body=body,
        content_type=answer.headers.get("content-type"),
        cause=cause,
        detail=f"upstream responds with {answer.status}" if cause else "",
        headers=headers,
    )


def _failure(status: int, cause: str, detail: str) -> GatewayResponse:
    return GatewayResponse(
        status=status,
        body=f"{detail}\n".encode(),
        content_type="text/plain; charset=utf-8",
        cause=cause,
        detail=detail,
    )
