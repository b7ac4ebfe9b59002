"""Checks of the running server that hold for any Phoenix application."""

from __future__ import annotations

import re
import socket
import time
from urllib.parse import urljoin

import httpx
import psutil
import pytest

from deploy_tests.support import liveview
from rollout.deployment.server import log_file, marker
from rollout.load.liveview import NotALiveView
from rollout.phases.phase import PhaseResult
from rollout.project.project import Project
from rollout.site.views import CheckedSite

pytestmark = [pytest.mark.phase("app_server"), pytest.mark.timeout(120)]

NOT_FOR_VISITORS = (
    "/.env", "/.git/config", "/mix.exs", "/config/runtime.exs", "/..%2f..%2fmix.exs", "/assets/..%2f..%2f..%2fmix.exs",
    "/_build/dev/lib", "/priv/static/../../mix.exs",
)  # fmt: skip
ODD = {
    "an unknown page": "/no-such-page-of-this-application",
    "an unknown page with an odd name": "/no-such-page/%F0%9F%A6%84?q=%00",
    "a long path": f"/{'a' * 1000}",
    "an unknown file": "/assets/no-such-file.js",
}


def test_server_phase_passed(phase: PhaseResult) -> None:
    """The server is ready on the port that it was given."""
    phase.require()


def test_readiness_answers_200(browser: httpx.Client, project: Project) -> None:
    assert browser.get(project.server.ready).status_code == 200


def test_liveness_answers_200(browser: httpx.Client, project: Project) -> None:
    assert browser.get(project.server.live).status_code == 200


def test_the_listener_is_the_process_we_started(site: CheckedSite) -> None:
    assert site.in_forge.listener_marked(site.options.port, marker(site))


def test_the_server_is_not_open_to_other_machines(site: CheckedSite) -> None:
    """Its port is bound to the loopback interface, unless the network is isolated."""
    if site.options.offline:
        pytest.skip("the network of --offline is isolated")
    listeners = [each.laddr for each in psutil.net_connections("tcp") if each.status == psutil.CONN_LISTEN]
    listening = {place.ip for place in listeners if place and place.port == site.options.port}
    assert listening, "nobody listens on the port: this check has nothing to look at"
    assert listening <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}


def test_a_page_answers_without_an_error(app_page: str, browser: httpx.Client) -> None:
    assert browser.get(app_page).status_code < 400


def test_a_page_answers_the_same_way_twice(app_page: str, browser: httpx.Client) -> None:
    first, again = browser.get(app_page), browser.get(app_page)
    assert (first.status_code, first.headers.get("content-type")) == (
        again.status_code, again.headers.get("content-type")
    )  # fmt: skip


def test_a_page_answers_head(app_page: str, browser: httpx.Client) -> None:
    head, whole = browser.head(app_page), browser.get(app_page)
    assert (head.status_code, head.content) == (whole.status_code, b"")


def test_a_page_is_sent_with_secure_headers(app_page: str, browser: httpx.Client) -> None:
    headers = _html(browser, app_page).headers
    assert headers.get("x-content-type-options") == "nosniff"
    assert "content-security-policy" in headers or "x-frame-options" in headers


def test_a_page_has_a_title_and_a_language(app_page: str, browser: httpx.Client) -> None:
    """Screen readers need both."""
    page = _html(browser, app_page).text
    assert re.search(r"<title\b[^>]*>\s*\S", page), "it has no title"
    assert re.search(r"<html\b[^>]*\blang=[\"']?\w", page), "it does not say its language"


def test_a_page_names_only_files_that_are_served(app_page: str, browser: httpx.Client, bundles: bool) -> None:
    page = _html(browser, app_page).text
    named = re.findall(r"<(?:link|script|img)\b[^>]*?\b(?:href|src)=\"([^\"#?]+)[^\"]*\"", page)
    own = sorted({urljoin(app_page, path) for path in named if not re.match(r"(?:[a-z]+:)?//|data:", path)})
    own = [path for path in own if bundles or not path.startswith("/assets/")]
    if not own:
        pytest.skip("the page names no file of its own that is here")
    # Each on a connection of its own: a server may close one on which a request has raised.
    answered = {path: browser.get(path, headers={"connection": "close"}).status_code for path in own}
    assert {path: status for path, status in answered.items() if status >= 400} == {}


