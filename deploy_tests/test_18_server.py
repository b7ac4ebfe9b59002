"""Checks the running server: its pages, its API, its sign-in and its health."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterator

import httpx
import pytest

from deploy_tests.support import liveview
from deploy_tests.support.commands import Ask
from deploy_tests.support.users import Users
from rollout.deployment.deployment import Deployment
from rollout.deployment.server import marker
from rollout.phases.phase import PhaseResult
from rollout.site import postgres
from rollout.site.postgres import queries
from rollout.site.settings import secrets_of
from rollout.site.views import CheckedSite

pytestmark = [pytest.mark.phase("server"), pytest.mark.timeout(120)]

EMAIL = f"visitor-{secrets.token_hex(4)}@example.com"
PASSWORD = secrets.token_urlsafe(16)


@pytest.fixture(scope="module", autouse=True)
def _visitor_leaves(deployment: Deployment) -> Iterator[None]:
    """Delete the user that these checks register."""
    yield
    site, answering = deployment.site, deployment.plan.phase_for("server")
    result = deployment.results.get(answering.name) if answering else None
    if result is None or not result.passed or site.database_digest(site.databases["dev"]) is None:
        return
    with site.database.connect(site.databases["dev"]) as connection:
        if not {"users", "tokens"} <= set(queries.tables(connection)):
            return
        its_tokens = "DELETE FROM tokens WHERE subject LIKE '%%' || (SELECT id FROM users WHERE email = %s)"
        connection.execute(its_tokens, (EMAIL,))
        connection.execute("DELETE FROM users WHERE email = %s", (EMAIL,))


def _form(browser: httpx.Client, page: str, action: str) -> dict[str, str]:
    """The hidden fields of the form on `page` that posts to `action`, plus the page's CSRF token."""
    html = browser.get(page).text
    token = re.search(r'name="csrf-token" content="([^"]+)"', html)
    assert token, f"{page} has no CSRF token"
    assert action in html, f"{page} has no form for {action}"
    return {"_csrf_token": token.group(1)}


def _sign_in(browser: httpx.Client, password: str) -> httpx.Response:
    fields = _form(browser, "/sign-in", "/auth/user/password/sign_in")
    return browser.post(
        "/auth/user/password/sign_in", data={**fields, "user[email]": EMAIL, "user[password]": password}
    )


def _register(browser: httpx.Client) -> httpx.Response:
    fields = _form(browser, "/register", "/auth/user/password/register")
    return browser.post(
        "/auth/user/password/register",
        data={
            **fields,
            "user[email]": EMAIL,
            "user[password]": PASSWORD,
            "user[password_confirmation]": PASSWORD,
        },
    )


def _visitors(database: postgres.Connection) -> int:
    row = database.execute("SELECT count(*) FROM users WHERE email = %s", (EMAIL,)).fetchone()
    return int(str(row[0])) if row else 0


def test_server_phase_passed(phase: PhaseResult) -> None:
    phase.require()


def test_the_page_answers_200(browser: httpx.Client) -> None:
    assert browser.get("/").status_code == 200


def test_the_page_is_xavos(browser: httpx.Client) -> None:
    page = browser.get("/").text
    assert "XAVOS" in page
    assert "<title" in page


def test_the_page_is_sent_with_secure_headers(browser: httpx.Client) -> None:
    headers = browser.get("/").headers
    assert headers["x-content-type-options"] == "nosniff"
    assert "content-security-policy" in headers or "x-frame-options" in headers


def test_its_style_sheet_and_script_are_served(browser: httpx.Client) -> None:
    page = browser.get("/").text
    found = re.findall(r'(?:href|src)="(/assets/[^"]+\.(?:css|js|mjs))', page)
    assert found, "the page names neither a style sheet nor a script"
    assert {path: browser.get(path).status_code for path in found} == dict.fromkeys(found, 200)


def test_its_liveview_socket_connects(browser: httpx.Client) -> None:
    assert liveview.join(browser, "/")["status"] == "ok"


def test_liveness_answers_200(browser: httpx.Client) -> None:
    answer = browser.get("/health")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/json")


def test_readiness_answers_200_with_the_database(browser: httpx.Client) -> None:
    assert browser.get("/health/ready").status_code == 200


def test_the_listener_is_the_process_we_started(site: CheckedSite) -> None:
    assert site.in_forge.listener_marked(site.options.port, marker(site))


@pytest.mark.needs("scripts")
def test_status_says_running(ask: Ask, site: CheckedSite) -> None:
    """The status has process, address and readiness."""
    status = ask("scripts/manage_xavos.sh", "status", label="status of the running server", repeatable=True)
    assert status.ok, status.tail
    said = re.search(r"^XAVOS is running: process (\d+), http://\S+:(\d+)$", status.tail, re.MULTILINE)
    assert said, status.tail
    assert int(said[2]) == site.options.port
    assert int(said[1]) in site.in_forge.marked(marker(site))
    assert re.search("^ready: yes$", status.tail, re.MULTILINE), status.tail


