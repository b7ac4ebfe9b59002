"""Keeps a LiveView session alive as the JavaScript client does: it joins, reconnects, rejoins and recovers its form."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from http.cookies import CookieError, SimpleCookie
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, InvalidStatus
from websockets.typing import Origin

from rollout.load import liveview
from rollout.load.channel import Channel, JoinRefused, SocketLost, ViewCrashed
from rollout.load.connection import Exchange, ExchangeFailed
from rollout.load.liveview import NotALiveView, Page
from rollout.load.profile import LiveViewKind
from rollout.load.records import Clock, SessionEvent
from rollout.load.requests import Server, page_message

_CLOSE_SECONDS = 2.0
_LARGEST_FRAME = 16 * 1024 * 1024


class _Refused(Exception):
    """A page or a socket could not be opened."""


class _GaveUp(Exception):
    """A browser would not try again. The session stays broken."""


class Session:
    """One session of a kind. Its events go to `write`."""

    def __init__(
        self, kind: LiveViewKind, number: int, *, server: Server, clock: Clock, token: str, instance_header: str,
        write: Callable[[SessionEvent], None],
    ) -> None:  # fmt: skip
        self._kind = kind
        self._number = number
        self._server = server
        self._base = f"http://{server.authority}"
        self._clock = clock
        self._instance_header = instance_header
        self._write = write
        self._value = f"load-{token}-{number}"
        self._chance = random.Random(self._value)  # noqa: S311  the jitter of a reload, no secret
        self._cookies = _header(kind, "cookie")
        self._form = kind.form
        self._waits_since: float | None = clock.now()
        self._attempts = 0
        self._mounts = 0
        self._has_joined = False
        self._has_reloaded = False

    async def run(self) -> None:
        """Stay until the task is cancelled, which is how a load ends."""
        try:
            while True:
                await asyncio.sleep(await self._live_on_one_page())
                self._has_reloaded = self._has_joined
        except _GaveUp as error:
            self._record("gave_up", why=str(error), seconds=self._waited())
            await asyncio.Event().wait()
        finally:
            self._record("left", why="broken" if self._waits_since else "", seconds=self._waited())

    async def _live_on_one_page(self) -> float:
        """Load the page and stay on it. Returns the seconds after which a browser loads the page again."""
        try:
            page = await self._load_page()
        except _Refused as error:
            self._interrupted(str(error))
            return liveview.RECONNECT_LATER  # a person who presses reload
        self._mounts = tries = 0
        while True:
            try:
                async with await self._open_socket(page) as socket:
                    tries = 0
                    return await self._live_on_one_socket(Channel(socket, page, self._kind, self._base), socket)
            except _Refused as error:
                self._interrupted(str(error))
            except SocketLost as error:
                self._interrupted(str(error))
                if error.code == liveview.NORMAL_CLOSURE:
                    raise _GaveUp(str(error)) from None
            await asyncio.sleep((*liveview.RECONNECT_AFTER, liveview.RECONNECT_LATER)[min(tries, 9)])
            tries += 1

    async def _live_on_one_socket(self, channel: Channel, socket: ClientConnection) -> float:
        """Join, and join again after each crash of the view. Returns as `_live_on_one_page`. Raises SocketLost."""
        response = socket.response
        instance = response.headers.get(self._instance_header, "") if response else ""
        while True:
            try:
                rendered = await channel.join(mounts=self._mounts, attempts=self._attempts)
                await self._joined(channel, rendered, instance)
                await channel.stay()
            except ViewCrashed:
                self._interrupted("the view crashed")
                await asyncio.sleep(liveview.REJOIN_AFTER)
            except JoinRefused as refused:
                self._interrupted(str(refused))
                if refused.is_final:
                    raise _GaveUp(str(refused)) from None
                return 0.0 if refused.loads_page else self._chance.uniform(*liveview.RELOAD_AFTER)

    async def _joined(self, channel: Channel, rendered: Mapping[str, Any], instance: str) -> None:
        """Recover the form, and record that the session is joined, at the time before the recovery."""
        at, seconds, form = self._clock.now(), self._waited(), ""
        if self._form:
            is_shown = liveview.shows(rendered, self._value)
            answer = await channel.change(self._form, self._value)
            is_shown = is_shown or (not self._has_reloaded and liveview.shows(answer, self._value))
            form = "kept" if is_shown else "lost"
        event = "rejoined" if self._has_joined else "joined"
        self._record(event, at=at, seconds=seconds, form=form, reloaded=self._has_reloaded, instance=instance)
        self._waits_since, self._has_joined, self._has_reloaded = None, True, False
        self._attempts, self._mounts = 0, self._mounts + 1

    async def _load_page(self) -> Page:
        headers = [(name, value) for name, value in self._kind.headers if name.lower() != "cookie"]
        message = page_message(
            self._kind.path, (*headers, *([("cookie", self._cookies)] if self._cookies else ())), self._server.authority
        )
        done = Exchange(is_kept=True)
        try:
            async with asyncio.timeout(self._kind.deadline):
                connection = await self._server.connect()
                try:
                    await connection.exchange(message, done)
                finally:
                    connection.close()
            if done.status != 200:
                raise _Refused(f"the page answered {done.status}")
            self._cookies = _merged(self._cookies, [value for name, value in done.headers if name == "set-cookie"])
            text = done.body.decode("utf-8", "replace")
            self._form = liveview.read_form(text, self._kind.form) if self._kind.form else None
            return liveview.read_page(text)
        except (ExchangeFailed, NotALiveView) as error:
            raise _Refused(f"page: {error}") from None
        except TimeoutError:
            raise _Refused("page: timeout") from None

    async def _open_socket(self, page: Page) -> ClientConnection:
        try:
            return await connect(
                liveview.socket_address(self._base, page, path=self._kind.socket, mounts=self._mounts),
                origin=Origin(_header(self._kind, "origin") or self._base),
                additional_headers={"Cookie": self._cookies} if self._cookies else None,
                open_timeout=self._kind.deadline,
                close_timeout=_CLOSE_SECONDS,
                ping_interval=None,  # browsers send none
                max_size=_LARGEST_FRAME,
                proxy=None,
            )
        except InvalidStatus as error:
            raise _Refused(f"the socket answered {error.response.status_code}") from None
        except (OSError, InvalidHandshake) as error:  # TimeoutError is an OSError
            raise _Refused(f"socket: {type(error).__name__}") from None

    def _interrupted(self, why: str) -> None:
        """Record a loss, or another attempt that failed."""
        if self._waits_since is None:
            self._waits_since = self._clock.now()
            self._record("lost", why=why)
        else:
            self._attempts += 1
            self._record("refused", why=why, seconds=self._waited())

    def _waited(self) -> float:
        return 0.0 if self._waits_since is None else self._clock.now() - self._waits_since

    def _record(
        self, event: str, *, at: float = 0.0, why: str = "", seconds: float = 0.0, form: str = "",
        reloaded: bool = False, instance: str = "",
    ) -> None:  # fmt: skip
        self._write(
            SessionEvent(
                kind=self._kind.name, session=self._number, at=at or self._clock.now(), event=event, why=why,
                seconds=seconds, attempts=self._attempts, form=form, reloaded=reloaded, instance=instance,
            )
        )  # fmt: skip


def _header(kind: LiveViewKind, wanted: str) -> str:
    return next((value for name, value in kind.headers if name.lower() == wanted), "")


def _merged(cookies: str, set_cookies: Sequence[str]) -> str:
    """The Cookie header after these Set-Cookie headers. Their attributes are ignored: there is one server and path."""
    jar = dict(pair.split("=", 1) for pair in cookies.split("; ") if "=" in pair)
    for header in set_cookies:
        try:
            jar |= {name: morsel.coded_value for name, morsel in SimpleCookie(header).items()}
        except CookieError:
            continue
    return "; ".join(f"{name}={value}" for name, value in jar.items())
