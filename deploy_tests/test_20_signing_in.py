"""Checks every way to sign in, the session and the security headers."""

from __future__ import annotations

import html
import re
import time
from collections.abc import Callable, Iterator

import httpx
import pytest

from deploy_tests.support.commands import Ask
from deploy_tests.support.users import DOMAIN, Users, client, csrf, sign_in
from rollout.site import postgres
from rollout.site.views import CheckedSite

pytestmark = [pytest.mark.phase("server"), pytest.mark.needs("accounts"), pytest.mark.timeout(180)]

Sessions = Callable[[str], httpx.Client]
AGENTS = "/api/json/agents"


@pytest.fixture
def fresh(site: CheckedSite) -> Iterator[httpx.Client]:
    """A browser without cookies."""
    with client(site) as browser:
        yield browser


def _mails_to(address: str, operator: httpx.Client) -> list[str]:
    """The texts of mails to `address`, the latest first, from the operator's mailbox."""
    mails = operator.get("/dev/mailbox/json").json()["data"]
    return [html.unescape(str(mail["text_body"])) for mail in mails if address in str(mail["to"])]


def _mail_to(address: str, operator: httpx.Client) -> str:
    """Wait for a mail to `address` and return the text of the latest."""
    until = time.monotonic() + 15
    while time.monotonic() < until:
        if mails := _mails_to(address, operator):
            return mails[0]
        time.sleep(0.2)
    raise AssertionError(f"no mail to {address} within 15 s")


def _ask_for_link(browser: httpx.Client, address: str) -> httpx.Response:
    fields = {"_csrf_token": csrf(browser), "user[email]": address}
    return browser.post("/auth/user/magic_link/request", data=fields)


def _follow(browser: httpx.Client, link: str) -> httpx.Response:
    """Open the link and confirm on its page."""
    url = httpx.URL(link)
    shown = browser.get(url.raw_path.decode())
    assert shown.status_code == 200, shown.text[:300]
    found = re.search(r'name="csrf-token" content="([^"]+)"', shown.text)
    assert found
    return browser.post("/auth/user/magic_link", data={"_csrf_token": found.group(1), "token": url.params["token"]})


@pytest.fixture(scope="module")
def link_for(site: CheckedSite, sessions: Sessions, known_secrets: dict[str, str]) -> Callable[[str], str]:
    """Request a magic link for `address` and return it from the mail. Its token is treated as a secret."""

    def of(address: str) -> str:
        with client(site) as browser:
            answer = _ask_for_link(browser, address)
        assert answer.status_code in (200, 302), answer.text[:300]
        found = re.search(r"https?://\S+token=\S+", _mail_to(address, sessions("operator")))
        assert found, "the mail has no link"
        known_secrets[f"the token of a link {len(known_secrets)}"] = token = httpx.URL(found.group(0)).params["token"]
        site.run.redactor.add(token)
        return found.group(0)

    return of


def test_operators_and_viewers_sign_in_by_password(sessions: Sessions, users: Users) -> None:
    for role in ("operator", "viewer"):
        assert users.of(role).email in sessions(role).get("/").text


def test_a_magic_link_works_once(
    fresh: httpx.Client, link_for: Callable[[str], str], users: Users, site: CheckedSite
) -> None:
    link = link_for(users.viewer.email)
    answer = _follow(fresh, link)
    assert answer.status_code in (302, 303), answer.text[:300]
    assert users.viewer.email in fresh.get("/").text
    with client(site) as another:
        _follow(another, link)
        assert users.viewer.email not in another.get("/").text


def test_opening_a_magic_link_does_not_sign_in(
    fresh: httpx.Client, link_for: Callable[[str], str], users: Users
) -> None:
    """Mail scanners open every link."""
    assert fresh.get(httpx.URL(link_for(users.operator.email)).raw_path.decode()).status_code == 200
    assert users.operator.email not in fresh.get("/").text


def test_magic_link_requests_do_not_reveal_accounts(fresh: httpx.Client, users: Users) -> None:
    """Known and unknown addresses get the same response."""
    known, unknown = _ask_for_link(fresh, users.viewer.email), _ask_for_link(fresh, f"nobody-at-all@{DOMAIN}")
    assert (known.status_code, known.headers.get("location")) == (unknown.status_code, unknown.headers.get("location"))


def test_agent_accounts_get_no_magic_link(fresh: httpx.Client, sessions: Sessions, users: Users) -> None:
    """The response is the same as for a user, but no mail is sent. A later mail to a user has arrived."""
    agent, later = _ask_for_link(fresh, users.agent.email), _ask_for_link(fresh, users.viewer.email)
    assert (agent.status_code, agent.headers.get("location")) == (later.status_code, later.headers.get("location"))
    assert _mail_to(users.viewer.email, sessions("operator"))
    count = len(_mails_to(users.agent.email, sessions("operator")))
    assert count == 0


def test_a_forged_magic_link_is_refused(fresh: httpx.Client) -> None:
    token = "eyJhbGciOiJIUzI1NiJ9.e30.x"  # noqa: S105 - made up
    answer = fresh.post("/auth/user/magic_link", data={"_csrf_token": csrf(fresh), "token": token})
    assert answer.status_code != 500
    assert fresh.get("/coordination").status_code in (302, 303, 404)


def test_a_session_cannot_be_reused_after_sign_out(fresh: httpx.Client, users: Users) -> None:
    """The old cookies are refused."""
    sign_in(fresh, users.viewer.email, users.viewer.password)
    assert users.viewer.email in fresh.get("/").text
    kept = dict(fresh.cookies)
    fresh.get("/sign-out")
    if users.viewer.email in fresh.get("/").text:
        fresh.request("DELETE", "/sign-out", headers={"x-csrf-token": csrf(fresh, "/")})
    assert users.viewer.email not in fresh.get("/").text
    fresh.cookies.clear()
    fresh.cookies.update(kept)
    assert users.viewer.email not in fresh.get("/").text


