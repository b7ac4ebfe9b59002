"""A server with one LiveView page, in this process. It speaks Phoenix's protocol and writes down what it heard."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

PAGE = """<html><head><meta name="csrf-token" content="to+ken"></head><body>
<div data-phx-main data-phx-session="signed&amp;session" data-phx-static="static" id="phx-F00">
<form id="other" phx-change="wrong"></form>
<form class="a" id="item" phx-change="validate" phx-target="7"></form></div></body></html>"""
OK: Mapping[str, Any] = {"status": "ok", "response": {"rendered": {"s": ["<form>", "</form>"], "0": ""}}}


def refused(**response: Any) -> Mapping[str, Any]:
    """The reply to a join that the view refuses."""
    return {"status": "error", "response": response}


@dataclass
class LiveServer:
    """`reply` answers the joins, by their number from 1. The lists are what the server heard, in order."""

    reply: Callable[[int], Mapping[str, Any]] = lambda number: OK
    shows_form: bool = True
    answers_heartbeats: bool = True
    page_status: int = 200
    port: int = 0
    pages: int = 0
    joins: list[Mapping[str, Any]] = field(default_factory=list)
    forms: list[str] = field(default_factory=list)
    components: list[int | None] = field(default_factory=list)
    heartbeats: int = 0
    cookies: list[str] = field(default_factory=list)
    origins: list[str] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    open: set[ServerConnection] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def listen(self) -> None:
        """Accept pages and sockets, on the same port as before."""
        self._server: Server = await serve(
            self._socket,
            "127.0.0.1",
            self.port,
            process_request=self._request,
            process_response=_named,
            close_timeout=1,
        )
        self.port = next(iter(self._server.sockets)).getsockname()[1]

    async def drain(self, code: int = 1012) -> None:
        """Close every socket with this code, as a server that restarts."""
        for socket in tuple(self.open):
            await socket.close(code)

    def cut(self) -> None:
        """End every socket without a close frame."""
        for socket in tuple(self.open):
            socket.transport.abort()

    async def send(self, event: str) -> None:
        """Send an event of the view to every socket."""
        for socket in tuple(self.open):
            await socket.send(json.dumps(["1", None, "lv:phx-F00", event, {}]))

    async def stop(self) -> None:
        """Close the listener and every socket."""
        self._server.close()
        await self._server.wait_closed()

    async def _request(self, connection: ServerConnection, request: Request) -> Response | None:
        if request.path.startswith("/live/websocket"):
            self.cookies.append(request.headers.get("cookie", ""))
            self.origins.append(request.headers.get("origin", ""))
            self.addresses.append(request.path)
            return None
        self.pages += 1
        answer = connection.respond(HTTPStatus(self.page_status), PAGE)
        answer.headers["set-cookie"] = f"_app_key=page{self.pages}; path=/; HttpOnly"
        return answer

    async def _socket(self, socket: ServerConnection) -> None:
        self.open.add(socket)
        try:
            async for text in socket:
                join_ref, ref, topic, event, payload = json.loads(text)
                answer = self._answer(event, payload)
                if answer is not None:
                    await socket.send(json.dumps([join_ref, ref, topic, "phx_reply", answer]))
        except ConnectionClosed:
            pass
        finally:
            self.open.discard(socket)

    def _answer(self, event: str, payload: Mapping[str, Any]) -> Mapping[str, Any] | None:
        if event == "heartbeat":
            self.heartbeats += 1
            return {"status": "ok", "response": {}} if self.answers_heartbeats else None
        if event == "phx_join":
            self.joins.append(payload)
            return self.reply(len(self.joins))
        assert (event, payload["event"], payload["type"]) == ("event", "validate", "form")
        value = parse_qs(payload["value"])["item[title]"][0]
        self.forms.append(value)
        self.components.append(payload.get("cid"))
        return {"status": "ok", "response": {"diff": {"0": f'<input value="{value}">'} if self.shows_form else {}}}


def _named(connection: ServerConnection, request: Request, response: Response) -> Response:
    response.headers["x-rollout-instance"] = "a1"
    return response


@contextlib.asynccontextmanager
async def live(**how: Any) -> AsyncIterator[LiveServer]:
    """A server that listens while the block runs."""
    server = LiveServer(**how)
    await server.listen()
    try:
        yield server
    finally:
        await server.stop()


async def until(condition: Callable[[], bool]) -> None:
    """Wait until it is true."""
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.01)


def query(address: str) -> Mapping[str, list[str]]:
    """The parameters of an address."""
    return parse_qs(urlsplit(address).query)
