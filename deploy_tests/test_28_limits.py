"""Checks of the sign-in limit. They run late, because they block sign-in from this address for a while.

XAVOS counts by minutes of the clock (Hammer's fixed window). So what has to fit into one minute begins with one, and
what must exceed a limit tries more than twice as often as it allows, in less than a minute.
"""

from __future__ import annotations

import time

import httpx
import pytest

from deploy_tests.support.users import Users, client, csrf, sign_in
from rollout.site.views import CheckedSite

pytestmark = [pytest.mark.phase("server"), pytest.mark.needs("accounts"), pytest.mark.timeout(240)]

MINUTE = 60.0
ENOUGH = 30.0  # seconds of a minute in which twelve passwords are tried, one second each
TRIES = 125  # the limit is 60 a minute from one machine
NO_TOKEN = "eyJhbGciOiJIUzI1NiJ9.e30.x"  # noqa: S105 - made up; costs no hashing, so many fit into a minute


def _left_of_this_minute() -> float:
    return MINUTE - time.time() % MINUTE


def _with_enough_time() -> None:
    """Wait for the next minute if this one ends soon."""
    if (left := _left_of_this_minute()) < ENOUGH:
        time.sleep(left)


def test_sign_in_attempts_are_limited(site: CheckedSite, users: Users) -> None:
    """After some attempts the right password is refused too, with the same words."""
    user = users.agent
    _with_enough_time()
    with client(site) as browser:
        answers = [sign_in(browser, user.email, f"guess number {number}") for number in range(11)]
        right = sign_in(browser, user.email, user.password)
        assert right.status_code == answers[0].status_code
        assert right.headers.get("location") == answers[0].headers.get("location")
        assert user.email not in browser.get("/").text


def test_the_limit_says_when_to_try_again_and_ends_then(site: CheckedSite, users: Users) -> None:
    """After that time sign-in works again, so the deployment is not left locked."""
    with client(site) as browser:
        answer = _tried_too_often(browser, csrf(browser))
        wait = int(answer.headers["retry-after"])
        assert 0 < wait <= MINUTE
        assert browser.get("/").status_code == 200
        time.sleep(wait + 1)
        again = sign_in(browser, users.viewer.email, users.viewer.password)
        assert "/sign-in" not in again.headers.get("location", "/sign-in")


def _tried_too_often(browser: httpx.Client, token: str) -> httpx.Response:
    fields = {"_csrf_token": token, "token": NO_TOKEN}
    answers = (browser.post("/auth/user/magic_link", data=fields) for _ in range(TRIES))
    answer = next((answer for answer in answers if answer.status_code == 429), None)
    assert answer is not None, f"{TRIES} tries were let through"
    return answer
