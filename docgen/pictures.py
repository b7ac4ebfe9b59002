"""`make pictures`: makes the screenshots of the documentation from real runs.

`python -m docgen.pictures [--report=RUN] [--campaign=RUN] [OPTION…]`: takes the report folders of runs that exist, and
makes the missing runs: a comparison of all paths, and a campaign. Each OPTION goes to both; the default is
`--source=rehearsal`. A comparison on real packages also gives the pictures of the board, and a
run of the production stage that of the upgrade's time line.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from docgen.drawings import PICTURES
from rollout import environment
from rollout.config import flags
from rollout.config.options import ROOT
from rollout.process import capture, start

REPORTS = ROOT / "build" / "pictures"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
BOARDS = {"board-swarm.png": "board.png", "board-swarm-phone.png": "board-phone.png"}
COMPARISON = flags.arguments(path="all", keep="never")
CAMPAIGN = flags.arguments(campaign=True, scenario="ambitious", minutes=30, jobs=2)
_SCREENSHOT_SECONDS = 120
_SCALE = 1.5
_UNWIND_SECONDS = 300


class NoPicture(Exception):
    """A picture cannot be made. The message says what is missing and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Screenshot:
    """A part of a page (`anchor`, or its top) in a window of this size."""

    file: str
    width: int
    height: int
    anchor: str = ""


REPORT = Screenshot(file="report.png", width=1280, height=596)
LOAD = Screenshot(file="load.png", width=1280, height=1010, anchor="load-1")
RATES = Screenshot(file="campaign.png", width=1280, height=900, anchor="rates")


def main(arguments: Sequence[str]) -> int:
    """Returns the exit code: 2 if a picture cannot be made."""
    parser = argparse.ArgumentParser(prog="make pictures", description=__doc__, add_help=False)
    parser.add_argument("--report", type=Path, help="report folder of a comparison")
    parser.add_argument("--campaign", type=Path, help="report folder of a campaign")
    asked, options = parser.parse_known_args(arguments)
    try:
        browser = find_browser()
        report = asked.report or make_run("comparison", (*COMPARISON, *options))
        take(browser, report / "report.html", REPORT)
        if _has_load(report):
            take(browser, report / "report.html", LOAD)
        copy_boards(report)
        campaign = asked.campaign or make_run("campaign", (*CAMPAIGN, *options))
        take(browser, campaign / "report.html", RATES)
    except NoPicture as error:
        print(f"ERROR: {error}", file=sys.stderr)
        return 2
    return 0


def _has_load(report: Path) -> bool:
    """Whether an application was upgraded under load in that run (`--stage=production`)."""
    return f'id="{LOAD.anchor}"' in (report / "report.html").read_text(encoding="utf-8")


def find_browser() -> str:
    """The Chromium of this machine. Raises NoPicture."""
    for name in BROWSERS:
        if found := shutil.which(name):
            return found
    raise NoPicture("Chromium not found. It makes the screenshots. `apt install chromium` adds it.")


def make_run(name: str, options: Iterable[str]) -> Path:
    """Run the suite in a place of its own; returns its report folder. A failed path is worth a picture as well."""
    given = [*options]
    reports = REPORTS / name
    reports.mkdir(parents=True, exist_ok=True)
    log = reports / "pytest.log"
    source = () if flags.value_in(given, "source") else flags.arguments(source="rehearsal")
    own = (*source, *flags.arguments(name="pictures"))
    argv = (sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *given, *own)
    print(f"Making the {name}; its output goes to {log}", flush=True)
    run = start(argv, env=environment.suite(XAVOS_REPORTS_DIR=str(reports)), cwd=ROOT, log=log)
    try:
        run.wait()
    finally:
        run.stop(_UNWIND_SECONDS)  # after Ctrl-C it rolls back
    latest = reports / "latest"
    if not (latest / "report.html").is_file():
        raise NoPicture(f"The {name} has not written {latest / 'report.html'}. {log} says why.")
    return latest


def take(browser: str, page: Path, shot: Screenshot) -> None:
    """Write a screenshot below docs/pictures/. Raises NoPicture."""
    if not page.is_file():
        raise NoPicture(f"{page} does not exist. Name the report folder of a run.")
    target = PICTURES / shot.file
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:  # helpers of Chromium may still write there
        shown = page.resolve()
        if shot.anchor:
            shown = Path(home) / f"{shot.anchor}.html"
            shown.write_text(only(page.read_text(encoding="utf-8"), shot.anchor), encoding="utf-8")
        address = shown.as_uri()
        made = Path(home) / shot.file
        argv = (browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                f"--force-device-scale-factor={_SCALE}", f"--window-size={shot.width},{shot.height}",
                f"--user-data-dir={home}", f"--screenshot={made}", address)  # fmt: skip
        ended = capture(argv, env=environment.program(HOME=home), deadline=_SCREENSHOT_SECONDS)
        if not made.is_file():
            raise NoPicture(f"{browser} has made no screenshot of {page}: {ended.messages[-400:]}")
        shutil.copyfile(made, target)
    print(f"{target.relative_to(ROOT)}: {page}")


def only(page: str, anchor: str) -> str:
    """The page without what is outside the element `anchor`. Chromium takes its picture from the top of the page."""
    outside = f"body *:not(:has(#{anchor})):not(#{anchor}):not(#{anchor} *) {{ display: none !important }}"
    # The page's policy allows no other style than its own.
    free = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)
    return free.replace("</head>", f"<style>{outside}</style></head>", 1)


def copy_boards(report: Path) -> None:
    """Copy the pictures of the board, if the run has made them."""
    for made, file in BOARDS.items():
        for found in sorted(report.rglob(made)):
            shutil.copyfile(found, PICTURES / file)
            print(f"docs/pictures/{file}: {found}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
