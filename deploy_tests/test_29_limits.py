"""Last of all, because nobody signs in from here for a minute afterwards: how often somebody may try."""

from __future__ import annotations

import pytest

from deploy_tests.people import DOMAIN, People, client, sign_in
from rollout.site.site import Site

pytestmark = [pytest.mark.phase("server"), pytest.mark.needs("accounts"), pytest.mark.timeout(180)]

TRIES = 100


def test_a_password_cannot_be_guessed_for_long(site: Site, people: People) -> None:
    """After some tries even the right one is refused, and not in other words than a wrong one."""
    person = people.agent
    with client(site) as browser:
        answers = [sign_in(browser, person.email, f"guess number {number}") for number in range(11)]
        right = sign_in(browser, person.email, person.password)
        assert right.status_code == answers[0].status_code
        assert right.headers.get("location") == answers[0].headers.get("location")
        assert person.email not in browser.get("/").text


def test_whoever_tries_too_often_is_told_when_to_come_back(site: Site) -> None:
    with client(site) as browser:
        answers = (sign_in(browser, f"nobody-{number}@{DOMAIN}", "a guess") for number in range(TRIES))
        answer = next((answer for answer in answers if answer.status_code == 429), None)
        assert answer is not None, f"{TRIES} tries were let through"
        assert 0 < int(answer.headers["retry-after"]) <= 60
        assert browser.get("/").status_code == 200