@pytest.mark.needs("scripts")
def test_starting_twice_starts_nothing_twice(ask: Ask, site: CheckedSite) -> None:
    before = set(site.in_forge.marked(marker(site)))
    assert before, "no process of the server is found: this check has nothing to look for"
    again = ask("scripts/manage_xavos.sh", "start", label="start once more")
    assert "is running already" in again.tail, again.tail
    assert before <= set(site.in_forge.marked(marker(site)))
    assert site.in_forge.listener_marked(site.options.port, marker(site))


@pytest.mark.needs("scripts")
def test_agents_can_be_listed_by_script(ask: Ask) -> None:
    listed = ask("scripts/manage_xavos.sh", "agents", label="agents of the running system", repeatable=True)
    assert listed.ok, listed.tail


def test_password_registration_works_through_http(browser: httpx.Client, dev_database: postgres.Connection) -> None:
    answer = _register(browser)
    assert answer.status_code in (302, 303), answer.text[:500]
    assert _visitors(dev_database) == 1


def test_no_password_is_stored_in_plain_text(dev_database: postgres.Connection) -> None:
    row = dev_database.execute("SELECT hashed_password FROM users WHERE email = %s", (EMAIL,)).fetchone()
    assert row is not None
    assert PASSWORD not in str(row[0])
    assert len(str(row[0])) >= 50


def test_registering_the_same_address_twice_is_refused(
    browser: httpx.Client, dev_database: postgres.Connection
) -> None:
    _register(browser)
    assert _visitors(dev_database) == 1
    before = dev_database.execute("SELECT * FROM users WHERE email = %s", (EMAIL,)).fetchall()
    browser.cookies.clear()
    _register(browser)
    assert dev_database.execute("SELECT * FROM users WHERE email = %s", (EMAIL,)).fetchall() == before
    assert EMAIL not in browser.get("/").text  # the page names the signed-in user


def test_password_sign_in_works_through_http(browser: httpx.Client) -> None:
    answer = _sign_in(browser, PASSWORD)
    assert answer.status_code in (302, 303)
    assert "/sign-in" not in answer.headers["location"]
    assert EMAIL in browser.get("/").text


def test_a_wrong_password_is_refused(browser: httpx.Client) -> None:
    answer = _sign_in(browser, "not the password")
    assert (answer.status_code, httpx.URL(answer.headers["location"]).path) == (302, "/sign-in"), answer.text[:500]
    assert EMAIL not in browser.get("/").text  # the page names the signed-in user


def test_a_form_without_its_token_is_refused(browser: httpx.Client) -> None:
    answer = browser.post("/auth/user/password/sign_in", data={"user[email]": EMAIL, "user[password]": PASSWORD})
    assert answer.status_code == 403


def test_an_unknown_page_answers_404(browser: httpx.Client) -> None:
    assert browser.get("/no-such-page").status_code == 404


@pytest.mark.needs("extras")
def test_admin_answers(browser: httpx.Client) -> None:
    assert browser.get("/admin").status_code in (200, 302)


@pytest.mark.needs("extras")
def test_the_json_api_lists_agents(
    browser: httpx.Client,
    deployment: Deployment,
    request: pytest.FixtureRequest,
    dev_database: postgres.Connection,
) -> None:
    """Without accounts to everybody, else to the holder of a key."""
    headers = {"accept": "application/vnd.api+json"}
    if "accounts" in deployment.results and deployment.results["accounts"].passed:
        users: Users = request.getfixturevalue("users")
        headers["authorization"] = f"Bearer {users.operator.key}"
    answer = browser.get("/api/json/agents", headers=headers)
    assert answer.status_code == 200, answer.text[:500]
    listed = {agent["attributes"]["agent_id"] for agent in answer.json()["data"]}
    assert listed == {str(row[0]) for row in dev_database.execute("SELECT agent_id FROM agents")}


def test_readiness_answers_503_without_the_database_and_recovers(browser: httpx.Client, site: CheckedSite) -> None:
    if not site.database.can_interrupt:
        pytest.skip("the database server is the user's and is not stopped")
    waiting = site.run.journal.waiting
    with waiting("the database server to stop"):
        site.database.pause()
    try:
        without = browser.get("/health/ready").status_code
    finally:
        with waiting("the database server to start"):
            site.database.resume()
    assert without == 503
    until = time.monotonic() + 60
    with waiting("readiness to answer 200 again"):
        while (last := browser.get("/health/ready").status_code) != 200 and time.monotonic() < until:
            time.sleep(0.2)
    assert last == 200


def test_the_servers_log_has_no_secret(site: CheckedSite) -> None:
    file = site.file("log/server.log")
    if site.observed and not file.exists():
        pytest.skip("the log file of this path's server is unknown")
    log = file.read_text(encoding="utf-8", errors="replace")
    assert log, "the log is empty: this check searches nothing"
    secrets = {**secrets_of(site), "the user's password": PASSWORD}
    assert [name for name, value in secrets.items() if value in log] == []
