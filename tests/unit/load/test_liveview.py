"""What LiveView's client reads from a page, and what it sends."""

from __future__ import annotations

import json

import pytest

from rollout.load import liveview
from rollout.load.liveview import Page
from rollout.load.profile import Form

# From a page of ash_authentication_phoenix 2.17 in development, where every element has its line.
SIGN_IN = """<form data-phx-loc="2551" phx-r action="/auth/user/password/sign_in" method="post"
 id="user-password-sign-in-with-password" phx-change="change" phx-submit="submit" phx-target="7">
<form data-phx-loc="2551" phx-r action="/auth/user/magic_link/request" id="user-magic-link" phx-submit="x">"""
PAGE = Page(token="t", topic="lv:phx-F", session="s", static="x")


def test_event_and_component_of_a_form_are_read_from_its_element() -> None:
    form = liveview.read_form(SIGN_IN, Form(id="user-password-sign-in-with-password", field="user[email]"))
    assert ("change", 7) == (form.event, form.component)


@pytest.mark.parametrize("missing", ["user-magic-link", "user-password", "other"])
def test_a_form_without_an_event_and_a_form_that_is_not_there_are_errors(missing: str) -> None:
    with pytest.raises(liveview.NotALiveView):
        liveview.read_form(SIGN_IN, Form(id=missing, field="user[email]"))


def test_a_form_event_is_what_the_client_sends() -> None:
    """Fields are URL-encoded, and the changed one is named in the meta data, as since LiveView 1.0.6."""
    form = Form(event="validate", field="item[title]", others=(("item[kind]", "a b"),), component=3)
    frame = json.loads(liveview.form_frame(PAGE, form, "new & odd", join_ref="1", ref="2").encode())
    assert ["1", "2", "lv:phx-F", "event"] == frame[:4]
    assert "item%5Bkind%5D=a+b&item%5Btitle%5D=new+%26+odd" == frame[4]["value"]
    assert ({"_target": "item[title]"}, 3, "form") == (frame[4]["meta"], frame[4]["cid"], frame[4]["type"])


@pytest.mark.parametrize("page", ["", '<div data-phx-main id="a" data-phx-session="" data-phx-static="">', SIGN_IN])
def test_a_page_without_a_token_or_a_view_is_no_live_view(page: str) -> None:
    with pytest.raises(liveview.NotALiveView, match="was not found in a page of"):
        liveview.read_page(page)


def test_the_address_of_a_socket_has_the_token_encoded() -> None:
    page = Page(token="a+b/c", topic="lv:x", session="", static="")
    assert "ws://h:1/live/websocket?_csrf_token=a%2Bb%2Fc&_mounts=2&vsn=2.0.0" == liveview.socket_address(
        "http://h:1", page, mounts=2
    )


@pytest.mark.parametrize("text", ["", "{}", "[1, 2]", '"x"'])
def test_a_frame_of_another_protocol_is_an_error(text: str) -> None:
    with pytest.raises(ValueError):
        liveview.decode(text)
