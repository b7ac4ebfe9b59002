"""Checks the task board in two browser windows at once, and on a phone-sized screen."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from deploy_tests.support import liveview
from deploy_tests.support.chromium import Tab, chromium
from deploy_tests.support.commands import Ask
from deploy_tests.support.records import PREFIX, Resource, document
from deploy_tests.support.users import User, Users
from rollout.cli.doctor import find_browser
from rollout.site import postgres
from rollout.site.views import CheckedSite

pytestmark = [
    pytest.mark.phase("server"),
    pytest.mark.needs("accounts", "features", "swarm"),
    pytest.mark.timeout(180),
    pytest.mark.usefixtures("records_deleted"),
]

BOARD = "/coordination"
SEEN = f"{PREFIX}seen-by-both"
CHOOSE = "(select, value) => { select.value = value; select.dispatchEvent(new Event('input', {bubbles: true})) }"
COMPLETED = "Number(document.querySelector('#count-completed').innerText)"
AGENTS, ITEMS = 64, 640
WIDTHS = (320, 375, 768, 1024, 1440, 2560)
# Fills every tile with nine digits, and sets the style that BoardComponents.figure sets for nine digits.
FILL = """document.querySelectorAll('.board-figure dd').forEach(each => {
  each.textContent = '123456789';
  each.style.setProperty('--digits', 9);
})"""
# Finds elements that are narrower than their content or stick out of their tile or card. Elements that scroll
# (overflow auto) or cut their content on purpose (hidden) are left out.
OVERFLOWING = """(() => {
  const wide = [...document.querySelectorAll('.board-figure, .board-figure *, .board-card, .board-item, .board-item *')]
    .filter(each => each.clientWidth && each.scrollWidth > each.clientWidth + 1)
    .filter(each => !['auto', 'hidden', 'scroll'].includes(getComputedStyle(each).overflowX));
  const out = [...document.querySelectorAll('.board-figure > *, .board-item > *, .board-card > *')].filter(each => {
    const inner = each.getBoundingClientRect(), outer = each.parentElement.getBoundingClientRect();
    return inner.width && (inner.right > outer.right + 1 || inner.left < outer.left - 1);
  });
  const text = each => [...each.childNodes].filter(node => node.nodeType === 3 && node.data.trim()).some(node => {
    const range = document.createRange();
    range.selectNodeContents(node);
    const outer = each.closest('.board-figure, .board-item').getBoundingClientRect();
    return range.getBoundingClientRect().right > outer.right + 1;
  });
  const cut = [...document.querySelectorAll('.board-figure *, .board-item b')].filter(text);
  return [...new Set([...wide, ...out, ...cut])].map(each => each.outerHTML.slice(0, 120));
})()"""
CONNECTED = "document.querySelector('[data-phx-main].phx-connected') !== null"


@pytest.fixture(scope="module")
def browsers(site: CheckedSite, users: Users, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Tab]]:
    """Two browsers with the board open: one of an operator, one of a viewer."""
    program = find_browser()
    if program is None:
        pytest.skip("no Chromium on this machine")
    with ExitStack() as stack:
        tabs = {}
        for user in (users.operator, users.viewer):
            tab = stack.enter_context(chromium(program, tmp_path_factory.mktemp(user.role)))
            tab.look(width=1200)
            _sign_in(tab, site, user)
            tab.open(f"{site.base_url}{BOARD}")
            tab.until(CONNECTED)
            tabs[user.role] = tab
        yield tabs


def _sign_in(tab: Tab, site: CheckedSite, user: User) -> None:
    """Sign in through the form."""
    tab.open(f"{site.base_url}/sign-in")
    tab.until(CONNECTED)
    fields = {"email": user.email, "password": user.password}
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


def test_viewers_and_operators_can_join_the_board(sessions: Callable[[str], httpx.Client]) -> None:
    for role in ("viewer", "operator"):
        assert liveview.join(sessions(role), BOARD)["status"] == "ok"


def test_the_board_cannot_be_joined_without_signing_in(sessions: Callable[[str], httpx.Client]) -> None:
    """The page redirects to sign-in and has no LiveView session to join with."""
    answer = sessions("nobody").get(BOARD)
    assert answer.status_code in (302, 303)
    assert "data-phx-session" not in answer.text


@pytest.fixture(scope="module")
def added_item(browsers: dict[str, Tab], api: Callable[[str], httpx.Client]) -> str:
    """Add an item while both boards are open."""
    assert browsers
    sent = document("work_item", work_item_id=SEEN, type="check", description="Seen by both")
    Resource.of(api("operator").post("/work-items", json=sent), 201)
    return SEEN


@pytest.mark.needs("extras")
def test_new_work_appears_on_every_open_board(browsers: dict[str, Tab], added_item: str) -> None:
    """Without a reload."""
    for tab in browsers.values():
        _shows(tab, added_item)


@pytest.mark.needs("extras")
@pytest.mark.usefixtures("added_item")
def test_a_change_on_one_board_appears_on_the_other(browsers: dict[str, Tab]) -> None:
    """The operator makes an item critical in one browser. The other browser shows it."""
    for tab in browsers.values():
        _shows(tab, SEEN)
    asked = f"document.querySelector('#item-{SEEN}').dataset.priority === 'critical'"
    assert not browsers["viewer"].ask(asked)
    browsers["operator"].ask(f"({CHOOSE})(document.querySelector('#prioritise-{SEEN} select'), 'critical')")
    browsers["viewer"].until(asked)


def test_only_operators_can_act_on_the_board(browsers: dict[str, Tab]) -> None:
    """The viewer's board has no form that changes records."""
    asked = "document.querySelectorAll('[data-phx-main] form[phx-submit]').length"
    assert browsers["operator"].ask(asked) > 0
    assert browsers["viewer"].ask(asked) == 0


