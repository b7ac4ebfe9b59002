"""`python -m rollout.report RUN_FOLDER`: draw a run's reports again from its journal."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rollout.report.files import JOURNAL, write_page, write_reports
from rollout.report.wording import path_sentence
from rollout.verdict import read_events, verdict


def main(arguments: list[str] | None = None) -> int:
    """0: drawn; 2: the folder holds no journal, or cannot be written."""
    parser = argparse.ArgumentParser(prog="python -m rollout.report", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="RUN_FOLDER", help=f"a folder with a {JOURNAL}")
    parser.add_argument("--page", action="store_true", help="draw report.html again as well (without test details)")
    given = parser.parse_args(arguments)
    journal = given.folder / JOURNAL
    if not journal.is_file():
        parser.error(f"{journal} does not exist; give the folder of a run, such as reports/latest")
    try:
        write_reports(journal, given.folder)
        if given.page or not (given.folder / "report.html").exists():
            write_page(journal, given.folder)
    except OSError as error:
        parser.error(f"{given.folder} cannot be written: {error.strerror}")
    judged = verdict(read_events(journal))
    for path in judged.paths:
        print(path_sentence(judged, path))
    print(given.folder / "report.html")
    return 0


if __name__ == "__main__":
    sys.exit(main())
