"""The report in a real browser: wide and narrow, light and dark, with and without its script."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy_tests.support.chromium import Tab, chromium
from rollout.cli.doctor import find_browser
from rollout.report import page
from rollout.report.campaign.writer import campaign_page
from tests.unit.report import campaigns, golden, journals

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(find_browser() is None, reason="no Chromium on this machine"),
]
WIDE, NARROW = 1280, 360
LOOKS = [(width, dark) for width in (WIDE, NARROW) for dark in (False, True)]
VISIBLE = "[...document.querySelectorAll('tr.check')].filter((row) => row.checkVisibility()).length"
_NPM_SECONDS = 120
_IMPACTS = ("serious", "critical")


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with chromium(find_browser() or "", tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """URLs of reports in an otherwise empty folder, such as after a mail."""
    folder = tmp_path_factory.mktemp("mail")
    hostile = golden.failed(tail=journals.HOSTILE, message=journals.HOSTILE)
    for event in hostile:
        if event["event"] == "phase.packages":
            event["packages"][0].update(name=journals.HOSTILE, licences=[journals.HOSTILE])
        for phase in event.get("plan", {}).get("realistic", ()):
            phase["description"] = journals.HOSTILE
    drawn = {
        "three": page(journals.with_matrix(journals.comparison(journals.past())), lambda log: log.encode() * 99),
        "load": page(golden.upgraded()).replace("<details>", "<details open>"),
        "one": page(journals.alone(source="rehearsal")),
        "hostile": page(hostile, lambda _: journals.HOSTILE.encode()),
        "campaign": campaign_page(campaigns.many()).replace("<details>", "<details open>"),
    }
    for name, html in drawn.items():
        (folder / f"{name}.html").write_text(html, encoding="utf-8")
    return {name: (folder / f"{name}.html").as_uri() for name in drawn}


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The source of axe-core, from npm. If it is not available, the test is skipped with the reason."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("no npm on this machine to get axe-core with")
    folder = tmp_path_factory.mktemp("axe")
    command = (npm, "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--ignore-scripts", "axe-core@4")
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_NPM_SECONDS, check=False, cwd=folder)
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm did not install axe-core within {_NPM_SECONDS} s")
    source = folder / "node_modules" / "axe-core" / "axe.min.js"
    if not source.is_file():
        pytest.skip(f"npm cannot install axe-core: {done.stderr.strip()[-200:]}")
    return source.read_text(encoding="utf-8")


def opened(tab: Tab, address: str, *, width: int = WIDE, dark: bool = False, media: str = "") -> Tab:
    tab.faults.clear()
    tab.asked.clear()
    tab.look(width=width, dark=dark, media=media)
    tab.open("about:blank#again")  # so that a link into the same page loads it anew
    tab.open(address)
    return tab


@pytest.mark.parametrize(("width", "dark"), LOOKS)
@pytest.mark.parametrize("name", ["three", "load", "one", "hostile", "campaign"])
def test_the_page_fits_and_loads_nothing(
    tab: Tab, pages: dict[str, str], tmp_path: Path, name: str, width: int, dark: bool
) -> None:
    """No horizontal scrolling, no error, no request, the right colour scheme, and a screenshot with content."""
    opened(tab, pages[name], width=width, dark=dark)
    assert tab.ask("document.documentElement.scrollWidth") == width
    assert tab.ask("innerWidth") == width
    lightness = tab.ask("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number)")
    assert (max(lightness) < 60) == dark
    assert [] == tab.faults
    assert {pages[name]} == {address for address in tab.asked if not address.startswith("about:")}
    assert tab.picture(tmp_path / "page.png").stat().st_size > 20_000


def test_the_verdict_of_every_path_is_visible_without_scrolling(tab: Tab, pages: dict[str, str]) -> None:
    """On a wide screen."""
    opened(tab, pages["three"])
    bottoms = tab.ask("[...document.querySelectorAll('.card .outcome')].map((it) => it.getBoundingClientRect().bottom)")
    assert 3 == len(bottoms)
    assert max(bottoms) < 500


def test_the_banner_of_a_rehearsal_is_above_the_verdict(tab: Tab, pages: dict[str, str]) -> None:
    """So that nobody reads the verdict as a deployment."""
    for width in (WIDE, NARROW):
        opened(tab, pages["one"], width=width)
        banner, card = tab.ask(
            "['.banner', '.card'].map((name) => document.querySelector(name).getBoundingClientRect().top)"
        )
        assert 0 < banner < card


def choose(tab: Tab, control: str, value: str) -> None:
    """Set the value of a control and send its input event."""
    tab.ask(
        f"(() => {{ const it = document.getElementById({control!r}); it.value = {json.dumps(value)};"
        " it.dispatchEvent(new Event('input', { bubbles: true })); })()"
    )


def tick(tab: Tab, words: str) -> None:
    tab.ask(
        f"[...document.querySelectorAll('.choice')].find((it) => it.textContent.trim().startsWith({words!r})).click()"
    )


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_checks_are_filtered_by_state_path_phase_and_text(tab: Tab, pages: dict[str, str], width: int) -> None:
    """Each alone and together. Hidden rows are counted, and a reset shows all rows."""
    opened(tab, pages["three"], width=width)
    everything = tab.ask(VISIBLE)
    assert everything > 30

    tick(tab, "failed")
    assert 2 == tab.ask(VISIBLE)
    assert f"2 of {everything} rows" == tab.ask("document.getElementById('filter-count').textContent")
    choose(tab, "filter-path", "1")
    assert 1 == tab.ask(VISIBLE)
    heads = "[...document.querySelectorAll('.checks thead .answer')].filter((it) => it.checkVisibility())"
    assert ["incremental"] == tab.ask(f"{heads}.map((it) => it.textContent)")
    choose(tab, "filter-text", "no such words")
    assert 0 == tab.ask(VISIBLE)

    tab.ask("document.querySelector('#filter [type=reset]').click()")
    tab.until(f"{VISIBLE} === {everything}")
    choose(tab, "filter-group", "phase-server")
    assert 5 == tab.ask(VISIBLE)
    choose(tab, "filter-text", "LIVEVIEW connects")
    assert 1 == tab.ask(VISIBLE)
    assert [] == tab.faults


def test_a_link_to_a_row_shows_it_even_if_a_filter_hides_it(tab: Tab, pages: dict[str, str]) -> None:
    """The row is in view and marked, and its details are open."""
    anchor = "check-phoenix-app-phoenix-app-phase-passed"
    place = f"document.getElementById('{anchor}')"
    seen = (
        f"(() => {{ const it = {place}.getBoundingClientRect(); return it.top >= 0 && it.bottom <= innerHeight; }})()"
    )
    opened(tab, f"{pages['three']}#{anchor}")
    tab.until(seen)
    assert tab.ask(f"{place}.matches(':target')")
    assert tab.ask(f"{place}.nextElementSibling.querySelector('details').open")

    tab.ask("location.hash = ''")
    choose(tab, "filter-text", "liveview")
    assert not tab.ask(f"{place}.checkVisibility()")
    tab.ask("document.querySelector('a[href=\"#failure-ambitious-1\"]').click()")
    tab.ask(f"location.hash = '{anchor}'")
    tab.until(f"{place}.checkVisibility() && {seen}")
    assert [] == tab.faults


def test_a_failure_is_followed_from_the_top(tab: Tab, pages: dict[str, str]) -> None:
    """A link leads from the verdict to the failure, which has its log as a download."""
    opened(tab, pages["three"])
    tab.ask("document.querySelector('.card a[href=\"#failure-ambitious-1\"]').click()")
    tab.until("location.hash === '#failure-ambitious-1'")
    tab.until("Math.abs(document.getElementById('failure-ambitious-1').getBoundingClientRect().top) < 200")
    link = "document.querySelector('#failure-ambitious-1 a[download]')"
    assert "igniter_new-ash,beacon.log" == tab.ask(f"{link}.download")
    assert journals.FAILED_LOG * 99 == tab.ask(f"atob({link}.href.split('base64,')[1])")


def test_the_page_is_usable_by_keyboard(tab: Tab, pages: dict[str, str]) -> None:
    """The first Tab reaches the link to the verdict. The space bar selects states. The focus is visible."""
    opened(tab, pages["three"])
    tab.press("Tab", 9)
    assert "Skip to the verdict" == tab.ask("document.activeElement.textContent")
    tab.press("Enter", 13)
    tab.until("location.hash === '#main'")
    tab.ask("document.querySelector('input[name=state]').focus()")
    tab.press(" ", 32)
    assert tab.ask("document.querySelector('input[name=state]').checked")
    assert 2 == tab.ask(VISIBLE)
    outline = tab.ask("getComputedStyle(document.querySelector('input[name=state]:focus-visible + span')).outlineStyle")
    assert "solid" == outline


def test_without_its_script_the_page_is_a_full_table(tab: Tab, pages: dict[str, str]) -> None:
    """Some mail programs run no scripts. Every row is visible, and the filter is hidden."""
    tab.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        opened(tab, pages["three"])
        assert tab.ask("document.querySelectorAll('tr.check').length") == tab.ask(VISIBLE)
        assert not tab.ask("document.getElementById('filter').checkVisibility()")
    finally:
        tab.call("Emulation.setScriptExecutionDisabled", value=False)


def test_hostile_text_runs_nothing(tab: Tab, pages: dict[str, str]) -> None:
    """It opens no dialog and creates no element."""
    opened(tab, pages["hostile"])
    assert [] == tab.faults
    assert 0 == tab.ask("document.querySelectorAll('img').length")
    assert 1 == tab.ask("document.scripts.length")
    assert tab.ask("document.body.textContent.includes('<script>alert(1)</script>')")


def test_the_page_runs_no_other_script(tab: Tab, pages: dict[str, str]) -> None:
    """An injected script does not run, because the policy allows our script only, by its hash."""
    opened(tab, pages["three"])
    tab.ask(
        "(() => { const it = document.createElement('script'); it.textContent = 'window.intruded = true';"
        " document.body.append(it); document.body.insertAdjacentHTML('beforeend',"
        " '<img src=x onerror=\"window.intruded = true\">'); })()"
    )
    tab.ask("new Promise((done) => setTimeout(done, 200))")
    assert tab.ask("window.intruded === undefined")


def test_it_prints_without_controls_and_with_everything_unfolded(tab: Tab, pages: dict[str, str]) -> None:
    """Filter and navigation are hidden, and details are open during printing."""
    opened(tab, pages["three"], media="print")
    assert not tab.ask("document.getElementById('filter').checkVisibility()")
    assert not tab.ask("document.querySelector('nav').checkVisibility()")
    folded = "document.querySelectorAll('details:not([open])').length"
    before = tab.ask(folded)
    assert before > 0
    tab.ask("dispatchEvent(new Event('beforeprint'))")
    assert 0 == tab.ask(folded)
    tab.ask("dispatchEvent(new Event('afterprint'))")
    assert before == tab.ask(folded)
    assert len(tab.call("Page.printToPDF", printBackground=True)["data"]) > 50_000


@pytest.mark.parametrize(("width", "dark"), LOOKS)
@pytest.mark.parametrize("name", ["three", "load", "one", "campaign"])
def test_axe_finds_nothing_serious(
    tab: Tab, pages: dict[str, str], axe: str, name: str, width: int, dark: bool
) -> None:
    """axe-core checks screen readers, contrast and keyboard, with all details open."""
    opened(tab, pages[name], width=width, dark=dark)
    tab.ask("document.querySelectorAll('details').forEach((it) => { it.open = true; })")
    tab.ask(f"{axe}; undefined")
    found: list[dict[str, Any]] = tab.ask(
        "axe.run(document, { resultTypes: ['violations'] }).then((it) => it.violations)"
    )
    bad = [
        (each["id"], each["help"], [node["html"][:200] for node in each["nodes"][:3]])
        for each in found
        if each["impact"] in _IMPACTS
    ]
    assert [] == bad
