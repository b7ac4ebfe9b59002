"""Getting in: by password, by link, by key; what a browser is told to keep, and what it is told to refuse."""

from __future__ import annotations

import html
import re
import time
from collections.abc import Callable, Iterator

import httpx
import pytest

from deploy_tests.support.commands import Ask
from deploy_tests.support.users import DOMAIN, People, client, csrf, sign_in
from rollout.site import postgres
from rollout.site.site import Site

pytestmark = [pytest.mark.phase("server"), pytest.mark.needs("accounts"), pytest.mark.timeout(180)]

Sessions = Callable[[str], httpx.Client]
AGENTS = "/api/json/agents"


@pytest.fixture
def fresh(site: Site) -> Iterator[httpx.Client]:
    """A browser that has never been here."""
    with client(site) as browser:
        yield browser


def _mails_to(address: str, operator: httpx.Client) -> list[str]:
    """The texts of the mails that were sent to `address`, the latest first, as an operator can read them anywhere."""
    mails = operator.get("/dev/mailbox/json").json()["data"]
    return [html.unescape(str(mail["text_body"])) for mail in mails if address in str(mail["to"])]


def _mail_to(address: str, operator: httpx.Client) -> str:
    """The text of the latest mail that was sent to `address`, which may be on its way."""
    until = time.monotonic() + 15
    while time.monotonic() < until:
        if mails := _mails_to(address, operator):
            return mails[0]
        time.sleep(0.2)
    raise AssertionError(f"no mail to {address} came")


def _ask_for_link(browser: httpx.Client, address: str) -> httpx.Response:
    fields = {"_csrf_token": csrf(browser), "user[email]": address}
    return browser.post("/auth/user/magic_link/request", data=fields)


def _follow(browser: httpx.Client, link: str) -> httpx.Response:
    """Open the link and say yes, as its page asks one to."""
    url = httpx.URL(link)
    shown = browser.get(url.raw_path.decode())
    assert shown.status_code == 200, shown.text[:300]
    found = re.search(r'name="csrf-token" content="([^"]+)"', shown.text)
    assert found
    return browser.post("/auth/user/magic_link", data={"_csrf_token": found.group(1), "token": url.params["token"]})


@pytest.fixture(scope="module")
def link_for(site: Site, sessions: Sessions, told: dict[str, str]) -> Callable[[str], str]:
    """Ask for a link as `address`, and read the mail; its token is a secret from then on."""

    def of(address: str) -> str:
        with client(site) as browser:
            answer = _ask_for_link(browser, address)
        assert answer.status_code in (200, 302), answer.text[:300]
        found = re.search(r"https?://\S+token=\S+", _mail_to(address, sessions("operator")))
        assert found, "the mail has no link"
        told[f"the token of a link {len(told)}"] = token = httpx.URL(found.group(0)).params["token"]
        site.run.redactor.add(token)
        return found.group(0)

    return of


def test_every_role_that_people_have_signs_in_by_password(sessions: Sessions, people: People) -> None:
    for role in ("operator", "viewer"):
        assert people.of(role).email in sessions(role).get("/").text


def test_a_link_by_mail_lets_in_once(
    fresh: httpx.Client, link_for: Callable[[str], str], people: People, site: Site
) -> None:
    link = link_for(people.viewer.email)
    answer = _follow(fresh, link)
    assert answer.status_code in (302, 303), answer.text[:300]
    assert people.viewer.email in fresh.get("/").text
    with client(site) as another:
        _follow(another, link)
        assert people.viewer.email not in another.get("/").text


def test_looking_at_a_link_is_not_yet_signing_in(
    fresh: httpx.Client, link_for: Callable[[str], str], people: People
) -> None:
    """Programs that look through mail open every link."""
    assert fresh.get(httpx.URL(link_for(people.operator.email)).raw_path.decode()).status_code == 200
    assert people.operator.email not in fresh.get("/").text


def test_nobody_learns_who_has_an_account(fresh: httpx.Client, people: People) -> None:
    """The same answer for an address that is known and for one that is not."""
    known, unknown = _ask_for_link(fresh, people.viewer.email), _ask_for_link(fresh, f"nobody-at-all@{DOMAIN}")
    assert (known.status_code, known.headers.get("location")) == (unknown.status_code, unknown.headers.get("location"))


def test_an_account_of_agents_is_mailed_no_link(fresh: httpx.Client, sessions: Sessions, people: People) -> None:
    """It is no person, and nobody is told so: the mail to somebody who asked later is there, and none to it."""
    agent, later = _ask_for_link(fresh, people.agent.email), _ask_for_link(fresh, people.viewer.email)
    assert (agent.status_code, agent.headers.get("location")) == (later.status_code, later.headers.get("location"))
    assert _mail_to(people.viewer.email, sessions("operator"))
    count = len(_mails_to(people.agent.email, sessions("operator")))
    assert count == 0


def test_a_made_up_link_lets_nobody_in(fresh: httpx.Client) -> None:
    token = "eyJhbGciOiJIUzI1NiJ9.e30.x"  # noqa: S105 - made up
    answer = fresh.post("/auth/user/magic_link", data={"_csrf_token": csrf(fresh), "token": token})
    assert answer.status_code != 500
    assert fresh.get("/coordination").status_code in (302, 303, 404)