def test_the_cookie_of_a_page_is_closed_to_scripts(app_page: str, browser: httpx.Client) -> None:
    cookies = _html(browser, app_page).headers.get_list("set-cookie")
    if not cookies:
        pytest.skip("the page sets no cookie")
    assert [one for one in cookies if "httponly" not in one.lower() or "samesite" not in one.lower()] == []


def test_the_liveview_of_a_page_joins(app_page: str, browser: httpx.Client) -> None:
    """Over a WebSocket, as a browser does."""
    try:
        assert liveview.join(browser, app_page)["status"] == "ok"
    except NotALiveView:
        pytest.skip("the page is no LiveView")


@pytest.mark.parametrize("what", ODD)
def test_what_is_not_there_answers_404(what: str, browser: httpx.Client) -> None:
    assert browser.get(ODD[what]).status_code in (404, 400, 414)


def test_an_unknown_page_answers_404_in_json(browser: httpx.Client) -> None:
    answer = browser.get(ODD["an unknown page"], headers={"accept": "application/json"})
    assert answer.status_code in (404, 406)


@pytest.mark.parametrize("path", NOT_FOR_VISITORS)
def test_no_file_of_the_sources_is_served(path: str, browser: httpx.Client) -> None:
    answer = browser.get(path)
    assert answer.status_code in (400, 403, 404), f"{answer.status_code}: {answer.text[:200]}"


def test_a_static_file_is_served_as_it_is(browser: httpx.Client, site: CheckedSite) -> None:
    root = site.file("priv/static")
    files = [name for name in ("robots.txt", "favicon.ico", "images/logo.svg") if root.joinpath(name).is_file()]
    if not files:
        pytest.skip("the application has none of the usual static files")
    served = {name: browser.get(f"/{name}") for name in files}
    assert {name: answer.status_code for name, answer in served.items()} == dict.fromkeys(files, 200)
    assert {name: answer.content for name, answer in served.items()} == {
        name: root.joinpath(name).read_bytes() for name in files
    }


def test_a_request_that_is_no_http_is_refused(site: CheckedSite) -> None:
    """The server goes on afterwards."""
    with socket.create_connection((site.in_forge.address(), site.options.port), 5) as stream:
        stream.sendall(b"NONSENSE / nothing\r\n\r\n")
        stream.settimeout(5)
        answer = stream.recv(64)
    assert not answer or re.match(rb"HTTP/1\.[01] [45]", answer), answer


def test_a_body_that_is_no_json_is_no_error_of_the_server(browser: httpx.Client) -> None:
    answer = browser.post("/", content=b"{not json", headers={"content-type": "application/json"})
    assert answer.status_code < 500, answer.text[:300]


def test_a_method_that_a_page_does_not_know_is_no_error_of_the_server(browser: httpx.Client) -> None:
    assert browser.request("PROPFIND", "/").status_code < 500


def test_twenty_requests_at_once_are_answered(browser: httpx.Client, project: Project) -> None:
    """More than the pool of connections of a new application."""
    began = time.monotonic()
    answers = [browser.get(project.server.ready).status_code for _ in range(20)]
    assert answers == [200] * 20
    assert time.monotonic() - began < 60


def test_the_servers_log_has_no_password(site: CheckedSite) -> None:
    log = log_file(site).read_text(encoding="utf-8", errors="replace")
    assert site.settings.get("PGPASSWORD", "no password") not in log


def test_the_servers_log_has_no_crash(site: CheckedSite) -> None:
    """What visitors asked for above is not there, but breaks nothing."""
    log = log_file(site).read_text(encoding="utf-8", errors="replace")
    kinds = r"GenServer|Task|Process|Ranch|Supervisor"
    assert re.findall(rf"^.*(?:\[error\] (?:{kinds})\b|terminating$).*$", log, re.MULTILINE) == []


def _html(browser: httpx.Client, path: str) -> httpx.Response:
    """The answer for a page. Skips if it is no HTML."""
    answer = browser.get(path)
    if not answer.headers.get("content-type", "").startswith("text/html"):
        pytest.skip(f"{path} is no HTML but {answer.headers.get('content-type', 'of no type')}")
    return answer
