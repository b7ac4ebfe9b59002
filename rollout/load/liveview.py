"""The protocol of Phoenix LiveView's JavaScript client: page, socket address, frames, form events. Pure.

Source: priv/static of phoenix 1.8 (socket, channel) and phoenix_live_view 1.2 (view). The serializer is version 2.0.0:
a frame is the JSON list `[join_ref, ref, topic, event, payload]`.
"""

from __future__ import annotations

import dataclasses
import html
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from rollout.load.profile import Form

JOIN = "phx_join"
HEARTBEAT_TOPIC = "phoenix"
RECONNECT_AFTER = (0.01, 0.05, 0.1, 0.15, 0.2, 0.25, 0.5, 1.0, 2.0)  # seconds by attempt, then 5
RECONNECT_LATER = 5.0
REJOIN_AFTER = 1.0  # after a crash of the view on a socket that stays open; the first of phoenix' rejoinAfterMs
RELOAD_AFTER = (5.0, 10.0)  # reloadJitterMin and reloadJitterMax, after a join that failed
NEW_PAGE_REASONS = frozenset({"reload", "unauthorized", "stale"})  # of a refused join: the page is loaded at once
NORMAL_CLOSURE = 1000  # the client does not reconnect after a close with this code


class NotALiveView(Exception):
    """A page lacks what a LiveView's client reads from it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What the client reads from a page. `topic`: `lv:` and the id of the main view."""

    token: str
    topic: str
    session: str
    static: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A message of the socket."""

    join_ref: str | None
    ref: str | None
    topic: str
    event: str
    payload: Mapping[str, Any]

    def encode(self) -> str:
        """The frame as text."""
        return json.dumps([self.join_ref, self.ref, self.topic, self.event, self.payload])

    def is_reply_to(self, ref: str) -> bool:
        return self.event == "phx_reply" and self.ref == ref

    @property
    def status(self) -> str:
        """`ok` or `error` of a reply."""
        return str(self.payload.get("status", ""))

    @property
    def response(self) -> Mapping[str, Any]:
        """The response of a reply."""
        found = self.payload.get("response")
        return found if isinstance(found, Mapping) else {}


def read_page(text: str) -> Page:
    """The tokens of a page's main LiveView. Raises NotALiveView with the pattern that was not found."""
    element = _one(r"(<[a-z]+[^>]*\sdata-phx-main[^>]*>)", text)
    return Page(
        token=html.unescape(_one(r'name="csrf-token" content="([^"]+)"', text)),
        topic="lv:" + _one(r'\sid="([^"]+)"', element),
        session=html.unescape(_one(r'data-phx-session="([^"]*)"', element)),
        static=html.unescape(_one(r'data-phx-static="([^"]*)"', element)),
    )


def read_form(text: str, form: Form) -> Form:
    """The form with the event and component that the page says, if it is known by its id. Raises NotALiveView."""
    if not form.id:
        return form
    element = _one(rf'(<form[^>]*\sid="{re.escape(form.id)}"[^>]*>)', text)
    target = re.search(r'\sphx-target="(\d+)"', element)
    return dataclasses.replace(
        form,
        event=html.unescape(_one(r'\sphx-change="([^"]+)"', element)),
        component=int(target[1]) if target else None,
    )


def socket_address(base: str, page: Page, *, path: str = "/live/websocket", mounts: int = 0) -> str:
    """The address of the WebSocket. `base`: `http://host:port`."""
    return f"{base.replace('http', 'ws', 1)}{path}?_csrf_token={quote(page.token, safe='')}&_mounts={mounts}&vsn=2.0.0"


def join_frame(base: str, path: str, page: Page, *, ref: str, mounts: int = 0, attempts: int = 0) -> Frame:
    """The frame that joins the main view. `mounts`: how often this page has joined before."""
    return Frame(
        join_ref=ref,
        ref=ref,
        topic=page.topic,
        event=JOIN,
        payload={
            "url": base + path,
            "params": {"_csrf_token": page.token, "_mounts": mounts, "_mount_attempts": attempts},
            "session": page.session,
            "static": page.static,
        },
    )


def heartbeat_frame(ref: str) -> Frame:
    """The frame that asks whether the socket is alive."""
    return Frame(join_ref=None, ref=ref, topic=HEARTBEAT_TOPIC, event="heartbeat", payload={})


def form_frame(page: Page, form: Form, value: str, *, join_ref: str, ref: str) -> Frame:
    """The phx-change event of a form whose field has this value; also what form recovery sends after a rejoin."""
    fields = urlencode([*form.others, (form.field, value)])
    payload: dict[str, Any] = {
        "type": "form",
        "event": form.event,
        "value": fields,
        "meta": {"_target": form.field},
        "uploads": {},
    }
    if form.component is not None:
        payload["cid"] = form.component
    return Frame(join_ref=join_ref, ref=ref, topic=page.topic, event="event", payload=payload)


def decode(text: str | bytes) -> Frame:
    """The frame of a text. Raises ValueError for anything else."""
    join_ref, ref, topic, event, payload = json.loads(text)
    return Frame(join_ref=join_ref, ref=ref, topic=str(topic), event=str(event), payload=payload)


def shows(response: Mapping[str, Any], value: str) -> bool:
    """Whether a rendered answer (a whole view or a diff) has this value in its texts."""
    return value in json.dumps(response, ensure_ascii=False)


def _one(pattern: str, text: str) -> str:
    found = re.search(pattern, text, re.DOTALL)
    if not found:
        raise NotALiveView(f"{pattern!r} was not found in a page of {len(text)} characters")
    return found.group(1)
