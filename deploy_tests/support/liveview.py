"""Joins a LiveView as a browser does: session from the page, then Phoenix's channel protocol over a WebSocket."""

from __future__ import annotations

import html
import json
import re
from typing import Any
from urllib.parse import quote

import httpx
from websockets.sync.client import connect
from websockets.typing import Origin


def join(browser: httpx.Client, path: str, *, seconds: float = 15.0) -> dict[str, Any]:
    """Load `path`, join its LiveView, return the server's reply: `{"status": "ok" or "error", "response": …}`."""
    page = browser.get(path).text
    token = _one(r'name="csrf-token" content="([^"]+)"', page)
    element = _one(r"(<[a-z]+[^>]*\sdata-phx-main[^>]*>)", page)
    topic = "lv:" + _one(r'\sid="([^"]+)"', element)
    base = str(browser.base_url).rstrip("/")
    address = base.replace("http", "ws", 1) + f"/live/websocket?_csrf_token={quote(token)}&_mounts=0&vsn=2.0.0"
    cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    message = {
        "url": base + path,
        "params": {"_csrf_token": token, "_mounts": 0},
        "session": html.unescape(_one(r'data-phx-session="([^"]*)"', element)),
        "static": html.unescape(_one(r'data-phx-static="([^"]*)"', element)),
    }
    with connect(
        address, origin=Origin(base), additional_headers={"Cookie": cookies}, open_timeout=seconds, proxy=None
    ) as socket:
        socket.send(json.dumps(["4", "4", topic, "phx_join", message]))
        while True:
            _join, reference, _topic, event, payload = json.loads(socket.recv(timeout=seconds))
            if event == "phx_reply" and reference == "4":
                return dict(payload)


def _one(pattern: str, text: str) -> str:
    found = re.search(pattern, text, re.DOTALL)
    assert found, f"{pattern!r} was not found in a page of {len(text)} characters"
    return found.group(1)
