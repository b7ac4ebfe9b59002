"""Fetches for the gateway: from the cache or upstream, keeping only complete and verified answers.

What Hex can check by itself (signatures, checksums) goes to Hex unchanged even where it is wrong, so that Hex
speaks for itself; it is named in the record and never kept. What is not whole never goes anywhere: the client
gets 502 or 504.
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
from rollout.hex.freshness import FRESH_SECONDS, is_of_another, known_of, lifetime, validators
from rollout.hex.http_cache import Entry, Scratch, Store, is_disk_full
from rollout.hex.http_client import NOTHING_KNOWN, Answer, Upstream, UpstreamFailure
from rollout.hex.registry import PublicKey, read_names, read_package, read_versions
from rollout.hex.upstreams import Upstreams

HEX, NPM = "hex", "npm"
_TARBALL = re.compile(r"/tarballs/([a-z0-9_]+)-([^/]+)\.tar")
_PACKAGE = re.compile(r"/packages/([A-Za-z0-9_]+)")
_IMMUTABLE_NPM = re.compile(r"/.+/-/[^/]+\.tgz")
_OK, _NOT_MODIFIED, _DENIED, _ABSENT, _TOO_MANY, _SERVER_ERROR = 200, 304, (401, 403), (404, 410), 429, 500
_BAD_GATEWAY, _GATEWAY_TIMEOUT = 502, 504


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What a client gets.

    Either `entry` (kept, body in `file`) or `body` (passed on or said here, not kept).
    """

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
    """Answers for registry and npm paths.

    Safe to use from many threads; one question at a time goes up per path.
    """

    def __init__(
        self,
        upstreams: Upstreams,
        store: Store,
        *,
        fresh_seconds: float = FRESH_SECONDS,
        asks_again: bool = False,
        reloads: bool = False,
    ) -> None:
        """Entries that can change are revalidated when older than `fresh_seconds`, or than the server allows.

        `asks_again`: everything that can change is asked for once more by this object, however young the copy is.
        `reloads`: so is what should never change, and nothing is said of the copy that we have: a server that only
        compares times would take an older file for an unchanged one.
        """
        self._upstreams = upstreams
        self._store = store
        self._fresh = fresh_seconds
        opened = time.time()
        self._trusted_since = opened if asks_again or reloads else 0.0
        self._reloaded_since = opened if reloads else 0.0
        self._flights: dict[tuple[str, str], Future[Served]] = {}
        self._guard = threading.Lock()
        self._seen: dict[tuple[str, str], Served] = {}

    @property
    def seen(self) -> dict[tuple[str, str], Served]:
        """(area, path) to the latest answer that was good or a plain 404: what a bundle has to hold."""
        with self._guard:
            return dict(self._seen)

    def fetch(self, area: str, path: str, *, accept: str | None = None) -> Served:
        """The answer for `path` (with a leading slash) of area hex or npm; failures are answers too, with a
        `cause`.
        """
        key = (area, path)
        with self._guard:
            flight = self._flights.get(key)
            mine = flight is None
            if flight is None:
                flight = self._flights[key] = Future()
        if not mine:
            return replace(flight.result(), upstream_ms=None)
        try:
            served = self._answer(area, path, accept)
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
        """SHA-256 that the registry gives for a tarball; None where it cannot be known now."""
        return self._checksum(self.fetch(HEX, f"/packages/{name}"), name, version)

    def _checksum(self, served: Served, name: str, version: str) -> bytes | None:
        if served.status != _OK or served.cause is not None:
            return None
        release = read_package(served.read(), self._upstreams.hex.key, name=name).release(version)
        return release.outer_checksum if release is not None else None

    def _answer(self, area: str, path: str, accept: str | None) -> Served:
        try:
            expected = self._expected(area, path)
            kept = self._kept(area, path, expected)
            if kept is not None and self._is_current(area, path, kept, expected):
                return self._from_store(kept, from_cache=True)
            served = self._ask_once(area, path, accept, kept, expected)
            if served.cause == "checksum_mismatch":
                # Perhaps it was chance; or the registry's entry that we know is older than the tarball.
                newest = self._expected(area, path, again=True) or expected
                served = self._ask_once(area, path, accept, None, newest)
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
            return _failure(_SERVER_ERROR, cause, f"The gateway's cache {self._store.folder}: {error}")

    def _kept(self, area: str, path: str, expected: bytes | None) -> Entry | None:
        """What the store has for it, as far as it may be used: local sources are always asked themselves."""
        if self._upstream(area).is_local:
            return None
        kept = self._store.get(area, path)
        if kept is not None and expected is not None and kept.sha256 != expected.hex():
            return None
        return kept

    def _is_current(self, area: str, path: str, kept: Entry, expected: bytes | None) -> bool:
        """Whether the cached entry may be used without asking upstream."""
        if expected is not None:
            return True  # the registry vouches for it
        if _is_immutable(area, path):
            return kept.checked_at >= self._reloaded_since
        seconds = self._fresh if kept.lifetime is None else min(kept.lifetime, self._fresh)
        return kept.checked_at >= self._trusted_since and time.time() - kept.checked_at < seconds

    def _upstream(self, area: str) -> Upstream:
        return self._upstreams.hex if area == HEX else self._upstreams.npm

    def _ask_once(self, area: str, path: str, accept: str | None, kept: Entry | None, expected: bytes | None) -> Served:
        with self._store.scratch() as scratch:
            began = time.monotonic()
            known = known_of(kept) if kept and kept.checked_at >= self._reloaded_since else NOTHING_KNOWN
            answer = self._upstream(area).fetch(path, scratch, known=known, accept=accept)
            took = (time.monotonic() - began) * 1000
            if answer.status == _NOT_MODIFIED and kept is not None:
                if is_of_another(answer, kept):
                    return self._ask_once(area, path, accept, None, expected)
                confirmed = self._store.confirm(kept, lifetime=lifetime(answer.headers))
                return replace(self._from_store(confirmed, from_cache=True), upstream_ms=took)
            if answer.status != _OK:
                return replace(_refusal(answer, scratch.read()), upstream_ms=took)
            wrong = self._wrong(area, path, scratch, expected)
            if wrong is not None:
                cause, detail = wrong
                return Served(
                    status=_OK,
                    body=scratch.read(),
                    content_type=answer.headers.get("content-type"),
                    upstream_ms=took,
                    cause=cause,
                    detail=detail,
                )
            entry = self._store.put(
                scratch,
                area=area,
                path=path,
                content_type=answer.headers.get("content-type"),
                etag=validators(answer.headers).etag,
                modified=validators(answer.headers).modified,
                lifetime=lifetime(answer.headers),
            )
            return replace(self._from_store(entry, from_cache=False), upstream_ms=took)

    def _expected(self, area: str, path: str, *, again: bool = False) -> bytes | None:
        """The checksum of a tarball by the registry. `again`: ask the source, not the cache."""
        match = _TARBALL.fullmatch(path) if area == HEX else None
        if match is None:
            return None
        name, version = match.groups()
        if not again:
            return self.package_checksum(name, version)
        return self._checksum(self._ask_once(HEX, f"/packages/{name}", None, None, None), name, version)

    def _wrong(self, area: str, path: str, scratch: Scratch, expected: bytes | None) -> tuple[str, str] | None:
        """(cause, detail) where the body must not be kept, None where it is good."""
        if area != HEX:
            return None
        if match := _TARBALL.fullmatch(path):
            if expected is None or scratch.sha256 == expected.hex():
                return None
            earlier = self._store.get(area, path)
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

    def _from_store(self, entry: Entry, *, from_cache: bool) -> Served:
        return Served(
            status=_OK,
            entry=entry,
            file=self._store.file(entry.sha256),
            content_type=entry.content_type,
            from_cache=from_cache,
        )


