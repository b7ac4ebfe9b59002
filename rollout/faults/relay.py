"""A TCP relay between a client and a server that disturbs what passes: delay, throttle, stall, cut, refuse.

It stands for the network between two machines, for example between an instance of the application and its database. It
knows nothing of what passes. It runs in a thread of this process, and each change is in force when its call returns.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Coroutine
from dataclasses import dataclass
from types import TracebackType
from typing import Any, TypeVar

from rollout.faults.relay_link import Link, Reader, Traffic, Writer, reset

_PATIENCE = 30.0  # seconds for a change to be in force
_BACKLOG = 512
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """What has happened on the relay so far, as evidence of a fault.

    `connections`: those that were accepted. `turned_away`: those of them that were reset at once. `unreachable`: those
    for which the server did not answer. `cut`: those that were reset later. `delayed`, `stalled`: pieces of data that
    had to wait. `to_server`, `to_client`: bytes that were passed on. Connections that were refused are not seen here.
    """

    connections: int
    turned_away: int
    unreachable: int
    cut: int
    delayed: int
    stalled: int
    to_server: int
    to_client: int


class Relay:
    """Listens on `host` and `port` (0: a free one) and passes connections on to `target`, a host and a port.

    It is a context manager: it listens within the block, and its end resets all connections.
    """

    def __init__(self, target: tuple[str, int], *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.host = host
        self.port = port
        self._target = target
        self._traffic = Traffic()
        self._traffic.flowing.set()
        self._links: set[Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._connections = self._turned_away = self._unreachable = self._cut = 0
        self._turns_away = False
        self._listener: asyncio.Server | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="relay", daemon=True)

    def __enter__(self) -> Relay:
        """Raises OSError if the port is taken."""
        self._thread.start()
        try:
            self._call(self._listen())
        except OSError:
            self._end_thread()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._call(self._end())
        self._end_thread()

    @property
    def passed(self) -> Passed:
        """What has happened so far."""
        traffic = self._traffic
        return Passed(
            connections=self._connections, turned_away=self._turned_away, unreachable=self._unreachable, cut=self._cut,
            delayed=traffic.delayed, stalled=traffic.stalled, to_server=traffic.to_server, to_client=traffic.to_client,
        )  # fmt: skip

    def delay(self, seconds: float) -> None:
        """Hold back all data by this time in each direction. Order and rate stay as they are."""
        self._call(self._set(delay=seconds))

    def throttle(self, bytes_per_second: float) -> None:
        """Pass on at most so many bytes a second, in each direction of each connection."""
        self._call(self._set(bytes_per_second=bytes_per_second))

    def stall(self) -> None:
        """Pass on nothing, neither data nor ends nor resets, as a network that is split. Connections stay open."""
        self._call(self._stall())

    def cut(self) -> int:
        """Reset all connections. Returns their number. New ones are accepted."""
        return self._call(self._cut_all())

    def half_close(self, *, to_server: bool) -> int:
        """Send an end of data to one side of each connection; the other direction goes on. Returns their number."""
        return self._call(self._half_close(to_server=to_server))

    def refuse(self) -> None:
        """Refuse new connections, as a machine without such a server. Existing ones stay."""
        self._call(self._refuse())

    def turn_away(self) -> None:
        """Accept new connections and reset them at once, as a balancer without a server behind it."""
        self._call(self._set_turns_away())

    def restore(self) -> None:
        """Take all disturbances back. What was held back is passed on now. Raises OSError if the port was taken."""
        self._call(self._restore())

    async def _set(self, *, delay: float | None = None, bytes_per_second: float | None = None) -> None:
        if delay is not None:
            self._traffic.delay = delay
        if bytes_per_second is not None:
            self._traffic.bytes_per_second = bytes_per_second

    async def _stall(self) -> None:
        self._traffic.flowing.clear()

    async def _cut_all(self) -> int:
        links = tuple(self._links)
        for link in links:
            link.cut()
        self._cut += len(links)
        return len(links)

    async def _half_close(self, *, to_server: bool) -> int:
        for link in tuple(self._links):
            link.end_sending(to_server=to_server)
        return len(self._links)

    async def _refuse(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    async def _set_turns_away(self) -> None:
        self._turns_away = True

    async def _restore(self) -> None:
        self._turns_away = False
        self._traffic.delay, self._traffic.bytes_per_second = 0.0, None
        self._traffic.flowing.set()
        if self._listener is None:
            await self._listen()

    async def _listen(self) -> None:
        self._listener = await asyncio.start_server(
            self._serve, self.host, self.port, backlog=_BACKLOG, reuse_address=True
        )
        self.port = self._listener.sockets[0].getsockname()[1]

    async def _serve(self, reader: Reader, writer: Writer) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._connections += 1
        try:
            # asyncio of Python 3.11 reports a handler that ends as cancelled. Only the end of the relay cancels it.
            with contextlib.suppress(asyncio.CancelledError):
                await self._relay(reader, writer)
        finally:
            self._tasks.discard(task)

    async def _relay(self, reader: Reader, writer: Writer) -> None:
        if self._turns_away:
            self._turned_away += 1
            reset(writer)
            return
        try:
            server = await asyncio.open_connection(*self._target)
        except asyncio.CancelledError:
            reset(writer)
            raise
        except OSError:
            self._unreachable += 1
            reset(writer)
            return
        link = Link((reader, writer), server, self._traffic)
        self._links.add(link)
        try:
            await link.run()
        finally:
            self._links.discard(link)

    async def _end(self) -> None:
        await self._refuse()
        for link in tuple(self._links):
            link.cut()
        for task in tuple(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(tuple(self._tasks))

    def _call(self, change: Coroutine[Any, Any, _Result]) -> _Result:
        """Run a change in the relay's thread and wait for it."""
        return asyncio.run_coroutine_threadsafe(change, self._loop).result(_PATIENCE)

    def _end_thread(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_PATIENCE)
        with contextlib.suppress(RuntimeError):  # it still runs; it is a daemon and ends with this process
            self._loop.close()
