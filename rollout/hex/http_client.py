"""How the outside is asked: HTTP clients with the machine's own trust, and answers that are either whole or
an error.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import httpx

from rollout.environment.outbound import OutwardTransport
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
    """No complete answer came. `kind` is unreachable, untrusted (its certificate), timeout or truncated."""

    cause = "registry_unreachable"

    def __init__(self, *, kind: str, url: str, reason: str) -> None:
        super().__init__(f"{url} gave no complete answer ({kind}): {reason}.", advice=_ADVICE.get(kind, _ADVICE[""]))
        if kind == UNTRUSTED:
            self.cause = "certificate_untrusted"
        self.kind = kind
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back beside the body. `headers` are lower-case and only those that a cache needs."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The validators of a cached copy, for a conditional request."""

    etag: str | None = None
    modified: str | None = None

    @property
    def headers(self) -> Mapping[str, str]:
        told = {"if-none-match": self.etag, "if-modified-since": self.modified}
        return {name: value for name, value in told.items() if value}


NOTHING_KNOWN = Known()


class Writable(Protocol):
    """The part of a binary file that a body needs."""

    def write(self, chunk: bytes, /) -> int: ...


class Upstream(Protocol):
    """Anything that answers GET for a path."""

    @property
    def identity(self) -> str:
        """What tells its content from another's; part of the cache key."""

    @property
    def is_local(self) -> bool:
        """Whether it is on this machine's disk, so that asking it again is cheaper than trusting a copy."""

    def fetch(self, path: str, into: Writable, *, known: Known = NOTHING_KNOWN, accept: str | None = None) -> Answer:
        """Write the body for `path` (starts with `/`) into `into`. Raises UpstreamFailure where no whole
        answer came.

        Any HTTP status is an answer; 304 only where something is `known`.
        """


@dataclass(frozen=True, slots=True)
class NoUpstream:
    """Nobody to ask; `reason` says why."""

    reason: str
    identity: str = "none"
    is_local: bool = False

    def fetch(self, path: str, into: Writable, *, known: Known = NOTHING_KNOWN, accept: str | None = None) -> Answer:
        raise UpstreamFailure(kind="unreachable", url=path, reason=self.reason)


def make_client(*, connect: float = CONNECT_SECONDS, read: float = READ_SECONDS) -> httpx.Client:
    """An HTTP client for other machines, with the proxies and certificates of `rollout.environment.outbound`."""
    limits = httpx.Limits(max_connections=32, max_keepalive_connections=16, keepalive_expiry=20)
    return httpx.Client(
        transport=OutwardTransport(limits=limits),
        trust_env=False,
        timeout=httpx.Timeout(read, connect=connect),
        headers={"user-agent": USER_AGENT},
        follow_redirects=True,
    )


class HttpUpstream:
    """A server.

    `decode` undoes content encodings (npm); without it bodies stay as sent (Hex's are gzip themselves).
    """

    is_local = False

    def __init__(self, base: str, *, client: httpx.Client, decode: bool = False) -> None:
        self.base = base.rstrip("/")
        self._client = client
        self._decode = decode

    @property
    def identity(self) -> str:
        return self.base

    def fetch(self, path: str, into: Writable, *, known: Known = NOTHING_KNOWN, accept: str | None = None) -> Answer:
        url = self.base + path
        # What is asked at all is wanted as it is now: no cache on the way is to answer for the server.
        headers = {"accept": accept or "*/*", "cache-control": "no-cache", **known.headers}
        if not self._decode:
            headers["accept-encoding"] = "identity"
        until = time.monotonic() + WHOLE_SECONDS
        try:
            try:
                return self._get(url, headers, into, until)
            except _NothingCame:
                return self._get(url, headers, into, until)
        except _NothingCame as error:
            raise UpstreamFailure(kind="unreachable", url=url, reason=str(error)) from error
        except httpx.TimeoutException as error:
            kind = "unreachable" if isinstance(error, httpx.ConnectTimeout) else "timeout"
            raise UpstreamFailure(kind=kind, url=url, reason=_reason(error)) from error
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.DecodingError) as error:
            raise UpstreamFailure(kind="truncated", url=url, reason=_reason(error)) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise UpstreamFailure(kind=kind_of(error), url=url, reason=_reason(error)) from error

    def _get(self, url: str, headers: Mapping[str, str], into: Writable, until: float) -> Answer:
        """One attempt. Raises _NothingCame where the connection broke before an answer began."""
        began = False
        try:
            with self._client.stream("GET", url, headers=headers) as response:
                began = True
                for chunk in response.iter_bytes() if self._decode else response.iter_raw():
                    into.write(chunk)
                    if time.monotonic() > until:
                        raise UpstreamFailure(kind="timeout", url=url, reason=f"not whole after {WHOLE_SECONDS:.0f} s")
                kept = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
                return Answer(status=response.status_code, headers=kept)
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError) as error:
            if began:
                raise
            raise _NothingCame(_reason(error)) from error


def kind_of(error: Exception) -> str:
    """`untrusted` where the certificate is what failed, else `unreachable`."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return UNTRUSTED
        cause = cause.__cause__ or cause.__context__
    return UNTRUSTED if "CERTIFICATE_VERIFY_FAILED" in str(error) else "unreachable"


class _NothingCame(Exception):
    """A kept connection that the server had closed meanwhile, for example: worth one more try."""


def _reason(error: Exception) -> str:
    text = str(error) or type(error).__name__
    return text.rstrip(".")
