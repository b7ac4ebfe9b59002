"""The main view of a page on one open socket: join, form events, heartbeats, and the ways in which it ends."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping
from typing import Any

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from rollout.load import liveview
from rollout.load.liveview import Frame, Page
from rollout.load.profile import Form, LiveViewKind

_ABNORMAL_CLOSURE = 1006  # no close frame was received


class SocketLost(Exception):
    """The socket has ended. `code` is that of the close frame, 1006 without one."""

    def __init__(self, why: str, code: int = _ABNORMAL_CLOSURE) -> None:
        super().__init__(why)
        self.code = code


class ViewCrashed(Exception):
    """The view has crashed, and the socket is still open."""


class JoinRefused(Exception):
    """The view cannot be joined. `loads_page`: a browser loads the page at once; `is_final`: it goes elsewhere."""

    def __init__(self, response: Mapping[str, Any]) -> None:
        reason = str(response.get("reason", ""))
        self.is_final = bool(response.get("redirect") or response.get("live_redirect"))
        self.loads_page = reason in liveview.NEW_PAGE_REASONS
        super().__init__(
            f"the join was {'redirected' if self.is_final else 'refused'}: {reason or dict(response)}"[:300]
        )


class Channel:
    """The main view of `page`. It is not joined yet."""

    def __init__(self, socket: ClientConnection, page: Page, kind: LiveViewKind, base: str) -> None:
        self._socket = socket
        self._page = page
        self._kind = kind
        self._base = base
        self._refs = map(str, itertools.count(1))
        self._join_ref = ""

    async def join(self, *, mounts: int, attempts: int) -> Mapping[str, Any]:
        """Join and return the rendered view. Raises JoinRefused, ViewCrashed and SocketLost."""
        self._join_ref = next(self._refs)
        frame = liveview.join_frame(
            self._base, self._kind.path, self._page, ref=self._join_ref, mounts=mounts, attempts=attempts
        )
        try:
            reply = await self._ask(frame)
        except TimeoutError:
            raise JoinRefused({"reason": f"no answer within {self._kind.deadline:g} s"}) from None
        if reply.status != "ok":
            raise JoinRefused(reply.response)
        return reply.response

    async def change(self, form: Form, value: str) -> Mapping[str, Any]:
        """Send the phx-change event of a form and return the diff. Empty if no answer came within the deadline."""
        frame = liveview.form_frame(self._page, form, value, join_ref=self._join_ref, ref=next(self._refs))
        try:
            return (await self._ask(frame)).response
        except TimeoutError:
            return {}

    async def stay(self) -> None:
        """Send heartbeats and receive until the view or the socket ends. Raises ViewCrashed or SocketLost."""
        beat = ""
        while True:
            try:
                async with asyncio.timeout(self._kind.heartbeat):
                    while True:
                        frame = await self._receive()
                        beat = "" if beat and frame.is_reply_to(beat) else beat
            except TimeoutError:
                if beat:
                    raise SocketLost("no answer to the heartbeat") from None
                beat = next(self._refs)
                await self._send(liveview.heartbeat_frame(beat))

    async def _ask(self, frame: Frame) -> Frame:
        await self._send(frame)
        async with asyncio.timeout(self._kind.deadline):
            while not (answer := await self._receive()).is_reply_to(str(frame.ref)):
                pass
        return answer

    async def _send(self, frame: Frame) -> None:
        try:
            await self._socket.send(frame.encode())
        except ConnectionClosed as closed:
            raise _lost(closed) from None

    async def _receive(self) -> Frame:
        try:
            frame = liveview.decode(await self._socket.recv())
        except ConnectionClosed as closed:
            raise _lost(closed) from None
        except ValueError:
            raise SocketLost("a frame was not of the protocol") from None
        if frame.topic == self._page.topic and frame.event == "phx_error":
            raise ViewCrashed
        if frame.topic == self._page.topic and frame.event == "phx_close":
            raise SocketLost("the view was closed", liveview.NORMAL_CLOSURE)
        return frame


def _lost(closed: ConnectionClosed) -> SocketLost:
    received = closed.rcvd
    if received is None:
        return SocketLost("the connection was cut without a close frame")
    return SocketLost(f"closed with code {received.code} {received.reason}".rstrip(), received.code)
