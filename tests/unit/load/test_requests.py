"""One request: what its record says, against what the server knows that it did."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable

import pytest

from rollout.load.profile import RequestKind
from rollout.load.records import ERRORS
from rollout.load.wire import Wire
from tests.unit.load.faulty_server import (
    CLOSE,
    GARBAGE,
    HALF_BODY,
    HALF_HEAD,
    OK,
    RESET,
    RESET_BODY,
    SILENCE,
    Act,
    FaultyServer,
    Served,
    faulty,
)
from tests.unit.load.loads import client

PAGE = RequestKind(name="page", rate=1, path="/page", deadline=20)


@pytest.mark.parametrize(
    ("act", "error", "has_bytes"),
    [
        (RESET, "reset_before_bytes", False), (CLOSE, "reset_before_bytes", False), (HALF_HEAD, "reset_midway", True),
        (HALF_BODY, "short_body", True), (RESET_BODY, "reset_midway", True), (GARBAGE, "malformed", True),
    ],
    ids=lambda value: getattr(value, "name", ""),
)  # fmt: skip
@pytest.mark.parametrize("is_fresh", [True, False])
def test_each_way_to_lose_a_request_has_its_name(act: Act, error: str, has_bytes: bool, is_fresh: bool) -> None:
    """The server saw the request once: it is not repeated."""

    async def scene() -> None:
        async with faulty(lambda served: act) as server, client(server.url) as asking:
            found = await asking.ask(PAGE, is_fresh=is_fresh)
            assert (None, error, "lost") == (found.status, found.error, found.outcome)
            assert (has_bytes, has_bytes) == (found.first_byte is not None, found.bytes > 0)
            assert found.sent is not None
            assert [act.name] == [served.act for served in server.served]

    asyncio.run(scene())


def test_a_silent_server_times_out_after_the_deadline() -> None:
    async def scene() -> None:
        async with faulty(lambda served: SILENCE) as server, client(server.url) as asking:
            kind = RequestKind(name="page", rate=1, deadline=0.3)
            found = await asking.ask(kind)
            assert ("timeout", None) == (found.error, found.first_byte)
            assert found.latency >= 0.3

    asyncio.run(scene())


def test_a_refused_connection_has_sent_nothing() -> None:
    async def scene() -> None:
        async with faulty() as server, client(server.url) as asking:
            await server.refuse()
            found = await asking.ask(PAGE)
            assert ("refused", None, False) == (found.error, found.sent, found.reused)
            assert [] == server.served

    asyncio.run(scene())


def test_a_generator_without_free_descriptors_says_that_it_is_its_own_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    async def no_file(*_: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(Wire, "open", no_file)

    async def scene() -> None:
        async with client("http://127.0.0.1:9") as asking:
            assert "own_limit" == (await asking.ask(PAGE)).error

    asyncio.run(scene())


@pytest.mark.parametrize(("status", "outcome"), [(200, "ok"), (302, "failed"), (500, "failed"), (503, "failed")])
def test_a_whole_answer_has_its_status_and_instance(status: int, outcome: str) -> None:
    """What is not expected has failed, but is not lost."""
    act = Act(status=status, instance="b2", body=b"x" * 1000)

    async def scene() -> None:
        async with faulty(lambda served: act) as server, client(server.url) as asking:
            found = await asking.ask(PAGE)
            assert (status, None, outcome, "b2") == (found.status, found.error, found.outcome, found.instance)
            assert 1000 < found.bytes < 1200
            times = (found.intended, found.started, found.sent, found.first_byte, found.end)
            assert list(times) == sorted(times, key=lambda at: at or 0)

    asyncio.run(scene())


def test_a_connection_is_kept_and_a_fresh_one_is_not() -> None:
    """The first opens one, the second uses it, the third has its own, the fourth uses the kept one again."""

    async def scene() -> None:
        async with faulty() as server, client(server.url) as asking:
            found = [await asking.ask(PAGE, is_fresh=is_fresh) for is_fresh in (False, False, True, False)]
            assert [False, True, False, True] == [record.reused for record in found]
            assert [1, 1, 2, 1] == [served.connection for served in server.served]

    asyncio.run(scene())


def _url(listener: asyncio.Server) -> str:
    return f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


def test_a_kept_connection_that_was_closed_while_idle_is_opened_again() -> None:
    """Nothing had been sent on it, so nothing is repeated. The record says so."""

    async def scene() -> None:
        async with faulty() as server, client(server.url) as asking:
            server.idle_seconds = 0.05
            first = await asking.ask(PAGE)
            await _until(lambda: not server._tasks)
            second = await asking.ask(PAGE)
            assert [("ok", False, False), ("ok", False, True)] == [
                (record.outcome, record.reused, record.reopened) for record in (first, second)
            ]
            assert [1, 2] == [served.connection for served in server.served]

    asyncio.run(scene())


def test_a_request_that_a_kept_connection_swallows_is_lost_and_not_repeated() -> None:
    def script(served: Served) -> Act:
        return OK if served.place == 1 else RESET

    async def scene() -> None:
        async with faulty(script) as server, client(server.url) as asking:
            found = [await asking.ask(PAGE) for _ in range(2)]
            assert [("ok", False), ("lost", True)] == [(record.outcome, record.reused) for record in found]
            assert ["ok", "reset_before_bytes"] == [served.act for served in server.served]

    asyncio.run(scene())


def test_stray_bytes_on_an_idle_connection_make_it_useless() -> None:
    async def scene() -> None:
        async def twice(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
            try:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(answer)
                await asyncio.sleep(0.05)
                writer.write(answer)
                await reader.read()
            finally:
                writer.transport.abort()

        listener = await asyncio.start_server(twice, "127.0.0.1", 0)
        async with listener, client(_url(listener)) as asking:
            await asking.ask(PAGE)
            kept = asking.server._idle[-1]
            await _until(lambda: not kept.is_usable)
            found = await asking.ask(PAGE)
            assert ("ok", False, True) == (found.outcome, found.reused, found.reopened)

    asyncio.run(scene())


def test_a_write_carries_its_key_in_header_path_and_body() -> None:
    kind = RequestKind(
        name="item", rate=1, method="POST", path="/items/{key}", body='{"id": "{key}", "text": "{padding}"}',
        padding=10,
        content_type="application/json", idempotency_header="Idempotency-Key", headers=(("X-Trace", "t-{key}"),),
    )  # fmt: skip

    async def scene() -> FaultyServer:
        async with faulty() as server, client(server.url) as asking:
            assert "ok" == (await asking.ask(kind)).outcome
            return server

    (served,) = asyncio.run(scene()).served
    assert ("POST", "/items/key-1", "key-1") == (served.method, served.target, served.key)
    assert b'{"id": "key-1", "text": "xxxxxxxxxx"}' == served.body


def test_a_slow_upload_is_sent_in_pieces_and_arrives_whole() -> None:
    kind = RequestKind(name="upload", rate=1, method="PUT", body="{padding}", padding=300_000, send_seconds=0.4)

    async def scene() -> None:
        async with faulty() as server, client(server.url) as asking:
            found = await asking.ask(kind)
            assert "ok" == found.outcome
            assert found.latency >= 0.4
            assert [300_000] == [len(served.body) for served in server.served]

    asyncio.run(scene())


def test_an_answer_before_the_end_of_an_upload_counts_and_the_connection_is_not_used_again() -> None:
    kind = RequestKind(
        name="upload", rate=1, method="PUT", body="{padding}", padding=100_000, send_seconds=5, expect=(413,)
    )

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too large\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()
        await writer.drain()
        writer.transport.abort()

    async def scene() -> None:
        async with await asyncio.start_server(refuse, "127.0.0.1", 0) as listener, client(_url(listener)) as asking:
            found = await asking.ask(kind)
            assert (413, "ok") == (found.status, found.outcome)
            assert not asking.server._idle

    asyncio.run(scene())


def test_no_more_connections_are_kept_than_the_profile_says() -> None:
    async def scene() -> None:
        async with faulty(lambda served: Act(delay=0.1)) as server, client(server.url, kept=2) as asking:
            await asyncio.gather(*(asking.ask(PAGE) for _ in range(5)))
            assert 5 == server.connections
            assert 2 == len(asking.server._idle)

    asyncio.run(scene())


def test_every_error_has_words() -> None:
    assert all(words and not words.endswith(".") for words in ERRORS.values())
