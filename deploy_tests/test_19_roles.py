"""Checks which pages a visitor, a viewer, an operator and an agent's account can open."""

from __future__ import annotations

import secrets
from collections.abc import Callable

import httpx
import pytest

from deploy_tests.support import liveview
from deploy_tests.support.application_facts import Facts
from deploy_tests.support.records import PREFIX
from deploy_tests.support.users import DOMAIN, ROLES, client, csrf
from rollout.site import postgres
from rollout.site.views import CheckedSite

pytestmark = [pytest.mark.phase("server"), pytest.mark.needs("accounts"), pytest.mark.timeout(120)]

Sessions = Callable[[str], httpx.Client]

SHOWN, SIGN_IN, FORBIDDEN = "shown", "sign in first", "forbidden"
# The checks gave the agent's account a password. XAVOS gives it none, and shows it no page for users.
EVERYBODY = {"nobody": SHOWN, "agent": SHOWN, "viewer": SHOWN, "operator": SHOWN}
PEOPLE = {"nobody": SIGN_IN, "agent": FORBIDDEN, "viewer": SHOWN, "operator": SHOWN}
OPERATORS = {"nobody": SIGN_IN, "agent": FORBIDDEN, "viewer": FORBIDDEN, "operator": SHOWN}
# Page → what each role sees. A page that is missing here fails a check.
PAGES = {
    "/": EVERYBODY,
    "/coordination": PEOPLE,
    "/intelligence": PEOPLE,
    "/admin": OPERATORS,
}
# Pages whose LiveView each role can join.
LIVE = [
    (path, role)
    for path in ("/", "/coordination", "/intelligence")
    for role in ("agent", "viewer", "operator")
    if PAGES[path][role] == SHOWN
]
# Pages that differ for signed-in users or change the session. Other checks cover them.
ELSEWHERE = ("/sign-in", "/register", "/reset", "/sign-out", "/auth", "/magic_link", "/password-reset", "/confirm")
# Not pages for users: development tools, APIs, files of Phoenix.
NOT_PAGES = ("/dev", "/api", "/live", "/phoenix", "/tidewave", "/health")


def _outcome(answer: httpx.Response) -> str:
    """What a response means: shown, sign in first, or forbidden."""
    if answer.status_code == 200:
        return SHOWN
    if answer.status_code in (302, 303):
        place = httpx.URL(answer.headers["location"]).path
        return SIGN_IN if place.startswith("/sign-in") else FORBIDDEN
    return FORBIDDEN if answer.status_code in (401, 403, 404) else str(answer.status_code)


def _pages(facts: Facts) -> set[str]:
    found = {route["path"] for route in facts["routes"] if route["verb"] in ("get", "*")}
    return {path for path in found if not path.startswith((*NOT_PAGES, *ELSEWHERE))}


@pytest.mark.parametrize("role", sorted(EVERYBODY))
@pytest.mark.parametrize("path", sorted(PAGES))
def test_page_access(path: str, role: str, sessions: Sessions, facts: Facts) -> None:
    if not any(each == path or each.startswith(f"{path}/") for each in _pages(facts)):
        pytest.skip(f"{path} is not routed in this deployment")
    assert _outcome(sessions(role).get(path)) == PAGES[path][role]


def test_every_page_has_an_access_rule(facts: Facts) -> None:
    undecided = {
        path for path in _pages(facts)
        if not any(path == known or (known != "/" and path.startswith(f"{known}/")) for known in PAGES)
    }  # fmt: skip
    assert undecided == set()


@pytest.mark.parametrize(("path", "role"), LIVE)
def test_its_liveview_can_be_joined(path: str, role: str, sessions: Sessions, facts: Facts) -> None:
    if path not in _pages(facts):
        pytest.skip(f"{path} is not routed in this deployment")
    assert liveview.join(sessions(role), path)["status"] == "ok"


@pytest.mark.parametrize("path", ["/sign-in", "/register"])
def test_signed_in_users_are_not_asked_to_sign_in(path: str, sessions: Sessions) -> None:
    assert sessions("nobody").get(path).status_code == 200
    answer = sessions("viewer").get(path)
    assert (answer.status_code, answer.headers.get("location")) == (302, "/")


def test_home_shows_agents_to_signed_in_users_only(sessions: Sessions, dev_database: postgres.Connection) -> None:
    """All signed-in users see an agent by name, agents' accounts included."""
    name = f"{PREFIX}seen-at-home"
    known = dev_database.execute(
        "INSERT INTO agents (id, agent_id, name) VALUES (gen_random_uuid(), %s, 'Seen at home') RETURNING id", (name,)
    ).fetchone()
    try:
        for role in ROLES:
            assert name in sessions(role).get("/").text, role
        assert name not in sessions("nobody").get("/").text
    finally:
        assert known is not None
        dev_database.execute("DELETE FROM agents WHERE id = %s", known)


def test_a_new_user_is_a_viewer(site: CheckedSite, dev_database: postgres.Connection) -> None:
    """The form has no role, and a role in the request is ignored or refused."""
    with client(site) as browser:
        assert 'name="user[role]"' not in browser.get("/register").text
    _register(site, f"newcomer@{DOMAIN}")
    _register(site, f"climber@{DOMAIN}", **{"user[role]": "operator"})
    role = "SELECT role FROM users WHERE email = %s"
    assert dev_database.execute(role, (f"newcomer@{DOMAIN}",)).fetchone() == ("viewer",)
    # The request is refused, or the role is ignored. Both are fine.
    assert dev_database.execute(role, (f"climber@{DOMAIN}",)).fetchone() in (None, ("viewer",))


def _register(site: CheckedSite, address: str, **more: str) -> None:
    password = secrets.token_urlsafe(18)
    site.run.redactor.add(password)
    with client(site) as browser:
        fields = {
            "_csrf_token": csrf(browser, "/register"), "user[email]": address,
            "user[password]": password, "user[password_confirmation]": password, **more,
        }  # fmt: skip
        browser.post("/auth/user/password/register", data=fields)


@pytest.mark.parametrize("role", sorted(OPERATORS))
@pytest.mark.parametrize("path", ["/dev/mailbox", "/dev/dashboard/home"])
def test_development_tools_are_for_operators(path: str, role: str, sessions: Sessions) -> None:
    """The mailbox has sign-in links, and a local request may have come through a proxy."""
    assert _outcome(sessions(role).get(path)) == OPERATORS[role]


def test_other_origins_cannot_open_our_sockets(site: CheckedSite) -> None:
    """Otherwise a page of another site could act as its visitor."""
    upgrade = {
        "connection": "Upgrade", "upgrade": "websocket", "sec-websocket-version": "13",
        "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
    }  # fmt: skip
    with client(site) as browser:
        ours = browser.get("/live/websocket?vsn=2.0.0", headers={**upgrade, "origin": site.base_url})
        theirs = browser.get("/live/websocket?vsn=2.0.0", headers={**upgrade, "origin": "https://elsewhere.example"})
        log = browser.get("/phoenix/live_reload/socket/websocket?vsn=2.0.0", headers=upgrade)
    assert (ours.status_code, theirs.status_code, log.status_code) == (101, 403, 404)
