"""The board, as people see it: two browsers, one of which acts; and a phone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from deploy_tests import live
from deploy_tests.chromium import Tab, chromium, find_chromium
from deploy_tests.people import People, Person
from deploy_tests.world import PREFIX, Thing, document
from rollout.site.site import Site

pytestmark = [
    pytest.mark.phase("server"),
    pytest.mark.needs("accounts", "features", "swarm"),
    pytest.mark.timeout(180),
    pytest.mark.usefixtures("empty"),
]

BOARD = "/coordination"
SEEN = f"{PREFIX}seen-by-both"
CHOOSE = "(select, value) => { select.value = value; select.dispatchEvent(new Event('input', {bubbles: true})) }"
CONNECTED = "document.querySelector('[data-phx-main].phx-connected') !== null"


@pytest.fixture(scope="module")
def browsers(site: Site, people: People, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Tab]]:
    """Two browsers, in one of which an operator looks at the board, in the other a viewer."""
    program = find_chromium()
    if program is None:
        pytest.skip("no Chromium on this machine")
    with ExitStack() as stack:
        tabs = {}
        for person in (people.operator, people.viewer):
            tab = stack.enter_context(chromium(program, tmp_path_factory.mktemp(person.role)))
            tab.look(width=1200)
            _sign_in(tab, site, person)
            tab.open(f"{site.base_url}{BOARD}")
            tab.until(CONNECTED)
            tabs[person.role] = tab
        yield tabs


def _sign_in(tab: Tab, site: Site, person: Person) -> None:
    """Through the form, as anybody would."""
    tab.open(f"{site.base_url}/sign-in")
    tab.until(CONNECTED)
    fields = {"email": person.email, "password": person.password}
    script = """(fields => {
      const form = [...document.forms].find(form => form.action.endsWith('/password/sign_in'));
      for (const [name, value] of Object.entries(fields)) {
        const input = form.querySelector(`[name$="[${name}]"]`);
        input.value = value;
        input.dispatchEvent(new Event('input', {bubbles: true}));
      }
      form.requestSubmit();
    })"""
    tab.ask(f"{script}({json.dumps(fields)})")
    tab.until("location.pathname === '/'")


def _shows(tab: Tab, text: str) -> None:
    tab.until(f"document.body.innerText.includes({json.dumps(text)})")


def test_the_board_is_live_for_whoever_may_see_it(sessions: Callable[[str], httpx.Client]) -> None:
    for role in ("viewer", "operator"):
        assert live.join(sessions(role), BOARD)["status"] == "ok"


def test_nobody_joins_the_board_past_its_page(sessions: Callable[[str], httpx.Client]) -> None:
    """The page sends them to sign in, and there is no session with which its socket could be joined."""
    answer = sessions("nobody").get(BOARD)
    assert answer.status_code in (302, 303)
    assert "data-phx-session" not in answer.text


@pytest.mark.needs("extras")
def test_work_that_is_added_appears_on_every_board(
    browsers: dict[str, Tab], api: Callable[[str], httpx.Client]
) -> None:
    """Nobody reloads."""
    sent = document("work_item", work_item_id=SEEN, type="check", description="Seen by both")
    Thing.of(api("operator").post("/work-items", json=sent), 201)
    for tab in browsers.values():
        _shows(tab, SEEN)


@pytest.mark.needs("extras")
def test_what_one_does_on_the_board_the_other_sees(browsers: dict[str, Tab]) -> None:
    """The operator makes an item critical in one browser, and it is so in the other."""
    asked = f"document.querySelector('#item-{SEEN}').dataset.priority === 'critical'"
    assert not browsers["viewer"].ask(asked)
    browsers["operator"].ask(f"({CHOOSE})(document.querySelector('#prioritise-{SEEN} select'), 'critical')")
    browsers["viewer"].until(asked)


def test_only_operators_can_act_on_the_board(browsers: dict[str, Tab]) -> None:
    """The viewer's board has nothing to press that would change what is coordinated."""
    asked = "document.querySelectorAll('[data-phx-main] form[phx-submit]').length"
    assert browsers["operator"].ask(asked) > 0
    assert browsers["viewer"].ask(asked) == 0


def test_the_board_fits_on_a_phone(browsers: dict[str, Tab], site: Site) -> None:
    tab = browsers["viewer"]
    tab.look(width=390, height=844)
    try:
        assert tab.ask("document.documentElement.scrollWidth <= window.innerWidth")
    finally:
        tab.look(width=1200)


def test_nothing_went_wrong_in_either_browser(browsers: dict[str, Tab]) -> None:
    assert {role: tab.faults for role, tab in browsers.items()} == {role: [] for role in browsers}


def test_nothing_was_asked_of_anybody_else(browsers: dict[str, Tab], site: Site) -> None:
    """Fonts, scripts, counters: all of it is ours."""
    ours = (site.base_url, site.base_url.replace("http", "ws", 1), "about:", "data:", "chrome")
    assert [url for tab in browsers.values() for url in tab.asked if not url.startswith(ours)] == []


def test_the_board_looks_like_something(browsers: dict[str, Tab], site: Site) -> None:
    """Pictures for the report's folder, wide and narrow."""
    folder: Path = site.run.folder
    tab = browsers["operator"]
    assert tab.picture(folder / "board.png").stat().st_size > 10_000
    tab.look(width=390, height=844)
    try:
        assert tab.picture(folder / "board-phone.png").stat().st_size > 5_000
    finally:
        tab.look(width=1200)