def ask_directly(source: Upstream, path: str) -> Served:
    """A registry path straight from a source: nothing kept, nothing checked; failures are answers with a
    `cause`.
    """
    body = io.BytesIO()
    try:
        answer = source.fetch(path, body)
    except UpstreamFailure as error:
        return _failure(_BAD_GATEWAY, error.kind, str(error))
    except HexError as error:
        return _failure(_BAD_GATEWAY, "bad_payload", str(error))
    if answer.status != _OK:
        return _refusal(answer, body.getvalue())
    return Served(status=_OK, body=body.getvalue(), content_type=answer.headers.get("content-type"))


def check_payload(path: str, body: bytes, key: PublicKey) -> None:
    """Raise RegistryPayloadInvalid where `body` is not what the registry path `path` should give."""
    match = _PACKAGE.fullmatch(path)
    if match:
        read_package(body, key, name=match[1])
    elif path == "/names":
        read_names(body, key)
    elif path == "/versions":
        read_versions(body, key)


def _is_immutable(area: str, path: str) -> bool:
    return bool(_TARBALL.fullmatch(path) if area == HEX else _IMMUTABLE_NPM.fullmatch(path))


def _refusal(answer: Answer, body: bytes) -> Served:
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
    return Served(
        status=answer.status,
        body=body,
        content_type=answer.headers.get("content-type"),
        cause=cause,
        detail=f"upstream answers {answer.status}" if cause else "",
        headers=headers,
    )


def _failure(status: int, cause: str, detail: str) -> Served:
    return Served(
        status=status,
        body=f"{detail}\n".encode(),
        content_type="text/plain; charset=utf-8",
        cause=cause,
        detail=detail,
    )
