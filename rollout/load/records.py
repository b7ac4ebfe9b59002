"""Defines the records of a load, and reads and writes them as JSON lines.

All times are seconds since the epoch, made from one monotonic clock and one offset. So a clock that is set during the
load moves nothing.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

REQUESTS, SESSIONS, GENERATOR, LOG = "requests.jsonl", "sessions.jsonl", "generator.json", "load.log"

ERRORS: Mapping[str, str] = {
    "refused": "the connection was refused",
    "unreachable": "no connection could be made, for another reason",
    "reset_before_bytes": "the connection was closed or reset before the first byte of an answer",
    "reset_midway": "the connection was reset, or closed in the head, after the first byte",
    "short_body": "the connection was closed before the end of the body",
    "malformed": "the answer was not HTTP/1.1",
    "timeout": "no whole answer within the deadline",
    "own_limit": "the generator itself may not open more files",
}
"""Name of a socket error → what happened. A request with an error is lost."""

Written = TypeVar("Written", "RequestRecord", "SessionEvent")


class Clock:
    """Monotonic seconds as seconds since the epoch."""

    def __init__(self, offset: float | None = None) -> None:
        self.offset = time.time() - time.monotonic() if offset is None else offset

    def now(self) -> float:
        """Seconds since the epoch. They never go back."""
        return time.monotonic() + self.offset


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRecord:
    """What became of one request.

    `intended`: when it was due. `started`: when the generator began it, so `started - intended` is the generator's own
    lag. `sent`: when its first byte was written, None if there was no connection. `end`: the last byte of the answer,
    or the error. Either `status` or `error` (a key of ERRORS) is None. `is_expected`: the answer is whole and its
    status is one that the kind expects. `reused`: it was sent on a kept connection. `reopened`: a kept connection had
    been closed by the server before anything was sent, so a new one was opened. `bytes`: those received.
    """

    kind: str
    key: str
    intended: float
    started: float
    sent: float | None
    first_byte: float | None
    end: float
    status: int | None
    error: str | None
    is_expected: bool
    instance: str
    bytes: int
    reused: bool
    reopened: bool

    @property
    def latency(self) -> float:
        """Seconds from the intended start to the end."""
        return self.end - self.intended

    @property
    def outcome(self) -> str:
        """`ok`; `failed`: a whole answer with an unexpected status; `lost`: no whole answer."""
        return "lost" if self.error is not None else "ok" if self.is_expected else "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEvent:
    """Something that happened to a LiveView session.

    `event` is one of: `joined` (for the first time), `refused` (an attempt failed), `lost`, `rejoined`, `gave_up` (a
    browser would not try again), `left` (the load ended). `seconds`: how long it waited for this, since its start or
    since it was lost. `form` of `joined` and `rejoined`: `kept` if the view's answer shows the value of the form, else
    `lost`; "" without a form. `reloaded`: the page was loaded again, so a browser's form is empty.
    """

    kind: str
    session: int
    at: float
    event: str
    why: str = ""
    seconds: float = 0.0
    attempts: int = 0
    form: str = ""
    reloaded: bool = False
    instance: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A moment that the reports show, such as `b1 ready`."""

    at: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratorReport:
    """What the generator says about itself.

    `began`, `ended`: the time in which requests arrived; `ended` is 0 while they do. `arrivals`: kind → number of
    requests that were due. `long`: the kinds that take long on purpose. `lag`: for each second since `began`, how much
    too late the generator was at most.
    """

    pid: int
    offset: float
    began: float
    ended: float = 0.0
    arrivals: Mapping[str, int] = field(default_factory=dict)
    long: tuple[str, ...] = ()
    lag: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadResult:
    """Everything that a load recorded. `is_whole`: there is a record of every request that was due."""

    requests: tuple[RequestRecord, ...]
    sessions: tuple[SessionEvent, ...]
    marks: tuple[Mark, ...]
    generator: GeneratorReport

    @property
    def is_whole(self) -> bool:
        return len(self.requests) == sum(self.generator.arrivals.values()) and self.generator.ended > 0


class RecordFile:
    """Appends records to a file. `flush` hands complete lines to the operating system."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8", buffering=1024 * 1024)

    def add(self, written: RequestRecord | SessionEvent) -> None:
        """Append one record. Times are rounded to microseconds."""
        keys = dataclasses.asdict(written)
        line = {key: round(value, 6) if isinstance(value, float) else value for key, value in keys.items()}
        self._file.write(json.dumps(line, separators=(",", ":")) + "\n")

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        self._file.close()


def read_requests(folder: Path) -> tuple[RequestRecord, ...]:
    """The records of requests in the folder of a load, in the order of their ends, without a torn last line."""
    return tuple(_read(RequestRecord, folder / REQUESTS))


def read_sessions(folder: Path) -> tuple[SessionEvent, ...]:
    """The events of sessions in the folder of a load, in their order."""
    return tuple(_read(SessionEvent, folder / SESSIONS))


def read_generator(folder: Path) -> GeneratorReport | None:
    """What the generator says about itself; None before it has begun."""
    try:
        found: dict[str, Any] = json.loads((folder / GENERATOR).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return GeneratorReport(**{**found, "lag": tuple(found["lag"]), "long": tuple(found["long"])})


def write_generator(folder: Path, report: GeneratorReport) -> None:
    """Replace the report at once, so that no reader sees half of it."""
    half = folder / f"{GENERATOR}.new"
    half.write_text(json.dumps(dataclasses.asdict(report)), encoding="utf-8")
    half.replace(folder / GENERATOR)


def _read(kind: type[Written], path: Path) -> Iterator[Written]:
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except FileNotFoundError:
        return
    for line in lines[:-1]:  # the last part is empty, or a line that is still being written
        yield kind(**json.loads(line))
