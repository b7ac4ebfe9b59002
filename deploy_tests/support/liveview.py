"""Joins a LiveView as a browser does: session from the page, then Phoenix's channel protocol over a WebSocket."""

from __future__ import annotations

from typing import Any

import httpx
from websockets.sync.client import connect
from websockets.typing import Origin

from rollout.load.liveview import decode, join_frame, read_page, socket_address


def join(browser: httpx.Client, path: str, *, seconds: float = 15.0) -> dict[str, Any]:
    """Load `path`, join its LiveView, return the server's reply: `{"status": "ok" or "error", "response": …}`.

    Raises NotALiveView if the page has none.
    """
    page = read_page(browser.get(path).text)
    base = str(browser.base_url).rstrip("/")
    cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    with connect(
        socket_address(base, page), origin=Origin(base), additional_headers={"Cookie": cookies}, open_timeout=seconds,
        proxy=None,
    ) as socket:  # fmt: skip
        socket.send(join_frame(base, path, page, ref="4").encode())
        while not (answer := decode(socket.recv(timeout=seconds))).is_reply_to("4"):
            pass
        return dict(answer.payload)
