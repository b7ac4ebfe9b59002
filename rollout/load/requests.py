"""Makes one request of a load: the message, the connection, and the record of what became of it."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

import h11

from rollout.load.connection import Connection, Exchange, ExchangeFailed, Message
from rollout.load.profile import Headers, InvalidProfile, RequestKind, origin
from rollout.load.records import Clock, RequestRecord
from rollout.load.schedule import Arrival

_PIECE_SECONDS = 0.1  # between the pieces of a slow upload


class Server:
    """The server that is asked, and the connections that are kept to it."""

    def __init__(self, url: str, clock: Clock, *, kept: int) -> None:
        self.host, self.port = origin(url)
        self.authority = url.rstrip("/").removeprefix("http://")
        self._clock = clock
        self._idle: deque[Connection] = deque(maxlen=kept or None)
        self._kept = kept

    async def connect(self) -> Connection:
        """A fresh connection. Raises ExchangeFailed."""
        return await Connection.open(self.host, self.port, self._clock)

    def take(self) -> tuple[Connection | None, bool]:
        """A kept connection, the one that was used last, and whether one had to be dropped because it was closed."""
        dropped = False
        while self._idle:
            connection = self._idle.pop()
            if connection.is_usable:
                return connection, dropped
            connection.close()
            dropped = True
        return None, dropped

    def give_back(self, connection: Connection) -> None:
        """Keep a connection after a whole answer, or close it where it cannot be used or enough are kept."""
        if connection.is_usable and len(self._idle) < self._kept:
            self._idle.append(connection)
        else:
            connection.close()

    def close(self) -> None:
        """Close the kept connections."""
        while self._idle:
            self._idle.pop().close()


@dataclass(slots=True)
class _Way:
    """How a request travels. `reused` and `reopened` as in the record."""

    connection: Connection | None = None
    reused: bool = False
    reopened: bool = False


async def request(
    kind: RequestKind, arrival: Arrival, *, intended: float, server: Server, clock: Clock, instance_header: str
) -> RequestRecord:
    """Make the request and return its record. It never raises for what a server or network does."""
    started = clock.now()
    done, way, error = Exchange(), _Way(), None
    message = message_of(kind, arrival.key, server.authority, is_fresh=arrival.is_fresh)
    try:
        async with asyncio.timeout(kind.deadline):
            await _travel(message, arrival, server, done, way)
    except ExchangeFailed as failed:
        error = failed.error
    except TimeoutError:
        error = "timeout"
    end = clock.now()
    if way.connection is not None and (error or arrival.is_fresh):
        way.connection.close()
    elif way.connection is not None:
        server.give_back(way.connection)
    return RequestRecord(
        kind=kind.name, key=arrival.key, intended=intended, started=started, sent=done.sent,
        first_byte=done.first_byte, end=end, status=None if error else done.status, error=error,
        is_expected=error is None and done.status in kind.expect, instance=done.header(instance_header),
        bytes=done.received, reused=way.reused, reopened=way.reopened,
    )  # fmt: skip


async def _travel(message: Message, arrival: Arrival, server: Server, done: Exchange, way: _Way) -> None:
    if not arrival.is_fresh:
        way.connection, way.reopened = server.take()
        way.reused = way.connection is not None
    if way.connection is None:
        way.connection = await server.connect()
    await way.connection.exchange(message, done)


def message_of(kind: RequestKind, key: str, authority: str, *, is_fresh: bool) -> Message:
    """The message of a request with this key. A fresh connection is announced to end with its answer."""
    body = kind.body.replace("{key}", key).replace("{padding}", "x" * kind.padding).encode()
    headers = {
        "host": authority,
        "accept": "*/*",
        "user-agent": "rollout-load",
        **({"connection": "close"} if is_fresh else {}),
        **({"content-type": kind.content_type} if kind.content_type else {}),
        **({"content-length": str(len(body))} if body or kind.method not in {"GET", "HEAD"} else {}),
        **({kind.idempotency_header.lower(): key} if kind.idempotency_header else {}),
        **{name.lower(): value.replace("{key}", key) for name, value in kind.headers},
    }
    pieces = _pieces(body, kind.send_seconds)
    return Message(
        method=kind.method,
        target=kind.path.replace("{key}", key),
        headers=tuple(headers.items()),
        pieces=pieces,
        pause=kind.send_seconds / (len(pieces) - 1) if len(pieces) > 1 else 0.0,
    )


def require_valid(kind: RequestKind, authority: str) -> None:
    """Raise InvalidProfile if the kind makes no valid HTTP/1.1 request, for example because of a line break."""
    message = message_of(kind, "key", authority, is_fresh=False)
    try:
        h11.Request(method=message.method, target=message.target, headers=list(message.headers))
    except h11.LocalProtocolError:  # its text may have the value of a secret header
        raise InvalidProfile(where=kind.name, problem="its method, path or headers are not valid HTTP/1.1") from None


def page_message(path: str, headers: Headers, authority: str) -> Message:
    """The GET of a page on a connection of its own."""
    given = {"host": authority, "accept": "text/html", "connection": "close", "user-agent": "rollout-load"}
    given |= {name.lower(): value for name, value in headers}
    return Message(method="GET", target=path, headers=tuple(given.items()))


def _pieces(body: bytes, seconds: float) -> tuple[bytes, ...]:
    """The body in one piece, or in as many as a slow upload needs."""
    count = max(2, round(seconds / _PIECE_SECONDS) + 1) if seconds else 1
    size = max(1, -(-len(body) // count))
    return tuple(body[place : place + size] for place in range(0, len(body), size))
