"""An HTTP/1.1 connection on asyncio and h11, which notes when each part of an exchange happened.

It retries nothing. A kept connection that the server has closed is noticed before anything is sent on it (RFC 9112,
section 9.3.1); after that, an error is the outcome of the request. RFC 9110, section 9.2.2, lets clients repeat
idempotent requests, but a request that had to be repeated was lost to whoever does not.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Sequence
from dataclasses import dataclass

import h11

from rollout.load.profile import Headers
from rollout.load.records import Clock
from rollout.load.wire import Wire

_NO_FILES = {errno.EMFILE, errno.ENFILE}


class ExchangeFailed(Exception):
    """An exchange ended without a whole answer. `error` is a key of `records.ERRORS`."""

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A request as it goes over the wire. `pieces` are the parts of its body, sent `pause` seconds apart."""

    method: str
    target: str
    headers: Headers
    pieces: tuple[bytes, ...] = ()
    pause: float = 0.0


@dataclass(slots=True)
class Exchange:
    """What has happened so far. Times are those of the clock, `received` is in bytes.

    `body` is filled only if `is_kept`.
    """

    is_kept: bool = False
    sent: float | None = None
    first_byte: float | None = None
    status: int | None = None
    headers: Sequence[tuple[str, str]] = ()
    received: int = 0
    body: bytes = b""

    def header(self, name: str) -> str:
        """The first value of a response header; "" if it is absent. `name` is in lower case."""
        return next((value for key, value in self.headers if key == name), "")


class Connection:
    """One connection, used by one request at a time."""

    def __init__(self, wire: Wire, clock: Clock) -> None:
        self._wire = wire
        self._clock = clock
        self._http = h11.Connection(h11.CLIENT)
        self._has_ended = False

    @classmethod
    async def open(cls, host: str, port: int, clock: Clock) -> Connection:
        """Connect. Raises ExchangeFailed: `refused`, `unreachable` or `own_limit`."""
        try:
            return cls(await Wire.open(host, port), clock)
        except (ConnectionRefusedError, ConnectionResetError):
            raise ExchangeFailed("refused") from None
        except OSError as error:
            raise ExchangeFailed("own_limit" if error.errno in _NO_FILES else "unreachable") from None

    @property
    def is_usable(self) -> bool:
        """Whether nothing has arrived since the last whole answer: neither an end, nor a reset, nor stray bytes."""
        return self._http.our_state is h11.IDLE and self._wire.is_quiet

    async def exchange(self, message: Message, done: Exchange) -> None:
        """Send a request and read its answer, noting both in `done`. Raises ExchangeFailed.

        Afterwards the connection may be used again if `is_usable`. The answer may come before the whole body is sent.
        """
        self._begin(message, done)
        rest = message.pieces[1:]
        sending = asyncio.create_task(self._send(rest, message.pause)) if rest else None
        try:
            await self._receive(done)
        except h11.RemoteProtocolError:
            raise ExchangeFailed("short_body" if self._has_ended else "malformed") from None
        except OSError:
            raise ExchangeFailed("reset_midway" if done.received else "reset_before_bytes") from None
        finally:
            if sending:
                sending.cancel()
                await asyncio.wait((sending,))
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()

    def _begin(self, message: Message, done: Exchange) -> None:
        """Write the head with the first piece of the body, in one go as browsers do."""
        request = h11.Request(method=message.method, target=message.target, headers=list(message.headers))
        parts = [self._http.send(request), *(self._http.send(h11.Data(data=piece)) for piece in message.pieces[:1])]
        if len(message.pieces) < 2:
            parts.append(self._http.send(h11.EndOfMessage()))
        done.sent = self._clock.now()
        self._wire.write(b"".join(part or b"" for part in parts))

    async def _send(self, pieces: Sequence[bytes], pause: float) -> None:
        for piece in pieces:
            await asyncio.sleep(pause)
            self._wire.write(self._http.send(h11.Data(data=piece)) or b"")
            await self._wire.has_room()
        self._wire.write(self._http.send(h11.EndOfMessage()) or b"")

    async def _receive(self, done: Exchange) -> None:
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                await self._read(done)
            elif isinstance(event, h11.Response):
                done.status = event.status_code
                done.headers = [(key.decode("latin-1"), value.decode("latin-1")) for key, value in event.headers]
            elif isinstance(event, h11.Data):
                done.body += event.data if done.is_kept else b""
            elif isinstance(event, h11.EndOfMessage):
                return

    async def _read(self, done: Exchange) -> None:
        data = await self._wire.read()
        if data and done.first_byte is None:
            done.first_byte = self._clock.now()
        done.received += len(data)
        self._has_ended = not data
        if self._has_ended and done.status is None:
            raise ExchangeFailed("reset_midway" if done.received else "reset_before_bytes")
        self._http.receive_data(data)

    def close(self) -> None:
        """Close at once. What is in flight is given up."""
        self._wire.close()
