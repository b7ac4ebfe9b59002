"""`python -m rollout.report RUN_FOLDER`: draw a run's reports again from its journal."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rollout.journal.merging import JOURNAL, read_run
from rollout.report.wording import path_sentence
from rollout.report.writer import PAGE, write_reports
from rollout.results.verdict import verdict
from rollout.text.standard_streams import accept_everything


def main(arguments: list[str] | None = None) -> int:
    """0: drawn; 2: the folder holds no journal, or cannot be written."""
    accept_everything()
    parser = argparse.ArgumentParser(prog="python -m rollout.report", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="RUN_FOLDER", help=f"a folder with a {JOURNAL}")
    given = parser.parse_args(arguments)
    if not (given.folder / JOURNAL).is_file():
        parser.error(f"{given.folder / JOURNAL} does not exist; give the folder of a run, such as reports/latest")
    try:
        events = read_run(given.folder)
        write_reports(given.folder, events)
    except OSError as error:
        parser.error(f"{given.folder} cannot be read or written: {error.strerror}")
    judged = verdict(events)
    for path in judged.paths:
        print(path_sentence(judged, path))
    print(given.folder / PAGE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
