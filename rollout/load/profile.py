"""Describes a load as data: which requests arrive how often, and which LiveView sessions stay."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from rollout.errors import UsageError
from rollout.text.toml_records import InvalidRecord, record, require_unique

Headers = tuple[tuple[str, str], ...]

INSTANCE_HEADER = "x-rollout-instance"
"""The header in which a proxy names the instance that has answered."""


class InvalidProfile(UsageError):
    """A load profile has an unknown key, or a value that means nothing."""

    def __init__(self, *, where: str, problem: str) -> None:
        super().__init__(f"The load profile is not valid: {where}: {problem}.", advice="Correct the profile.")


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestKind:
    """Requests of one kind, which arrive `rate` times a second on average.

    `{key}` in path, headers and body stands for the unique key of the request, a UUID. `{padding}` in the body stands
    for `padding` letters. `idempotency_header` names a header that carries the key as well.
    `expect`: the statuses that count as success. `deadline`: seconds until an unanswered request counts as lost.
    `fresh`: the share of requests, from 0 to 1, that open a connection of their own; the others reuse kept connections.
    `send_seconds`: the body is sent in pieces over this time, as a slow upload is. `is_long`: the server takes long on
    purpose. Such requests and slow uploads count like all others, but not in the latencies of the whole load.
    """

    name: str
    rate: float
    method: str = "GET"
    path: str = "/"
    headers: Headers = ()
    body: str = ""
    content_type: str = ""
    expect: tuple[int, ...] = (200,)
    deadline: float = 10.0
    idempotency_header: str = ""
    fresh: float = 0.25
    padding: int = 0
    send_seconds: float = 0.0
    is_long: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A form of a LiveView. `field` is the name of the input that gets a value (`item[title]`), `others` the rest.

    `id` is that of the form's element, from which the client reads phx-change and phx-target on the page. Without it,
    `event` is the phx-change, and `component` the number of the component that receives it, if not the view.
    """

    field: str
    id: str = ""
    event: str = ""
    others: tuple[tuple[str, str], ...] = ()
    component: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveViewKind:
    """LiveView sessions that stay for the whole load and reconnect as the JavaScript client does.

    `headers` are those of the page and the socket, for example the cookie of a signed-in user. `heartbeat` and
    `deadline` (of a page, a connection, a join or a reply) are in seconds. `socket` is the path of the LiveView socket.
    The sessions are opened evenly over `ramp` seconds.
    """

    name: str
    path: str = "/"
    sessions: int = 1
    headers: Headers = ()
    form: Form | None = None
    socket: str = "/live/websocket"
    heartbeat: float = 30.0
    deadline: float = 10.0
    ramp: float = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A whole load. The same `seed` gives the same arrivals.

    `kept`: how many idle connections the generator keeps, as a balancer does. `instance_header`: the response header
    that names the instance of the server.
    """

    requests: tuple[RequestKind, ...] = ()
    sessions: tuple[LiveViewKind, ...] = ()
    seed: int = 1
    kept: int = 16
    instance_header: str = INSTANCE_HEADER

    def __post_init__(self) -> None:
        """Raise InvalidProfile for numbers that mean nothing, and names that occur twice."""
        try:
            require_unique("the kinds", [kind.name for kind in self._kinds()])
            for each in self._kinds():
                _check(each.name, "deadline", 0 < each.deadline < math.inf, "more than 0")
                _check(each.name, "path", each.path.startswith("/"), "a path that begins with /")
            for kind in self.requests:
                _check(kind.name, "rate", 0 < kind.rate <= 10_000, "more than 0 and at most 10,000 a second")
                _check(kind.name, "fresh", 0 <= kind.fresh <= 1, "a share from 0 to 1")
                _check(kind.name, "padding", 0 <= kind.padding <= 10**8, "0 to 100,000,000 letters")
                _check(
                    kind.name,
                    "send_seconds",
                    0 <= kind.send_seconds < kind.deadline,
                    "at least 0 and less than the deadline",
                )
            for session in self.sessions:
                _check(session.name, "sessions", 1 <= session.sessions <= 10_000, "1 to 10,000")
                _check(session.name, "heartbeat", session.heartbeat > 0, "more than 0")
                _check(session.name, "ramp", session.ramp >= 0, "0 or more")
                is_known = session.form is None or bool(session.form.id) != bool(session.form.event)
                _check(session.name, "form", is_known, "known by its id or by its event")
        except InvalidRecord as error:
            raise InvalidProfile(where=error.where, problem=error.problem) from None

    @property
    def longest(self) -> float:
        """The longest deadline, in seconds: the time until nothing is in flight any more."""
        return max((kind.deadline for kind in self._kinds()), default=0.0)

    def _kinds(self) -> tuple[RequestKind | LiveViewKind, ...]:
        return (*self.requests, *self.sessions)

    def to_json(self) -> str:
        """The profile as JSON. It may hold secrets, such as cookies and keys in headers."""
        return json.dumps(dataclasses.asdict(self, dict_factory=_plain), indent=1)

    @classmethod
    def from_json(cls, text: str) -> Profile:
        """The profile of a JSON text. Raises InvalidProfile with the place and the nearest known key."""
        try:
            return record(cls, json.loads(text), "profile")
        except InvalidRecord as error:
            raise InvalidProfile(where=error.where, problem=error.problem) from None
        except ValueError as error:
            raise InvalidProfile(where="syntax", problem=str(error)) from None


def origin(url: str) -> tuple[str, int]:
    """Host and port of `http://host[:port]`. Raises InvalidProfile for anything else: there is no TLS here."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    if parts.scheme != "http" or not host or parts.path not in {"", "/"} or parts.query or parts.username:
        raise InvalidProfile(where="url", problem=f"{url!r} is not of the form http://host:port")
    return host, port or 80


def _check(where: str, key: str, is_right: bool, wanted: str) -> None:
    if not is_right:
        raise InvalidRecord(where, f"{key} has to be {wanted}")


def _plain(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Fields as JSON has them: pairs become objects, and what is absent is left out."""
    tables = {"headers", "others"}
    return {key: dict(value) if key in tables else value for key, value in pairs if value is not None}
