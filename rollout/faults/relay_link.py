"""One connection through the relay: two directions, each with the delay, rate and stall of the moment."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from dataclasses import dataclass, field
from typing import TypeAlias

_CHUNK = 16 * 1024
_MOST_QUEUED = 256  # pieces that wait in one direction; then the sender is slowed down, as by a full network buffer
_SLICES = 10  # of a throttled second

Reader: TypeAlias = asyncio.StreamReader
Writer: TypeAlias = asyncio.StreamWriter


@dataclass(slots=True)
class Traffic:
    """What happens to all data on the relay, and what has happened. Used by the relay's thread only."""

    delay: float = 0.0
    bytes_per_second: float | None = None
    flowing: asyncio.Event = field(default_factory=asyncio.Event)
    delayed: int = 0
    stalled: int = 0
    to_server: int = 0
    to_client: int = 0


class Link:
    """A client's connection and the one to the server."""

    def __init__(self, client: tuple[Reader, Writer], server: tuple[Reader, Writer], traffic: Traffic) -> None:
        self._client = client
        self._server = server
        self._traffic = traffic
        self._ended: set[Writer] = set()
        self._passing: tuple[asyncio.Task[None], ...] = ()

    async def run(self) -> None:
        """Pass data on until both directions have ended. A reset of one side resets the other."""
        (from_client, to_client), (from_server, to_server) = self._client, self._server
        self._passing = (
            asyncio.create_task(self._pass(from_client, to_server, is_upwards=True)),
            asyncio.create_task(self._pass(from_server, to_client, is_upwards=False)),
        )
        try:
            done, _ = await asyncio.wait(self._passing, return_when=asyncio.FIRST_EXCEPTION)
            if any(not task.cancelled() and task.exception() for task in done):
                self.cut()
        finally:
            for task in self._passing:
                task.cancel()
            for writer in (to_client, to_server):
                writer.close()

    def cut(self) -> None:
        """Reset both connections. Data on the way is lost."""
        for _, writer in (self._client, self._server):
            reset(writer)
        for task in self._passing:
            task.cancel()

    def end_sending(self, *, to_server: bool) -> None:
        """Send an end to one side, as if the other one had nothing more to say. The other direction goes on."""
        writer = self._server[1] if to_server else self._client[1]
        if writer not in self._ended:
            self._ended.add(writer)
            with contextlib.suppress(OSError):  # it is gone
                writer.write_eof()

    async def _pass(self, reader: Reader, writer: Writer, *, is_upwards: bool) -> None:
        queue: asyncio.Queue[tuple[float, bytes | OSError]] = asyncio.Queue(_MOST_QUEUED)
        receiving = asyncio.create_task(self._receive(reader, queue))
        try:
            while True:
                due, piece = await queue.get()
                await self._hold(due)
                if isinstance(piece, OSError):
                    raise piece
                if not piece:
                    self.end_sending(to_server=is_upwards)
                    return
                await self._write(writer, piece, is_upwards=is_upwards)
        finally:
            receiving.cancel()

    async def _receive(self, reader: Reader, queue: asyncio.Queue[tuple[float, bytes | OSError]]) -> None:
        """Put pieces, then an empty one or an error, into the queue, with the time at which each may go on."""
        piece: bytes | OSError = b"-"
        while piece and not isinstance(piece, OSError):
            try:
                piece = await reader.read(_CHUNK)
            except OSError as error:
                piece = error
            self._traffic.delayed += self._traffic.delay > 0
            await queue.put((asyncio.get_running_loop().time() + self._traffic.delay, piece))

    async def _hold(self, due: float) -> None:
        await asyncio.sleep(due - asyncio.get_running_loop().time())
        if not self._traffic.flowing.is_set():
            self._traffic.stalled += 1
            await self._traffic.flowing.wait()

    async def _write(self, writer: Writer, piece: bytes, *, is_upwards: bool) -> None:
        while piece:
            rate = self._traffic.bytes_per_second
            part = piece[: max(1, int(rate / _SLICES))] if rate else piece
            if writer in self._ended:
                return  # it was ended on purpose: what comes later is lost
            writer.write(part)
            await writer.drain()
            if is_upwards:
                self._traffic.to_server += len(part)
            else:
                self._traffic.to_client += len(part)
            piece = piece[len(part) :]
            if rate:
                await asyncio.sleep(len(part) / rate)


def reset(writer: Writer) -> None:
    """Close a connection with a reset instead of an end."""
    with contextlib.suppress(OSError):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
