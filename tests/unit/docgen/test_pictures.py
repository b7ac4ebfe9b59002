"""`make pictures`: what it says without Chromium or without a report."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from pathlib import Path

import pytest

from docgen import pictures

BROWSER = f"""#!{sys.executable}
import pathlib, sys
made = next(word.partition("=")[2] for word in sys.argv if word.startswith("--screenshot="))
if "broken" in sys.argv[-1]:
    sys.exit("cannot open the page")
pathlib.Path(made).write_text(sys.argv[-1])
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for pictures below a root of its own, and a browser that writes the address it was given."""
    monkeypatch.setattr(pictures, "ROOT", tmp_path)
    monkeypatch.setattr(pictures, "PICTURES", tmp_path / "pictures")
    (tmp_path / "pictures").mkdir()
    browser = tmp_path / "bin" / "chromium"
    browser.parent.mkdir()
    browser.write_text(BROWSER)
    browser.chmod(browser.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{browser.parent}{os.pathsep}/usr/bin:/bin")
    return tmp_path


def run_folder(folder: Path, name: str) -> Path:
    """A report folder with a page."""
    run = folder / name
    (run / "paths" / "realistic").mkdir(parents=True)
    (run / "report.html").write_text("<p>")
    return run


def test_a_machine_without_chromium_gets_an_error_that_helps(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert 2 == pictures.main([])
    assert "Chromium not found" in (said := capsys.readouterr().err)
    assert "apt install chromium" in said


def test_both_pages_and_the_boards_become_pictures(folder: Path) -> None:
    report, campaign = run_folder(folder, "comparison"), run_folder(folder, "campaign")
    (report / "paths" / "realistic" / "board-swarm.png").write_text("board")
    assert 0 == pictures.main([f"--report={report}", f"--campaign={campaign}"])
    assert {"report.png", "campaign.png", "board.png"} == {path.name for path in (folder / "pictures").iterdir()}
    assert (folder / "pictures" / "report.png").read_text() == (report / "report.html").as_uri()
    assert (folder / "pictures" / "campaign.png").read_text().endswith("/rates.html")


def test_a_part_of_a_page_is_shown_without_the_rest() -> None:
    policy = '<meta http-equiv="Content-Security-Policy" content="style-src \'sha256-x\'">'
    shown = pictures.only(f"<head>{policy}</head><body><p><section id='rates'></section>", "rates")
    assert "Content-Security-Policy" not in shown
    assert "body *:not(:has(#rates)):not(#rates):not(#rates *) { display: none" in shown.partition("</head>")[0]


def test_the_time_line_of_an_upgrade_becomes_a_picture(folder: Path) -> None:
    """Only if the report has one."""
    report, campaign = run_folder(folder, "comparison"), run_folder(folder, "campaign")
    (report / "report.html").write_text('<article class="load" id="load-1">')
    assert 0 == pictures.main([f"--report={report}", f"--campaign={campaign}"])
    assert (folder / "pictures" / "load.png").read_text().endswith("/load-1.html")


def test_a_run_that_does_not_exist_is_an_error(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert 2 == pictures.main([f"--report={folder / 'nowhere'}"])
    assert "Name the report folder of a run" in capsys.readouterr().err


def test_a_browser_that_makes_no_screenshot_is_an_error(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert 2 == pictures.main([f"--report={run_folder(folder, 'broken')}"])
    assert "cannot open the page" in capsys.readouterr().err
    assert [] == list((folder / "pictures").iterdir())


def test_options_go_to_the_runs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, ...]] = []

    def make_run(name: str, options: tuple[str, ...]) -> Path:
        asked.append(options)
        return run_folder(folder, name)

    monkeypatch.setattr(pictures, "make_run", make_run)
    assert 0 == pictures.main(["--source=mirror:http://127.0.0.1:4100", "--port=4100"])
    assert [(*kind, "--source=mirror:http://127.0.0.1:4100", "--port=4100")
            for kind in (pictures.COMPARISON, pictures.CAMPAIGN)] == asked  # fmt: skip


SUITE = """
import os, pathlib, sys

def pytest_addoption(parser):
    for flag in ("--name", "--source", "--path", "--keep", "--port"):
        parser.addoption(flag)

def pytest_sessionfinish(session):
    if session.config.getoption("--port") != "4102":
        latest = pathlib.Path(os.environ["XAVOS_REPORTS_DIR"]) / "latest"
        latest.mkdir(parents=True)
        (latest / "report.html").write_text(" ".join(sys.argv[1:]))
"""


@pytest.fixture
def suite(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pytest suite with the flags of this one, which writes its arguments into its report."""
    (folder / "conftest.py").write_text(SUITE)
    monkeypatch.setattr(pictures, "REPORTS", folder / "reports")
    return folder


@pytest.mark.parametrize(
    ("given", "source"), [((), "--source=rehearsal"), (("--source=hexpm",), "--source=hexpm")], ids=["default", "named"]
)
def test_a_run_is_made_in_a_place_of_its_own(suite: Path, given: tuple[str, ...], source: str) -> None:
    """On stand-ins, unless a source is named. Its exit code does not matter: a failed path is worth a picture too."""
    made = pictures.make_run("comparison", (*pictures.COMPARISON, *given))
    assert suite / "reports" / "comparison" / "latest" == made
    words = (made / "report.html").read_text().split()
    assert {"--name=pictures", "--path=all", "--keep=never", source} <= set(words)
    assert 1 == sum(word.startswith("--source") for word in words)


def test_a_run_without_a_report_is_an_error(suite: Path) -> None:
    with pytest.raises(pictures.NoPicture, match="The comparison has not written"):
        pictures.make_run("comparison", ("--port=4102",))
