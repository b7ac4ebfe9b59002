"""`python -m rollout.report RUN_FOLDER`: draws the reports of a run again from its journal."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rollout.installation import program
from rollout.journal.merging import JOURNAL, read_run
from rollout.report.wording import path_sentence
from rollout.report.writer import PAGE, write_reports
from rollout.results.verdict import verdict
from rollout.text.standard_streams import make_outputs_safe


def main(arguments: list[str] | None = None) -> int:
    """Returns 0; exits with 2 if the folder has no journal or cannot be written."""
    make_outputs_safe()
    parser = argparse.ArgumentParser(prog=program("rollout.report", "report"), description=__doc__)
    parser.add_argument("folder", type=Path, metavar="RUN_FOLDER", help=f"a folder with a {JOURNAL}")
    folder = parser.parse_args(arguments).folder
    if not (folder / JOURNAL).is_file():
        parser.error(f"{folder / JOURNAL} does not exist. Give the folder of a run, such as reports/latest.")
    try:
        events = read_run(folder)
        write_reports(folder, events)
    except OSError as error:
        parser.error(f"{folder} cannot be read or written: {error.strerror}")
    judged = verdict(events)
    for path in judged.paths:
        print(path_sentence(judged, path))
    print(folder / PAGE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
