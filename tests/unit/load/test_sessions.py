"""LiveView sessions: what they record, against what the server knows that it did to them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from rollout.load import liveview
from rollout.load.profile import Form, LiveViewKind, Profile
from rollout.load.records import Clock, LoadResult, SessionEvent
from rollout.load.requests import Server
from rollout.load.sessions import Session
from rollout.results.load.sessions import outages, session_figures
from tests.unit.load.live_server import OK, LiveServer, live, query, refused, until
from tests.unit.load.loads import load

FORM = Form(event="validate", field="item[title]")
BOARD = LiveViewKind(name="board", path="/board", ramp=0)
WITH_FORM = LiveViewKind(name="board", path="/board", ramp=0, form=FORM)
Heard = list[SessionEvent]
Scene = Callable[[LiveServer, Heard], Awaitable[None]]


def events(kind: LiveViewKind, scene: Scene, **how: Any) -> tuple[Heard, LiveServer]:
    """The events of the sessions of a kind while the scene plays, and the server. The scene sees the events."""

    async def play() -> tuple[Heard, LiveServer]:
        heard: Heard = []
        async with live(**how) as server:
            clock = Clock()
            asked = Server(server.url, clock, kept=1)
            sessions = [
                Session(kind, number, server=asked, clock=clock, token="t", instance_header="x-rollout-instance",
                        write=heard.append)
                for number in range(1, kind.sessions + 1)
            ]  # fmt: skip
            tasks = [asyncio.create_task(session.run()) for session in sessions]
            await scene(server, heard)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            return heard, server

    return asyncio.run(play())


def names(found: Sequence[SessionEvent]) -> list[str]:
    return [event.event for event in found]


async def heard_of(heard: Heard, event: str, times: int = 1) -> None:
    """Wait until there are so many events of a name."""
    await until(lambda: names(heard).count(event) >= times)


async def only_join(server: LiveServer, heard: Heard) -> None:
    """A scene without an outage."""
    await heard_of(heard, "joined")


def test_a_session_joins_as_a_browser_does() -> None:
    """With the tokens and cookie of the page, an Origin, and the version of the protocol."""
    found, server = events(BOARD, only_join)
    assert ["joined", "left"] == names(found)
    assert "a1" == found[0].instance
    (join,) = server.joins
    assert (f"{server.url}/board", "signed&session", "static") == (join["url"], join["session"], join["static"])
    assert ["_app_key=page1"] == server.cookies
    assert [server.url] == server.origins
    asked = query(server.addresses[0])
    assert (["to+ken"], ["2.0.0"], ["0"]) == (asked["_csrf_token"], asked["vsn"], asked["_mounts"])


def test_the_cookie_of_a_user_is_sent_with_that_of_the_page() -> None:
    kind = LiveViewKind(name="board", ramp=0, headers=(("Cookie", "token=secret; _app_key=old"),))
    _, server = events(kind, only_join)
    assert ["token=secret; _app_key=page1"] == server.cookies


@pytest.mark.parametrize("way", ["drained", "cut"])
def test_a_lost_socket_is_rejoined_on_the_same_page_and_its_form_is_kept(way: str) -> None:
    async def scene(server: LiveServer, heard: Heard) -> None:
        await heard_of(heard, "joined")
        await server.drain() if way == "drained" else server.cut()
        await heard_of(heard, "rejoined")

    found, server = events(WITH_FORM, scene)
    assert ["joined", "lost", "rejoined", "left"] == names(found)
    why = "closed with code 1012" if way == "drained" else "the connection was cut without a close frame"
    assert why in found[1].why
    assert (1, 1) == (server.pages, len(set(server.forms)))
    assert [0, 1] == [join["params"]["_mounts"] for join in server.joins]
    (outage,) = outages(found)
    assert ("kept", False, False) == (outage.form, outage.reloaded, outage.is_broken)
    assert 0 < (outage.seconds or 0) < 30


def test_a_form_that_the_answer_does_not_show_is_lost() -> None:
    async def scene(server: LiveServer, heard: Heard) -> None:
        await heard_of(heard, "joined")
        server.shows_form = False
        await server.drain()
        await heard_of(heard, "rejoined")

    found, _ = events(WITH_FORM, scene)
    assert ["kept", "", "lost", ""] == [event.form for event in found]


@pytest.mark.parametrize(
    ("form", "component"),
    [
        (FORM, None),
        (Form(id="item", field="item[title]"), 7),
        (Form(event="validate", field="item[title]", component=2), 2),
    ],
)
def test_a_form_that_is_known_by_its_id_has_the_event_and_component_of_the_page(
    form: Form, component: int | None
) -> None:
    kind = LiveViewKind(name="board", ramp=0, form=form)
    found, server = events(kind, only_join)
    assert ("kept", [component]) == (found[0].form, server.components)


def test_a_form_that_the_page_does_not_have_keeps_the_session_from_joining() -> None:
    kind = LiveViewKind(name="board", ramp=0, form=Form(id="missing", field="item[title]"))
    found, _ = events(kind, lambda server, heard: heard_of(heard, "refused"))
    assert "was not found in a page" in found[0].why


def test_a_server_that_is_away_is_tried_again_with_backoff() -> None:
    """Each attempt is recorded, and the rejoin says how long it took since the loss."""

    async def scene(server: LiveServer, heard: Heard) -> None:
        await heard_of(heard, "joined")
        await server.stop()
        await asyncio.sleep(0.6)
        await server.listen()
        await heard_of(heard, "rejoined")

    found, _ = events(BOARD, scene)
    attempts = [event for event in found if event.event == "refused"]
    assert ["joined", "lost", *(["refused"] * len(attempts)), "rejoined", "left"] == names(found)
    assert 3 <= len(attempts) <= 6, "after 0.01, 0.06, 0.16, 0.31 and 0.51 s; later on a busy machine"
    rejoined = found[-2]
    assert len(attempts) == rejoined.attempts
    assert abs(rejoined.at - found[1].at - rejoined.seconds) < 0.01


def test_a_view_that_crashes_is_joined_again_on_the_same_socket() -> None:
    async def scene(server: LiveServer, heard: Heard) -> None:
        await heard_of(heard, "joined")
        await server.send("phx_error")
        await heard_of(heard, "rejoined")

    found, server = events(BOARD, scene)
    assert ["joined", "lost", "rejoined", "left"] == names(found)
    assert "the view crashed" == found[1].why
    assert 1 == len(server.addresses)


@pytest.mark.parametrize("reason", sorted(liveview.NEW_PAGE_REASONS))
def test_a_session_token_that_is_refused_loads_the_page_again_and_loses_the_form(reason: str) -> None:
    """As after a change of SECRET_KEY_BASE."""

    async def scene(server: LiveServer, heard: Heard) -> None:
        await heard_of(heard, "joined")
        await server.drain()
        await heard_of(heard, "rejoined")

    found, server = events(WITH_FORM, scene, reply=lambda number: refused(reason=reason) if number == 2 else OK)
    assert ["joined", "lost", "refused", "rejoined", "left"] == names(found)
    assert ("lost", True) == (found[3].form, found[3].reloaded)
    assert 2 == server.pages


def test_another_refusal_of_a_join_reloads_later() -> None:
    """The client waits 5 to 10 s. The load ends before that, so the session is not known to be broken."""

    async def scene(server: LiveServer, heard: Heard) -> None:
        await heard_of(heard, "joined")
        await server.drain()
        await heard_of(heard, "refused")

    found, server = events(BOARD, scene, reply=lambda number: refused(reason="oops") if number == 2 else OK)
    assert ["joined", "lost", "refused", "left"] == names(found)
    assert ("broken", 1) == (found[-1].why, server.pages)
    (outage,) = outages(found)
    assert (None, False) == (outage.seconds, outage.is_broken)


@pytest.mark.parametrize("way", ["redirected", "closed normally", "view closed"])
def test_a_browser_that_would_not_try_again_gives_up(way: str) -> None:
    async def scene(server: LiveServer, heard: Heard) -> None:
        await heard_of(heard, "joined")
        await (server.send("phx_close") if way == "view closed" else server.drain(1000 if "normal" in way else 1012))
        await heard_of(heard, "gave_up")

    redirect = {"redirect": {"to": "/sign-in"}}
    found, server = events(BOARD, scene, reply=lambda number: refused(**redirect) if number == 2 else OK)
    assert ["gave_up", "left"] == names(found)[-2:]
    assert ("broken", 1) == (found[-1].why, server.pages)


def test_a_heartbeat_without_an_answer_is_a_lost_socket() -> None:
    """The connection looks open: nothing else shows that the server is gone."""
    kind = LiveViewKind(name="board", ramp=0, heartbeat=0.2)

    async def scene(server: LiveServer, heard: Heard) -> None:
        await until(lambda: server.heartbeats >= 2)
        server.answers_heartbeats = False
        await heard_of(heard, "rejoined")

    found, _ = events(kind, scene)
    assert ["joined", "lost", "rejoined"] == names(found)[:3]
    assert "no answer to the heartbeat" == found[1].why


@pytest.mark.parametrize(("status", "why"), [(503, "the page answered 503"), (302, "the page answered 302")])
def test_a_page_that_is_not_answered_never_joins(status: int, why: str) -> None:
    found, _ = events(BOARD, lambda server, heard: heard_of(heard, "refused"), page_status=status)
    assert ["refused", "left"] == names(found)
    assert why == found[0].why
    figures = session_figures(found, tuple(outages(found)))
    assert (1, 1, 1) == (figures.sessions, figures.never_joined, figures.broken)


def test_many_sessions_are_each_counted_once() -> None:
    """Ten sessions, drained twice."""

    async def scene(server: LiveServer, heard: Heard) -> None:
        await heard_of(heard, "joined", 10)
        await server.drain()
        await heard_of(heard, "rejoined", 10)
        await server.drain()
        await heard_of(heard, "rejoined", 20)

    found, server = events(LiveViewKind(name="board", sessions=10, form=FORM), scene)
    figures = session_figures(found, tuple(outages(found)))
    assert (10, 20, 20, 0) == (figures.sessions, figures.lost, figures.rejoined, figures.broken)
    assert (20, 0, 0) == (figures.forms_kept, figures.forms_lost, figures.never_joined)
    assert {3} == set(Counter(server.forms).values())


def test_a_load_keeps_sessions_beside_its_requests() -> None:
    """Their events are in a file of their own."""
    profile = Profile(sessions=(LiveViewKind(name="board", sessions=3, ramp=0.1),))

    async def scene() -> tuple[LoadResult, LiveServer]:
        async with live() as server:
            return await load(profile, server.url, lambda: until(lambda: len(server.joins) == 3)), server

    result, _ = asyncio.run(scene())
    assert {1, 2, 3} == {event.session for event in result.sessions}
    assert 3 == names(result.sessions).count("left")
    assert result.is_whole