@pytest.mark.needs("extras")
def test_an_api_key_is_accepted(site: CheckedSite, users: Users) -> None:
    with client(site, key=users.agent.key, json_api=True) as program:
        assert program.get(AGENTS).status_code == 200


@pytest.mark.needs("extras")
@pytest.mark.parametrize("key", ["", "xavos_nonsense", "xavos_" + "A" * 48])
def test_an_invalid_api_key_is_refused(key: str, site: CheckedSite) -> None:
    with client(site, key=key or None, json_api=True) as program:
        answer = program.get(AGENTS)
    assert answer.status_code in (401, 403), answer.text[:300]


@pytest.mark.needs("extras")
def test_a_revoked_api_key_is_refused(ask: Ask, site: CheckedSite, users: Users) -> None:
    with client(site, key=users.viewer.spare, json_api=True) as program:
        assert program.get(AGENTS).status_code == 200
        revoked = ask("mix", "xavos.api_key", "--revoke", users.viewer.spare_id, label="revoke an API key")
        assert revoked.ok, revoked.tail
        assert program.get(AGENTS).status_code == 401


@pytest.mark.needs("extras")
def test_an_expired_api_key_is_refused(site: CheckedSite, users: Users, dev_database: postgres.Connection) -> None:
    with client(site, key=users.agent.spare, json_api=True) as program:
        assert program.get(AGENTS).status_code == 200
        past = "UPDATE api_keys SET expires_at = now() AT TIME ZONE 'utc' - interval '1 second' WHERE id = %s"
        dev_database.execute(past, (users.agent.spare_id,))
        assert program.get(AGENTS).status_code == 401


def test_no_api_key_is_stored_in_plain_text(users: Users, dev_database: postgres.Connection) -> None:
    rows = dev_database.execute("SELECT row_to_json(k)::text FROM api_keys k").fetchall()
    assert rows
    kept = " ".join(str(row[0]) for row in rows)
    for user in (users.operator, users.viewer, users.agent):
        assert user.key not in kept
        assert user.key.encode().hex() not in kept


def test_a_command_creates_the_first_operator(
    ask: Ask, site: CheckedSite, fresh: httpx.Client, known_secrets: dict[str, str]
) -> None:
    """The command prints the password once. Here it goes into a file that is deleted."""
    address, file = f"first@{DOMAIN}", site.file("log/operator.txt")
    command = f"umask 077; mix xavos.operator {address} --generate >log/operator.txt 2>&1"
    try:
        made = ask("sh", "-c", command, label="mix xavos.operator")
        said = file.read_text(encoding="utf-8")
    finally:
        file.unlink(missing_ok=True)
    assert made.ok, "the command failed"
    password = next(line.split()[-1] for line in said.splitlines() if "assword" in line)
    site.run.redactor.add(password)
    known_secrets["the password of the first operator"] = password
    answer = sign_in(fresh, address, password)
    assert "/sign-in" not in answer.headers.get("location", "/sign-in")
    again = ask("mix", "xavos.operator", address, "--generate", label="mix xavos.operator once more")
    assert again.exit_code not in (0, None), "a second operator of the same address"


def test_pages_have_security_headers(sessions: Sessions) -> None:
    """Phoenix's headers, and a content security policy that allows only our scripts."""
    headers = sessions("nobody").get("/").headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"].upper() in ("DENY", "SAMEORIGIN")
    assert headers["referrer-policy"]
    parts = [part.strip() for part in headers["content-security-policy"].split(";") if part.strip()]
    policy = dict(part.partition(" ")[::2] for part in parts)
    scripts = policy.get("script-src", policy.get("default-src", ""))
    assert "'self'" in scripts
    assert "unsafe-inline" not in scripts
    assert "unsafe-eval" not in scripts
    assert "'none'" in policy["frame-ancestors"] or "'self'" in policy["frame-ancestors"]


def test_every_script_is_allowed_by_the_content_security_policy(sessions: Sessions) -> None:
    """An inline script needs the nonce of its response."""
    answer = sessions("nobody").get("/")
    nonce = re.search(r"'nonce-([^']+)'", answer.headers["content-security-policy"])
    for attributes in re.findall(r"<script\b([^>]*)>", answer.text):
        assert 'src="/' in attributes or (nonce and f'nonce="{nonce.group(1)}"' in html.unescape(attributes)), (
            attributes
        )


def test_cookies_are_httponly_and_samesite(fresh: httpx.Client) -> None:
    cookies = fresh.get("/sign-in").headers.get_list("set-cookie")
    assert cookies
    for cookie in cookies:
        assert "httponly" in cookie.lower(), cookie
        assert "samesite=lax" in cookie.lower() or "samesite=strict" in cookie.lower(), cookie


def test_signing_in_starts_a_new_session(site: CheckedSite, users: Users) -> None:
    """A cookie from before sign-in is not signed in, and a form from before is refused."""
    with client(site) as browser, client(site) as inserted:
        before = csrf(browser)
        inserted.cookies.update(browser.cookies)
        sign_in(browser, users.viewer.email, users.viewer.password)
        assert users.viewer.email in browser.get("/").text
        assert users.viewer.email not in inserted.get("/").text
        refused = browser.post("/auth/user/magic_link/request", data={"_csrf_token": before, "user[email]": "x"})
        assert refused.status_code == 403
