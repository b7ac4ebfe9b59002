"""The documentation as a site: it builds strictly, and needs no network when it is read."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from docgen.links import loaded_from_elsewhere, site_links
from rollout.config.options import ROOT

pytestmark = pytest.mark.timeout(300)


def build(folder: Path, site: Path) -> subprocess.CompletedProcess[str]:
    command = (sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(site))
    env = {**os.environ, "NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=240)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if importlib.util.find_spec("mkdocs") is None:
        pytest.skip("this environment was not made of requirements.lock: MkDocs is missing")
    made = tmp_path_factory.mktemp("site")
    ended = build(ROOT, made)
    assert 0 == ended.returncode, ended.stdout + ended.stderr
    return made


def test_every_page_is_built(site: Path) -> None:
    """A strict build has no broken link, no unknown anchor, and no page that the navigation leaves out."""
    pages = {path.relative_to(ROOT / "docs").with_suffix(".html") for path in (ROOT / "docs").rglob("*.md")}
    made = {path.relative_to(site) for path in site.rglob("*.html")}
    assert pages | {Path("index.html"), Path("changelog.html"), Path("contributing.html")} == made - {Path("404.html")}


def test_no_page_loads_anything_from_another_server(site: Path) -> None:
    for page in (*site.rglob("*.html"), *site.rglob("*.css")):
        assert () == loaded_from_elsewhere(page.read_text(encoding="utf-8")), page.relative_to(site)


def test_every_table_and_list_is_rendered(site: Path) -> None:
    """A paragraph that begins like one was not: an empty line before it or the indentation is missing."""
    for page in site.rglob("*.html"):
        prose = re.sub(r"<pre.*?</pre>", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
        found = re.findall(r"(?:<p>|\n)(?:\| |- |```)[^<]{0,60}", prose)
        assert [] == found, page.relative_to(site)


def test_no_page_has_a_diagram_that_a_script_of_another_server_would_draw(site: Path) -> None:
    """The theme's script fetches Mermaid only for such a diagram."""
    for page in site.rglob("*.html"):
        assert 'class="mermaid"' not in page.read_text(encoding="utf-8"), page.relative_to(site)


def test_broken_links_and_foreign_pictures_fail_the_build(tmp_path: Path) -> None:
    """In a site of two pages with the hooks of this one."""
    pytest.importorskip("mkdocs")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "design.md").write_text("# Design\n", encoding="utf-8")
    (tmp_path / "docs" / "page.md").write_text(
        "[a](nowhere.md) [b](#lost) [c](design.md#gone)\n\n<img src='https://example.org/x.png' alt=''>\n",
        encoding="utf-8",
    )
    (tmp_path / "mkdocs.yml").write_text(
        f"site_name: x\nhooks: [{ROOT / 'docgen' / 'hooks.py'}]\n"
        "validation: {links: {not_found: warn, anchors: warn, unrecognized_links: warn}}\n"
        "nav: [page.md, design.md]\n",
        encoding="utf-8",
    )
    ended = build(tmp_path, tmp_path / "site")
    assert 0 != ended.returncode
    for what in ("nowhere.md, which does not exist", "#lost", "design.md#gone", "loads https://example.org/x.png"):
        assert what in ended.stdout + ended.stderr


@pytest.mark.parametrize(
    ("page", "text", "expected"),
    [
        ("index.md", "[d](docs/design.md#x)", "[d](design.md#x)"),
        ("index.md", "![p](docs/pictures/report.png)", "![p](pictures/report.png)"),
        ("design.md", "[r](../README.md)", "[r](index.md)"),
        ("design.md", "[plan](../plans/realistic.toml) and", "plan and"),
        ("how-to/add-a-phase.md", "[d](../design.md)", "[d](../design.md)"),
        ("how-to/add-a-phase.md", "[c](../../CONTRIBUTING.md)", "[c](../contributing.md)"),
        ("how-to/add-a-phase.md", "[`x`](../../conftest.py)", "`x`"),
        ("design.md", "[w](https://example.org/a)", "[w](https://example.org/a)"),
        ("design.md", "[w](#here)", "[w](#here)"),
        ("design.md", "```\n[x](../plans/realistic.toml)\n```", "```\n[x](../plans/realistic.toml)\n```"),
    ],
)
def test_links_lead_to_pages_of_the_site(page: str, text: str, expected: str) -> None:
    warnings: list[str] = []
    assert expected == site_links(text, page, warnings.append)
    assert [] == warnings


def test_a_link_to_a_file_that_does_not_exist_is_a_warning() -> None:
    warnings: list[str] = []
    site_links("[x](nowhere.py)", "design.md", warnings.append)
    assert ["design.md links to docs/nowhere.py, which does not exist"] == [w.removeprefix("docs/") for w in warnings]


@pytest.mark.parametrize(
    "html",
    [
        '<script src="https://example.org/x.js">', "<link rel=stylesheet href=//example.org/x.css>",
        "@font-face{src: url(https://example.org/x.woff2)}", "<img src='http://example.org/x.png'>",
    ],
)  # fmt: skip
def test_what_a_page_loads_from_elsewhere_is_found(html: str) -> None:
    assert 1 == len(loaded_from_elsewhere(html))


def test_a_link_to_click_on_loads_nothing() -> None:
    assert () == loaded_from_elsewhere('<a href="https://example.org">x</a><link rel="canonical" href="https://x.org">')