@pytest.fixture
def crowded(dev_database: postgres.Connection) -> Iterator[str]:
    """An item, a team and an agent with names of the maximum length, without spaces."""
    longest = f"{PREFIX}{'x' * (100 - len(PREFIX))}"
    made = (
        "INSERT INTO teams (id, name) VALUES (gen_random_uuid(), %(name)s)",
        """INSERT INTO agents (id, agent_id, name, status)
           VALUES (gen_random_uuid(), %(name)s, repeat('N', 200), 'maintenance')""",
        """INSERT INTO work_items (id, work_item_id, type, description, priority, rank)
           VALUES (gen_random_uuid(), %(name)s, %(name)s, repeat('D', 500), 'critical',
                   now() AT TIME ZONE 'utc' - interval '20 years')""",
    )
    for statement in made:
        dev_database.execute(statement, {"name": longest})
    yield longest
    dev_database.execute("DELETE FROM work_items WHERE work_item_id = %s", (longest,))
    dev_database.execute("DELETE FROM agents WHERE agent_id = %s", (longest,))
    dev_database.execute("DELETE FROM teams WHERE name = %s", (longest,))


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_on_the_board_overflows(
    width: int, browsers: dict[str, Tab], crowded: str, site: CheckedSite
) -> None:
    """With the longest names, and nine digits in every tile."""
    tab = browsers["operator"]
    tab.look(width=width)
    try:
        tab.open(f"{site.base_url}{BOARD}")
        tab.until(CONNECTED)
        _shows(tab, crowded)
        tab.ask(FILL)
        assert tab.ask(OVERFLOWING) == []
        assert tab.ask("document.documentElement.scrollWidth <= window.innerWidth")
    finally:
        tab.look(width=1200)


@pytest.mark.timeout(300)
def test_the_board_follows_a_swarm_of_64(browsers: dict[str, Tab], ask: Ask, site: CheckedSite) -> None:
    """The boards show its agents and count completed work without a reload. The pictures are kept."""
    size = ("--agents", str(AGENTS), "--items", str(ITEMS), "--work-ms", "50")
    swarm = ("mix", "xavos.swarm", "--run", f"{PREFIX}seen", *size, "--json")
    folder: Path = site.run.folder
    operator, viewer = browsers["operator"], browsers["viewer"]
    before = int(viewer.ask(COMPLETED))
    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(ask, *swarm, label="a swarm of 64, watched in two browsers", deadline=240)
        viewer.until(f"document.querySelectorAll('#agents li').length >= {AGENTS}", 90)
        viewer.until(f"{COMPLETED} >= {before + ITEMS // 4}", 120)
        assert operator.picture(folder / "board-swarm.png").stat().st_size > 10_000
        operator.look(width=390, height=844)
        operator.picture(folder / "board-swarm-phone.png")
        operator.look(width=1200)
        assert not working.done(), "the swarm had ended before the pictures were taken"
        said = working.result()
    assert said.ok, said.tail
    for tab in browsers.values():
        tab.until(f"{COMPLETED} >= {before + ITEMS}", 60)


def test_the_browsers_report_no_error(browsers: dict[str, Tab]) -> None:
    assert {role: tab.faults for role, tab in browsers.items()} == {role: [] for role in browsers}


def test_the_board_loads_nothing_from_other_hosts(browsers: dict[str, Tab], site: CheckedSite) -> None:
    """Fonts, scripts and counters come from our server."""
    ours = (site.base_url, site.base_url.replace("http", "ws", 1), "about:", "data:", "chrome")
    assert [url for tab in browsers.values() for url in tab.asked if not url.startswith(ours)] == []
