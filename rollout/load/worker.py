"""The process of the generator: lets requests arrive on their schedule, keeps sessions, and measures its own lag."""

from __future__ import annotations

import asyncio
import dataclasses
import os
from collections import Counter
from pathlib import Path

from rollout.load.profile import LiveViewKind, Profile, RequestKind
from rollout.load.records import REQUESTS, SESSIONS, Clock, GeneratorReport, RecordFile, write_generator
from rollout.load.requests import Server, request, require_valid
from rollout.load.schedule import Arrival, arrivals
from rollout.load.sessions import Session

_BEAT = 0.02  # seconds between two looks at the clock
_FLUSH = 0.25  # seconds between two writes of records
_SESSION_GRACE = 5.0  # for sessions to close their sockets


class Worker:
    """One load, from its first arrival to its last record. `token` makes its keys unique."""

    def __init__(self, profile: Profile, *, url: str, folder: Path, token: str) -> None:
        self._profile = profile
        self._folder = folder
        self._token = token
        self._clock = Clock()
        self._server = Server(url, self._clock, kept=profile.kept)
        for kind in profile.requests:
            require_valid(kind, self._server.authority)
        self._requests = RecordFile(folder / REQUESTS)
        self._sessions = RecordFile(folder / SESSIONS)
        self._in_flight: set[asyncio.Task[None]] = set()
        self._arrivals = Counter({kind.name: 0 for kind in profile.requests})
        self._began = self._ended = self._clock.now()
        self._lag: list[float] = []
        self._parent = os.getppid()

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop` is set or the process that started this one is gone. Then finish what is in flight."""
        long = tuple(kind.name for kind in self._profile.requests if kind.is_long or kind.send_seconds)
        report = GeneratorReport(pid=os.getpid(), offset=self._clock.offset, began=self._began, long=long)
        write_generator(self._folder, report)
        beat = asyncio.create_task(self._beat(stop))
        sessions = [asyncio.create_task(self._keep(kind, number)) for kind in self._profile.sessions
                    for number in range(1, kind.sessions + 1)]  # fmt: skip
        dispatchers = [asyncio.create_task(self._dispatch(kind)) for kind in self._profile.requests]
        await stop.wait()
        self._ended = self._clock.now()
        await _cancel(dispatchers)
        if self._in_flight:
            await asyncio.wait(self._in_flight)
        await _cancel(sessions, within=_SESSION_GRACE)
        await _cancel([beat])
        self._close()
        write_generator(
            self._folder,
            dataclasses.replace(report, ended=self._ended, arrivals=dict(self._arrivals), lag=tuple(self._lag)),
        )

    async def _dispatch(self, kind: RequestKind) -> None:
        """Start each request of a kind when it is due, without waiting for any. Late ones start at once.

        When it is cancelled, it still starts what was due before the end of the load, so that all of it is counted.
        """
        due = arrivals(kind, seed=self._profile.seed, token=self._token)
        arrival = next(due)
        try:
            while True:
                await asyncio.sleep(max(0.0, self._began + arrival.at - self._clock.now()))
                self._start(kind, arrival)
                arrival = next(due)
        except asyncio.CancelledError:
            while self._began + arrival.at <= self._ended:
                self._start(kind, arrival)
                arrival = next(due)
            raise

    def _start(self, kind: RequestKind, arrival: Arrival) -> None:
        self._arrivals[kind.name] += 1
        task = asyncio.create_task(self._request(kind, arrival, self._began + arrival.at))
        self._in_flight.add(task)
        task.add_done_callback(self._in_flight.discard)

    async def _request(self, kind: RequestKind, arrival: Arrival, intended: float) -> None:
        self._requests.add(
            await request(kind, arrival, intended=intended, server=self._server, clock=self._clock,
                          instance_header=self._profile.instance_header)
        )  # fmt: skip

    async def _keep(self, kind: LiveViewKind, number: int) -> None:
        await asyncio.sleep(kind.ramp * (number - 1) / kind.sessions)
        session = Session(
            kind, number, server=self._server, clock=self._clock, token=self._token,
            instance_header=self._profile.instance_header, write=self._sessions.add,
        )  # fmt: skip
        await session.run()

    async def _beat(self, stop: asyncio.Event) -> None:
        """Note how late this process wakes up, hand records to the system, and stop if the parent is gone."""
        flushed = due = self._clock.now()
        while True:
            due = max(due + _BEAT, self._clock.now())
            await asyncio.sleep(due - self._clock.now())
            now = self._clock.now()
            second = int(now - self._began)
            self._lag += [0.0] * (second + 1 - len(self._lag))
            self._lag[second] = round(max(self._lag[second], now - due), 4)
            if now - flushed >= _FLUSH:
                flushed = now
                self._requests.flush()
                self._sessions.flush()
                if os.getppid() != self._parent:
                    stop.set()

    def _close(self) -> None:
        self._requests.close()
        self._sessions.close()
        self._server.close()


async def _cancel(tasks: list[asyncio.Task[None]], within: float | None = None) -> None:
    """Cancel tasks and wait for their end. An error of one is raised."""
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=within)
    for task in tasks:
        if task.done() and not task.cancelled() and (error := task.exception()):
            raise error
