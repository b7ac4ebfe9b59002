"""Runs a load in this process, beside the server that it asks."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from rollout.load.profile import Profile, RequestKind
from rollout.load.records import Clock, LoadResult, RequestRecord, read_generator, read_requests, read_sessions
from rollout.load.requests import Server, request
from rollout.load.schedule import Arrival
from rollout.load.worker import Worker

TOKEN = "test"


async def load(profile: Profile, url: str, meanwhile: Callable[[], Awaitable[object]]) -> LoadResult:
    """The records of a load that ends when `meanwhile` has ended."""
    with tempfile.TemporaryDirectory() as name:
        folder, stop = Path(name), asyncio.Event()
        worker = asyncio.create_task(Worker(profile, url=url, folder=folder, token=TOKEN).run(stop))
        try:
            await meanwhile()
        finally:
            stop.set()
            await worker
        report = read_generator(folder)
        assert report
        return LoadResult(requests=read_requests(folder), sessions=read_sessions(folder), marks=(), generator=report)


class Client:
    """Makes requests one by one."""

    def __init__(self, url: str, *, kept: int = 4) -> None:
        self.clock = Clock()
        self.server = Server(url, self.clock, kept=kept)
        self.numbers = 0

    async def ask(self, kind: RequestKind, *, is_fresh: bool = False) -> RequestRecord:
        """The record of one request that is due now."""
        self.numbers += 1
        arrival = Arrival(number=self.numbers, at=0.0, key=f"key-{self.numbers}", is_fresh=is_fresh)
        return await request(
            kind, arrival, intended=self.clock.now(), server=self.server, clock=self.clock,
            instance_header="x-rollout-instance",
        )  # fmt: skip


@contextlib.asynccontextmanager
async def client(url: str, *, kept: int = 4) -> AsyncIterator[Client]:
    """A client whose kept connections are closed at the end."""
    made = Client(url, kept=kept)
    try:
        yield made
    finally:
        made.server.close()