def test_signing_out_is_for_good(fresh: httpx.Client, people: People) -> None:
    """What the browser kept of the session does not let anybody in again."""
    sign_in(fresh, people.viewer.email, people.viewer.password)
    assert people.viewer.email in fresh.get("/").text
    kept = dict(fresh.cookies)
    fresh.get("/sign-out")
    if people.viewer.email in fresh.get("/").text:
        fresh.request("DELETE", "/sign-out", headers={"x-csrf-token": csrf(fresh, "/")})
    assert people.viewer.email not in fresh.get("/").text
    fresh.cookies.clear()
    fresh.cookies.update(kept)
    assert people.viewer.email not in fresh.get("/").text


@pytest.mark.needs("extras")
def test_an_api_key_lets_in(site: Site, people: People) -> None:
    with client(site, key=people.agent.key, json_api=True) as program:
        assert program.get(AGENTS).status_code == 200


@pytest.mark.needs("extras")
@pytest.mark.parametrize("key", ["", "xavos_nonsense", "xavos_" + "A" * 48])
def test_what_is_no_key_does_not(key: str, site: Site) -> None:
    with client(site, key=key or None, json_api=True) as program:
        answer = program.get(AGENTS)
    assert answer.status_code in (401, 403), answer.text[:300]


@pytest.mark.needs("extras")
def test_a_revoked_key_lets_nobody_in(ask: Ask, site: Site, people: People) -> None:
    with client(site, key=people.viewer.spare, json_api=True) as program:
        assert program.get(AGENTS).status_code == 200
        revoked = ask("mix", "xavos.api_key", "--revoke", people.viewer.spare_id, label="revoke an API key")
        assert revoked.ok, revoked.tail
        assert program.get(AGENTS).status_code == 401


@pytest.mark.needs("extras")
def test_an_expired_key_lets_nobody_in(site: Site, people: People, dev_database: postgres.Connection) -> None:
    with client(site, key=people.agent.spare, json_api=True) as program:
        assert program.get(AGENTS).status_code == 200
        past = "UPDATE api_keys SET expires_at = now() AT TIME ZONE 'utc' - interval '1 second' WHERE id = %s"
        dev_database.execute(past, (people.agent.spare_id,))
        assert program.get(AGENTS).status_code == 401


def test_no_key_is_kept_as_it_is(people: People, dev_database: postgres.Connection) -> None:
    rows = dev_database.execute("SELECT row_to_json(k)::text FROM api_keys k").fetchall()
    assert rows
    kept = " ".join(str(row[0]) for row in rows)
    for person in (people.operator, people.viewer, people.agent):
        assert person.key not in kept
        assert person.key.encode().hex() not in kept


def test_the_first_operator_is_made_by_a_command(
    ask: Ask, site: Site, fresh: httpx.Client, told: dict[str, str]
) -> None:
    """Its password is printed once, here into a file that goes away."""
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
    told["the password of the first operator"] = password
    answer = sign_in(fresh, address, password)
    assert "/sign-in" not in answer.headers.get("location", "/sign-in")
    again = ask("mix", "xavos.operator", address, "--generate", label="mix xavos.operator once more")
    assert again.exit_code not in (0, None), "a second operator of the same address"


def test_a_browser_is_told_what_it_may_do(sessions: Sessions) -> None:
    """Phoenix's own headers, and a policy that lets no script in that is not ours."""
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


def test_every_script_of_a_page_is_one_that_its_policy_lets_in(sessions: Sessions) -> None:
    """An inline script has the nonce of its answer, or the browser would not run it."""
    answer = sessions("nobody").get("/")
    nonce = re.search(r"'nonce-([^']+)'", answer.headers["content-security-policy"])
    for attributes in re.findall(r"<script\b([^>]*)>", answer.text):
        assert 'src="/' in attributes or (nonce and f'nonce="{nonce.group(1)}"' in html.unescape(attributes)), (
            attributes
        )


def test_its_cookie_is_kept_from_scripts_and_other_sites(fresh: httpx.Client) -> None:
    cookies = fresh.get("/sign-in").headers.get_list("set-cookie")
    assert cookies
    for cookie in cookies:
        assert "httponly" in cookie.lower(), cookie
        assert "samesite=lax" in cookie.lower() or "samesite=strict" in cookie.lower(), cookie


def test_a_session_begins_anew_when_somebody_signs_in(site: Site, people: People) -> None:
    """Whoever planted a cookie before is not signed in by it, and a form from before is refused after."""
    with client(site) as browser, client(site) as planted:
        before = csrf(browser)
        planted.cookies.update(browser.cookies)
        sign_in(browser, people.viewer.email, people.viewer.password)
        assert people.viewer.email in browser.get("/").text
        assert people.viewer.email not in planted.get("/").text
        refused = browser.post("/auth/user/magic_link/request", data={"_csrf_token": before, "user[email]": "x"})
        assert refused.status_code == 403
