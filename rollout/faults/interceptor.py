"""Base class of faults that change the registry's responses in the gateway, and the broken responses they send."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass

import h11
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from rollout.faults.fault import Fault, FaultSpec
from rollout.hex.routes import CAUSE_HEADER, TRANSPORT, Endpoint, Interceptor
from rollout.site.site import Site

REGISTRY = re.compile(r"/(?:names|versions|public_key|(?:packages|tarballs|installs)/.+)")
ENTRIES = re.compile(r"/packages/.+")
TARBALLS = re.compile(r"/tarballs/.+\.tar")
_TRANSIENT_HITS = (2, 3)  # fewer than the attempts of a command that is retried
_BLOCK = 4096
_RESET = struct.pack("ii", 1, 0)  # linger for 0 s: closing resets
_OK, _BAD_GATEWAY = 200, 502
_Headers = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeResponse:
    """A response that was received completely before any of it was sent on."""

    status: int
    headers: _Headers
    body: bytes

    @property
    def is_file(self) -> bool:
        """Whether the response has a body that can be changed."""
        return self.status == _OK and bool(self.body)

    def response(self) -> Response:
        """The unchanged response."""
        return self._with(self.body, self.headers)

    def altered(self, body: bytes, *, cause: str | None = None) -> Response:
        """The response with another body, and without the headers by which clients cache it."""
        headers = tuple(pair for pair in self.headers if pair[0] not in (b"content-length", b"etag", b"last-modified"))
        said = ((CAUSE_HEADER.encode(), cause.encode()),) if cause else ()
        return self._with(body, (*headers, (b"content-length", str(len(body)).encode()), *said))

    def _with(self, body: bytes, headers: _Headers) -> Response:
        response = Response(None, self.status)
        response.body, response.raw_headers = body, list(headers)
        return response


async def receive_whole(request: Request, proceed: Endpoint, *, unconditional: bool = False) -> WholeResponse:
    """Receive the gateway's complete response. `unconditional`: ignore the client's cache, so that there is a body."""
    scope = request.scope
    if unconditional:
        scope = {**scope, "headers": [pair for pair in scope["headers"] if pair[0] != b"if-none-match"]}
    messages: list[Message] = []

    async def keep(message: Message) -> None:
        messages.append(message)

    response = await proceed(Request(scope, request.receive))
    await response(scope, request.receive, keep)
    head = messages[0]
    return WholeResponse(
        status=head["status"],
        headers=tuple((name, value) for name, value in head["headers"]),
        body=b"".join(message.get("body", b"") for message in messages[1:]),
    )


class BrokenResponse(Response):
    """A response that breaks off after `sent` bytes of its body, or a connection that is reset before any response.

    The cause is recorded with the request.
    """

    def __init__(self, answer: WholeResponse | None = None, *, sent: int = 0, cause: str) -> None:
        super().__init__(None, answer.status if answer else _BAD_GATEWAY)
        said = (CAUSE_HEADER.encode(), cause.encode())
        self.raw_headers = [*(answer.headers if answer else ()), said]
        self._begun = answer.body[:sent] if answer else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        transport: asyncio.Transport = scope["state"][TRANSPORT]
        start = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        end = {"type": "http.response.body", "body": b""}
        if self._begun is None:
            connection: socket.socket = transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            transport.abort()
            await send(start)  # only for the record of requests
            await send(end)
            return
        await send(start)
        await send({"type": "http.response.body", "body": self._begun, "more_body": True})
        transport.close()
        with contextlib.suppress(h11.LocalProtocolError):  # fewer bytes than announced
            await send(end)
        while (await receive())["type"] != "http.disconnect":
            pass


class TrickleResponse(Response):
    """A response in small pieces, at most `bytes_per_second` while `lasts` returns True."""

    def __init__(self, answer: WholeResponse, *, bytes_per_second: int, lasts: Callable[[], bool]) -> None:
        super().__init__(None, answer.status)
        self.body, self.raw_headers = answer.body, list(answer.headers)
        self._pace, self._lasts = bytes_per_second, lasts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        for start in range(0, len(self.body), _BLOCK):
            block = self.body[start : start + _BLOCK]
            if self._lasts():
                await asyncio.sleep(len(block) / self._pace)
            await send({"type": "http.response.body", "body": block, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


class GatewayFault(Fault):
    """A fault that tampers in the gateway with requests for `paths` of the Hex registry.

    The transient form ends after a small, seeded number of hits.
    """

    def __init__(self, spec: FaultSpec, paths: re.Pattern[str] = REGISTRY) -> None:
        super().__init__(spec)
        self.chance = spec.chance()
        self.most = self.chance.randint(*_TRANSIENT_HITS)
        self._paths = paths
        self._site: Site

    @property
    def interceptors(self) -> tuple[Interceptor, ...]:
        return (self._intercept,)

    def arm(self, site: Site) -> None:
        self._site = site

    async def tamper(self, request: Request, proceed: Endpoint) -> Response:
        """The response to a request while the fault is active."""
        raise NotImplementedError

    def concerns(self, path: str) -> bool:
        """Whether the fault affects requests for this path."""
        return self._paths.fullmatch(path) is not None

    def hit(self, evidence: str) -> None:
        """Count one affected request. A transient fault ends after the last of its hits."""
        count = self.record_bite(evidence)
        if self.spec.is_transient and count >= self.most:
            self.end()

    def end(self) -> None:
        """End the fault; from any thread."""
        self.over(self._site)

    async def _intercept(self, request: Request, proceed: Endpoint) -> Response:
        if not self.is_active or not self.concerns(request.url.path):
            return await proceed(request)
        return await self.tamper(request, proceed)
