"""Last of all, because nobody signs in from here meanwhile: how often somebody may try.

XAVOS counts by minutes of the clock (Hammer's fixed window). So what has to fit into one minute begins with one, and
what must exceed a limit tries more than twice as often as it allows, in less than a minute.
"""

from __future__ import annotations

import time

import httpx
import pytest

from deploy_tests.support.users import People, client, csrf, sign_in
from rollout.site.site import Site

pytestmark = [pytest.mark.phase("server"), pytest.mark.needs("accounts"), pytest.mark.timeout(240)]

MINUTE = 60.0
ENOUGH = 30.0  # seconds of a minute in which a dozen passwords are tried, at a second each
TRIES = 125  # the limit is 60 a minute from one machine
NO_TOKEN = "eyJhbGciOiJIUzI1NiJ9.e30.x"  # noqa: S105 - made up; costs no hashing, so many fit into a minute


def _left_of_this_minute() -> float:
    return MINUTE - time.time() % MINUTE


def _with_enough_time() -> None:
    """Wait for the next minute where little is left of this one."""
    if (left := _left_of_this_minute()) < ENOUGH:
        time.sleep(left)


def test_a_password_cannot_be_guessed_for_long(site: Site, people: People) -> None:
    """After some tries even the right one is refused, and not in other words than a wrong one."""
    person = people.agent
    _with_enough_time()
    with client(site) as browser:
        answers = [sign_in(browser, person.email, f"guess number {number}") for number in range(11)]
        right = sign_in(browser, person.email, person.password)
        assert right.status_code == answers[0].status_code
        assert right.headers.get("location") == answers[0].headers.get("location")
        assert person.email not in browser.get("/").text


def test_whoever_tries_too_often_is_told_when_to_come_back(site: Site, people: People) -> None:
    """And is let in when that time has come: nobody who looks at what was deployed finds it locked."""
    with client(site) as browser:
        answer = _tried_too_often(browser, csrf(browser))
        wait = int(answer.headers["retry-after"])
        assert 0 < wait <= MINUTE
        assert browser.get("/").status_code == 200
        time.sleep(wait + 1)
        again = sign_in(browser, people.viewer.email, people.viewer.password)
        assert "/sign-in" not in again.headers.get("location", "/sign-in")


def _tried_too_often(browser: httpx.Client, token: str) -> httpx.Response:
    fields = {"_csrf_token": token, "token": NO_TOKEN}
    answers = (browser.post("/auth/user/magic_link", data=fields) for _ in range(TRIES))
    answer = next((answer for answer in answers if answer.status_code == 429), None)
    assert answer is not None, f"{TRIES} tries were let through"
    return answer
