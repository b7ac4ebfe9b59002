"""A TCP connection of asyncio that shows what has arrived on it, which asyncio's own streams hide."""

from __future__ import annotations

import asyncio
import select
from collections import deque


class Wire(asyncio.Protocol):
    """The bytes of one connection, in both directions."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._arrived: deque[bytes] = deque()
        self._has_ended = False
        self._error: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()

    @classmethod
    async def open(cls, host: str, port: int) -> Wire:
        """Connect. Raises OSError."""
        _, wire = await asyncio.get_running_loop().create_connection(cls, host, port)
        return wire

    @property
    def is_quiet(self) -> bool:
        """Whether nothing has arrived that was not read: neither bytes, nor an end, nor a reset."""
        if self._arrived or self._has_ended or self._transport is None or self._transport.is_closing():
            return False
        poll = select.poll()  # the loop may not have looked at the socket yet
        poll.register(self._transport.get_extra_info("socket").fileno(), select.POLLIN)
        return not poll.poll(0)

    async def read(self) -> bytes:
        """The next bytes, b"" at the end. Raises OSError after a reset. One reader at a time."""
        while not self._arrived:
            if self._error:
                raise self._error
            if self._has_ended:
                return b""
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        return self._arrived.popleft()

    def write(self, data: bytes) -> None:
        """Send bytes, or keep them until there is room. After an end they are dropped; `read` tells of it."""
        assert self._transport is not None
        if not self._transport.is_closing():
            self._transport.write(data)

    async def has_room(self) -> None:
        """Wait until few enough bytes are kept, or the connection has ended."""
        await self._writable.wait()

    def close(self) -> None:
        """Close at once. Bytes that are kept are dropped."""
        assert self._transport is not None
        self._transport.abort()

    # The methods that the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._arrived.append(data)
        self._wake()

    def eof_received(self) -> None:
        self._has_ended = True
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self._has_ended, self._error = True, exc
        self._writable.set()
        self._wake()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
