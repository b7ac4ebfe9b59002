"""An HTTP server in this process whose faults are known: it writes down what it did to each request."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import h11


@dataclass(frozen=True, kw_only=True)
class Act:
    """What the server does to a request. `name` says it in its log; `delay` in seconds before anything is sent."""

    name: str = "ok"
    status: int = 200
    body: bytes = b"ok"
    delay: float = 0.0
    instance: str = "a1"


OK = Act()
RESET = Act(name="reset_before_bytes")
CLOSE = Act(name="close_before_bytes")
HALF_HEAD = Act(name="half_head")
HALF_BODY = Act(name="half_body")
RESET_BODY = Act(name="reset_body")
GARBAGE = Act(name="garbage")
SILENCE = Act(name="silence")


@dataclass
class Served:
    """One request as the server saw it. `place`: its number on its connection, from 1."""

    number: int
    method: str
    target: str
    key: str
    body: bytes
    connection: int
    place: int
    act: str


@dataclass
class FaultyServer:
    """`script` decides by the request what is done to it. `served` is the log. `port` stays the same."""

    script: Callable[[Served], Act] = lambda served: OK
    served: list[Served] = field(default_factory=list)
    port: int = 0
    connections: int = 0
    idle_seconds: float | None = None

    def __post_init__(self) -> None:
        self._open = asyncio.Event()
        self._open.set()
        self._listener: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def counts(self) -> Counter[str]:
        """How often each act was done."""
        return Counter(served.act for served in self.served)

    async def listen(self) -> None:
        """Accept connections, on the same port as before."""
        self._listener = await asyncio.start_server(
            self._serve, "127.0.0.1", self.port, reuse_address=True, backlog=512
        )
        self.port = self._listener.sockets[0].getsockname()[1]

    async def refuse(self) -> None:
        """Close the listener, so that new connections are refused."""
        assert self._listener
        self._listener.close()

    async def pause(self, seconds: float) -> tuple[float, float]:
        """Answer nothing for a while. Returns begin and end, as epoch seconds."""
        began = time.time()
        self._open.clear()
        await asyncio.sleep(seconds)
        self._open.set()
        return began, time.time()

    async def close(self) -> None:
        """End everything."""
        await self.refuse()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        self.connections += 1
        try:
            await self._answer_all(reader, writer, self.connections)
        except (ConnectionError, TimeoutError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _answer_all(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: int) -> None:
        http = h11.Connection(h11.SERVER)
        for place in range(1, 10_000):
            request, body = None, b""
            while not isinstance(event := http.next_event(), h11.EndOfMessage):
                if event is h11.NEED_DATA:
                    data = await asyncio.wait_for(reader.read(65536), None if request else self.idle_seconds)
                    if not data and request is None:
                        return
                    http.receive_data(data)
                elif isinstance(event, h11.Request):
                    request = event
                elif isinstance(event, h11.Data):
                    body += event.data
                elif isinstance(event, h11.ConnectionClosed):
                    return
            assert request
            headers = {name.decode(): value.decode() for name, value in request.headers}
            served = Served(
                number=len(self.served) + 1, method=request.method.decode(), target=request.target.decode(),
                key=headers.get("idempotency-key", ""), body=body, connection=connection, place=place, act="",
            )  # fmt: skip
            act = self.script(served)
            served.act = act.name
            self.served.append(served)
            await self._open.wait()
            await asyncio.sleep(act.delay)
            if not await self._do(act, http, reader, writer) or headers.get("connection") == "close":
                return
            http.start_next_cycle()

    async def _do(
        self, act: Act, http: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Answer, or break off. Returns whether the connection can be used again."""
        head = h11.Response(
            status_code=act.status,
            headers=[("content-length", str(len(act.body))), ("x-rollout-instance", act.instance)],
        )
        whole = (http.send(head) or b"") + (http.send(h11.Data(data=act.body)) or b"")
        http.send(h11.EndOfMessage())
        parts = {
            "reset_before_bytes": b"", "close_before_bytes": b"", "half_head": whole[:20], "half_body": whole[:-1],
            "reset_body": whole[:-1], "garbage": b"hello you\r\n\r\n",
        }  # fmt: skip
        sent = parts.get(act.name, whole)
        if act.name == "silence":
            await reader.read()
            return False
        writer.write(sent)
        await writer.drain()
        if act.name.startswith("reset"):
            await asyncio.sleep(0.05)  # the bytes before a reset are received, not overtaken by it
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            return False
        if sent is not whole:
            writer.write_eof()
            return False
        return True


@contextlib.asynccontextmanager
async def faulty(script: Callable[[Served], Act] = lambda served: OK) -> AsyncIterator[FaultyServer]:
    """A server that listens while the block runs."""
    server = FaultyServer(script=script)
    await server.listen()
    try:
        yield server
    finally:
        await server.close()
