"""A whole load on a server with faults: every number compared with what the server knows that it did."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest

from rollout.load.profile import Profile, RequestKind
from rollout.load.records import LoadResult
from rollout.load.schedule import arrivals
from rollout.results.load import summarise
from tests.unit.load.faulty_server import (
    CLOSE,
    GARBAGE,
    HALF_BODY,
    HALF_HEAD,
    OK,
    RESET,
    Act,
    FaultyServer,
    Served,
    faulty,
)
from tests.unit.load.loads import TOKEN, load

PAGE = RequestKind(name="page", rate=100, deadline=20)


def during(
    profile: Profile,
    meanwhile: Callable[[FaultyServer], Awaitable[object]],
    script: Callable[[Served], Act] = lambda _: OK,
) -> tuple[LoadResult, FaultyServer]:
    """A load that lasts as long as `meanwhile`, and the server that it asked."""

    async def scene() -> tuple[LoadResult, FaultyServer]:
        async with faulty(script) as server:
            return await load(profile, server.url, lambda: meanwhile(server)), server

    return asyncio.run(scene())


def served(count: int) -> Callable[[FaultyServer], Awaitable[None]]:
    """Wait until the server has seen so many requests."""

    async def wait(server: FaultyServer) -> None:
        async with asyncio.timeout(30):
            while len(server.served) < count:
                await asyncio.sleep(0.02)

    return wait


def test_every_fault_of_the_server_is_one_record() -> None:
    """Of 150 requests, every third one has a fault."""
    faults = itertools.cycle([RESET, CLOSE, HALF_HEAD, HALF_BODY, GARBAGE, Act(name="500", status=500, instance="b1")])

    def script(served: Served) -> Act:
        return next(faults) if served.number % 3 == 0 else OK

    result, server = during(Profile(requests=(PAGE,)), served(150), script)
    acts = server.counts()
    assert result.is_whole
    assert len(server.served) == len(result.requests)
    found = Counter(record.error or str(record.status) for record in result.requests)
    expected = {
        "200": acts["ok"], "500": acts["500"], "reset_midway": acts["half_head"],
        "reset_before_bytes": acts["reset_before_bytes"] + acts["close_before_bytes"],
        "short_body": acts["half_body"], "malformed": acts["garbage"],
    }  # fmt: skip
    assert expected == found
    summary = summarise(result, name="faults")
    totals = summary.totals
    assert (acts["ok"], acts["500"]) == (totals.ok, totals.failed)
    assert totals.requests - totals.ok - totals.failed == totals.lost == sum(acts.values()) - acts["ok"] - acts["500"]
    lost: Counter[str] = Counter()
    for reason, count in summary.errors.items():
        lost[reason.partition(" ")[0]] += count
    assert {key: count for key, count in expected.items() if key != "200"} == lost
    assert acts["500"] == summary.errors["500 from b1"]
    assert acts["half_body"] == summary.errors["short_body from a1"]
    assert {"a1": acts["ok"]} == summary.answered
    on_reused = {each.number for each in server.served if each.place > 1 and each.act not in {"ok", "500"}}
    assert len(on_reused) == totals.lost_on_reused


def test_arrivals_do_not_wait_for_a_server_that_pauses() -> None:
    """A closed-loop client would make one slow request and hide the rest: coordinated omission."""
    pauses: list[tuple[float, float]] = []

    async def meanwhile(server: FaultyServer) -> None:
        await served(20)(server)
        pauses.append(await server.pause(3))
        await served(len(server.served) + 20)(server)

    result, server = during(Profile(requests=(PAGE,)), meanwhile)
    ((began, ended),) = pauses
    start = result.generator.began
    due = itertools.takewhile(lambda one: start + one.at < ended, arrivals(PAGE, seed=1, token=TOKEN))
    inside = {arrival.key: start + arrival.at for arrival in due if start + arrival.at > began}
    assert len(inside) > 200
    latencies = {record.key: record.latency for record in result.requests}
    for key, at in inside.items():
        assert latencies[key] >= ended - at - 0.001, "it counts from the intended start, to beyond the pause"
    summary = summarise(result, name="pause")
    assert summary.totals.requests == summary.totals.ok == len(server.served)
    assert summary.totals.gap >= 2.9
    assert (summary.totals.longest or 0) >= 2.9
    assert sum(summary.series.sent) == len(server.served)


def test_connections_that_are_refused_for_a_while_are_lost_requests() -> None:
    """All connections are fresh, so that each request in that time needs one."""
    kind = RequestKind(name="page", rate=100, fresh=1)

    async def meanwhile(server: FaultyServer) -> None:
        await served(20)(server)
        await server.refuse()
        await asyncio.sleep(0.4)
        await server.listen()
        await served(len(server.served) + 20)(server)

    result, server = during(Profile(requests=(kind,)), meanwhile)
    found = Counter(record.error for record in result.requests)
    assert {None, "refused"} == found.keys()
    assert found[None] == len(server.served)
    assert found["refused"] > 10
    assert not any(record.sent for record in result.requests if record.error)


def test_a_server_that_closes_idle_connections_loses_nothing() -> None:
    """Each one is opened again before anything is sent. One request at a time is never in that race."""
    kind = RequestKind(name="page", rate=5, fresh=0)

    async def meanwhile(server: FaultyServer) -> None:
        server.idle_seconds = 0.02
        await served(8)(server)

    result, server = during(Profile(requests=(kind,)), meanwhile)
    answered = [record for record in result.requests if record.outcome == "ok"]
    assert len(answered) == len(server.served)
    assert server.connections == sum(not record.reused for record in result.requests)
    assert any(record.reopened for record in result.requests)


def test_what_is_in_flight_at_the_end_is_finished_and_nothing_new_begins() -> None:
    """A request that takes 1 s is on its way when the load ends."""
    slow = RequestKind(name="slow", rate=50, deadline=20)
    result, server = during(Profile(requests=(slow,)), served(10), lambda _: Act(delay=1.0))
    assert {"ok"} == {record.outcome for record in result.requests}
    assert len(server.served) == len(result.requests)
    assert max(record.end for record in result.requests) > result.generator.ended
    assert max(record.intended for record in result.requests) <= result.generator.ended


def test_what_was_due_before_the_end_is_sent_even_if_the_generator_is_behind() -> None:
    """It sleeps for half a second at the end, in which 50 requests are due."""

    async def behind(server: FaultyServer) -> None:
        await served(10)(server)
        time.sleep(0.5)

    result, server = during(Profile(requests=(PAGE,)), behind)
    end = result.generator.ended - result.generator.began
    due = [one.key for one in itertools.takewhile(lambda one: one.at <= end, arrivals(PAGE, seed=1, token=TOKEN))]
    assert sorted(due) == sorted(record.key for record in result.requests)
    assert len(due) == len(server.served)


def test_requests_have_the_keys_of_the_schedule_and_each_arrives_once() -> None:
    kind = RequestKind(name="write", rate=100, method="POST", body="{key}", idempotency_header="idempotency-key")
    result, server = during(Profile(requests=(kind,), seed=7), served(40))
    due = itertools.islice(arrivals(kind, seed=7, token=TOKEN), len(result.requests))
    assert sorted(arrival.key for arrival in due) == sorted(each.key for each in server.served)
    assert {record.key for record in result.requests} == {each.body.decode() for each in server.served}


def test_a_generator_that_is_busy_says_that_it_was_late() -> None:
    """The loop does not turn for half a second. Its latencies are not those of the server."""

    async def busy(server: FaultyServer) -> None:
        await served(10)(server)
        time.sleep(0.5)
        await served(len(server.served) + 10)(server)

    result, _ = during(Profile(requests=(PAGE,)), busy)
    summary = summarise(result, name="busy")
    assert summary.lag.asleep >= 0.4
    assert (summary.lag.longest or 0) >= 0.3
    assert summary.is_too_slow


@pytest.mark.parametrize("seed", [1, 2])
def test_two_kinds_arrive_at_times_of_their_own(seed: int) -> None:
    kinds = [RequestKind(name=name, rate=50) for name in ("one", "two")]
    times = [[arrival.at for arrival in itertools.islice(arrivals(kind, seed=seed, token=""), 200)] for kind in kinds]
    again = [arrival.at for arrival in itertools.islice(arrivals(kinds[0], seed=seed, token="other"), 200)]
    assert times[0] == again
    assert not set(times[0]) & set(times[1])
    assert all(at == sorted(at) for at in times)


def test_arrivals_have_the_rate_and_the_share_of_fresh_connections_that_the_kind_says() -> None:
    """Bounds of five standard deviations of the sum of 20,000 exponential gaps, and of as many draws."""
    found = list(itertools.islice(arrivals(RequestKind(name="page", rate=40, fresh=0.25), seed=3, token=""), 20_000))
    assert abs(found[-1].at - 500) < 5 * 20_000**0.5 / 40
    assert abs(sum(arrival.is_fresh for arrival in found) - 5_000) < 5 * (20_000 * 0.25 * 0.75) ** 0.5
    assert 20_000 == len({arrival.key for arrival in found})
