"""HTTP client of the gateway: fetches complete responses from an upstream, or raises UpstreamFailure."""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import httpx

from rollout.environment.outbound import OutboundTransport
from rollout.hex.errors import HexError

USER_AGENT = "xavos-rollout (deployment gateway; httpx)"
CONNECT_SECONDS = 4.0
READ_SECONDS = 10.0
WHOLE_SECONDS = 120.0
UNTRUSTED = "untrusted"
_ADVICE = {
    "": "Check the network and the address.",
    UNTRUSTED: "Install the CA of that server on this machine, or name its file in SSL_CERT_FILE; check the clock.",
}
_KEPT_HEADERS = ("etag", "last-modified", "content-type", "retry-after", "cache-control", "age", "date")


class UpstreamFailure(HexError):
    """An upstream sent no complete response. `kind` is unreachable, untrusted (certificate), timeout or truncated."""

    cause = "registry_unreachable"

    def __init__(self, *, kind: str, url: str, reason: str) -> None:
        super().__init__(f"{url} sent no complete response ({kind}): {reason}.", advice=_ADVICE.get(kind, _ADVICE[""]))
        if kind == UNTRUSTED:
            self.cause = "certificate_untrusted"
        self.kind = kind
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamResponse:
    """Status and headers of a response. `headers` has lower-case names, and only those that a cache needs."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Validators:
    """The validators of a cached copy, for a conditional request."""

    etag: str | None = None
    modified: str | None = None

    @property
    def headers(self) -> Mapping[str, str]:
        conditions = {"if-none-match": self.etag, "if-modified-since": self.modified}
        return {name: value for name, value in conditions.items() if value}


NO_VALIDATORS = Validators()


class Writable(Protocol):
    """A binary file that a body can be written to."""

    def write(self, chunk: bytes, /) -> int: ...


class Upstream(Protocol):
    """A server or folder behind the gateway that responds to GET for a path."""

    @property
    def identity(self) -> str:
        """Identifies its content; part of the cache key."""

    @property
    def is_local(self) -> bool:
        """Whether it is on this machine's disk. Then the gateway keeps no copy."""

    def fetch(
        self, path: str, into: Writable, *, validators: Validators = NO_VALIDATORS, accept: str | None = None
    ) -> UpstreamResponse:
        """Write the body for `path` (starts with `/`) to `into`. Any HTTP status is a response.

        304 is possible only with `validators`. Raises UpstreamFailure where the response is not complete.
        """


@dataclass(frozen=True, slots=True)
class NoUpstream:
    """A missing upstream: every fetch fails with `reason`."""

    reason: str
    identity: str = "none"
    is_local: bool = False

    def fetch(
        self, path: str, into: Writable, *, validators: Validators = NO_VALIDATORS, accept: str | None = None
    ) -> UpstreamResponse:
        raise UpstreamFailure(kind="unreachable", url=path, reason=self.reason)


def make_client(*, connect: float = CONNECT_SECONDS, read: float = READ_SECONDS) -> httpx.Client:
    """An HTTP client for other machines, with the proxies and certificates of `rollout.environment.outbound`."""
    limits = httpx.Limits(max_connections=32, max_keepalive_connections=16, keepalive_expiry=20)
    return httpx.Client(
        transport=OutboundTransport(limits=limits),
        trust_env=False,
        timeout=httpx.Timeout(read, connect=connect),
        headers={"user-agent": USER_AGENT},
        follow_redirects=True,
    )


class HttpUpstream:
    """An upstream at a URL.

    `decode` removes content encodings, which npm needs. Hex's own payloads are gzip files and stay as sent.
    """

    is_local = False

    def __init__(self, base: str, *, client: httpx.Client, decode: bool = False) -> None:
        self.base = base.rstrip("/")
        self._client = client
        self._decode = decode

    @property
    def identity(self) -> str:
        return self.base

    def fetch(
        self, path: str, into: Writable, *, validators: Validators = NO_VALIDATORS, accept: str | None = None
    ) -> UpstreamResponse:
        url = self.base + path
        # The gateway caches responses itself, so caches between it and the server must not.
        headers = {"accept": accept or "*/*", "cache-control": "no-cache", **validators.headers}
        if not self._decode:
            headers["accept-encoding"] = "identity"
        until = time.monotonic() + WHOLE_SECONDS
        try:
            try:
                return self._get(url, headers, into, until)
            except _NoResponse:
                return self._get(url, headers, into, until)
        except _NoResponse as error:
            raise UpstreamFailure(kind="unreachable", url=url, reason=str(error)) from error
        except httpx.TimeoutException as error:
            kind = "unreachable" if isinstance(error, httpx.ConnectTimeout) else "timeout"
            raise UpstreamFailure(kind=kind, url=url, reason=_reason(error)) from error
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.DecodingError) as error:
            raise UpstreamFailure(kind="truncated", url=url, reason=_reason(error)) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise UpstreamFailure(kind=kind_of(error), url=url, reason=_reason(error)) from error

    def _get(self, url: str, headers: Mapping[str, str], into: Writable, until: float) -> UpstreamResponse:
        """One attempt. Raises _NoResponse where the connection breaks before the response begins."""
        began = False
        try:
            with self._client.stream("GET", url, headers=headers) as response:
                began = True
                for chunk in response.iter_bytes() if self._decode else response.iter_raw():
                    into.write(chunk)
                    if time.monotonic() > until:
                        raise UpstreamFailure(
                            kind="timeout", url=url, reason=f"not complete after {WHOLE_SECONDS:.0f} s"
                        )
                kept = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
                return UpstreamResponse(status=response.status_code, headers=kept)
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError) as error:
            if began:
                raise
            raise _NoResponse(_reason(error)) from error


def kind_of(error: Exception) -> str:
    """`untrusted` where certificate verification failed, else `unreachable`."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return UNTRUSTED
        cause = cause.__cause__ or cause.__context__
    return UNTRUSTED if "CERTIFICATE_VERIFY_FAILED" in str(error) else "unreachable"


class _NoResponse(Exception):
    """No response began, for example because the server had closed a kept-alive connection. One retry is worth it."""


def _reason(error: Exception) -> str:
    text = str(error) or type(error).__name__
    return text.rstrip(".")
