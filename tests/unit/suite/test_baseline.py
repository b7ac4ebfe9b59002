"""The exit code of a run with `--baseline`."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from rollout.config.run import Run
from rollout.results.verdict import as_json, verdict
from suite.baseline import excused, refuse_invalid
from tests.unit.fakes import options
from tests.unit.report import golden

GATE = ("realistic",)


class _Journal:
    def __init__(self) -> None:
        self.told: list[tuple[str, dict[str, Any]]] = []

    def tell(self, event: str, **facts: Any) -> None:
        self.told.append((event, facts))


def run_of(story: str) -> tuple[Run, _Journal]:
    events = tuple(event for event in golden.STORIES[story]() if event["event"] != "run.finished")
    journal = _Journal()
    return cast("Run", SimpleNamespace(events=lambda: events, journal=journal)), journal


def baseline(folder: Path, story: str) -> str:
    file = folder / "verdict.json"
    file.write_text(json.dumps(as_json(verdict(golden.STORIES[story]()))), encoding="utf-8")
    return str(file)


def test_what_failed_before_does_not_fail_the_run(tmp_path: Path) -> None:
    run, journal = run_of("check_failed")
    assert 0 == excused(run, options(tmp_path, baseline=baseline(tmp_path, "check_failed")), 1, GATE)
    assert [("baseline.compared", {"against": golden.RUN, "worse": []})] == journal.told


def test_what_became_worse_does(tmp_path: Path) -> None:
    run, journal = run_of("check_failed")
    assert 1 == excused(run, options(tmp_path, baseline=baseline(tmp_path, "passed")), 1, GATE)
    assert journal.told[0][1]["worse"]


@pytest.mark.parametrize("code", [2, 3, 5])
def test_a_run_that_did_not_come_to_its_end_is_not_compared(code: int, tmp_path: Path) -> None:
    run, journal = run_of("check_failed")
    assert code == excused(run, options(tmp_path, baseline=baseline(tmp_path, "check_failed")), code, GATE)
    assert not journal.told


def test_a_path_of_a_comparison_is_judged_by_its_controller(tmp_path: Path) -> None:
    run, journal = run_of("check_failed")
    of_path = dataclasses.replace(options(tmp_path, baseline=baseline(tmp_path, "check_failed")), folder=tmp_path)
    assert 1 == excused(run, of_path, 1, GATE)
    assert not journal.told


def test_the_newest_verdict_is_read_before_latest_is_another(tmp_path: Path) -> None:
    """`reports/latest` is a link to the folder of the run before, until a run begins."""
    first = tmp_path / "first"
    first.mkdir()
    baseline(first, "passed")
    (tmp_path / "latest").symlink_to("first")
    given = options(tmp_path, baseline=str(tmp_path / "latest" / "verdict.json"))
    refuse_invalid(given)
    assert first / "verdict.json" == given.baseline
