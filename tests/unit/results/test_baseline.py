"""What a run is excused for if it failed before, and what nothing excuses."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from rollout.report.wording import exit_sentence
from rollout.results.baseline import InvalidBaseline, became_worse, read_baseline
from rollout.results.verdict import as_json, verdict
from tests.unit.report import golden
from tests.unit.results.test_verdict import SCHEMA

GATE = ("realistic",)


def judged(story: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(as_json(verdict(golden.STORIES[story]()))))
    return found


def with_failing(story: str, names: Iterable[str], **path: Any) -> dict[str, Any]:
    made = judged(story)
    made["paths"]["realistic"] |= {"failing": sorted(names), **path}
    return made


def test_a_run_is_never_worse_than_itself() -> None:
    for story in ("passed", "failed", "check_failed", "rehearsal", "extras_failed"):
        assert () == became_worse(judged(story), judged(story), GATE), story


def test_a_failing_check_is_excused_by_its_name() -> None:
    """A blocked one too, and whatever became better."""
    before = with_failing("check_failed", ["a.py::test_one[x]", "a.py::test_two"])
    assert () == became_worse(before, with_failing("check_failed", ["a.py::test_one[x]"]), GATE)
    after = with_failing("check_failed", ["a.py::test_one[y]", "a.py::test_two"])
    assert ("realistic: test_one[y] does not pass",) == became_worse(before, after, GATE)


def test_a_phase_that_passed_before_has_to_pass() -> None:
    worse = became_worse(judged("passed"), judged("failed"), GATE)
    assert "realistic: phase ash_core is failed" in worse
    assert "realistic: phase server is blocked" in worse
    assert () == became_worse(judged("failed"), judged("passed"), GATE)


@pytest.mark.parametrize(("story", "said"), [("dirty", "left something behind"), ("refused", "was refused")])
def test_nothing_excuses_what_is_left_behind_or_was_not_tried(story: str, said: str) -> None:
    assert (f"realistic {said}",) == became_worse(judged(story), judged(story), GATE)


def test_a_path_that_is_new_may_not_fail() -> None:
    """On a path that does not gate, anything may."""
    before = judged("failed")
    before["paths"] = {"incremental": before["paths"]["realistic"]}
    assert "realistic: phase ash_core is failed" in became_worse(before, judged("failed"), GATE)
    assert () == became_worse(before, judged("failed"), ())


def test_a_required_group_without_a_passed_check_is_excused_too() -> None:
    before, after = with_failing("passed", (), unmet=["server"]), with_failing("passed", (), unmet=["server", "api"])
    assert ("realistic: no check of api passed",) == became_worse(before, after, GATE)


def test_a_rehearsal_is_no_baseline_of_a_deployment() -> None:
    (reason,) = became_worse(judged("rehearsal"), judged("passed"), GATE)
    assert "cannot be compared" in reason


def test_the_verdict_lists_failing_checks() -> None:
    """Those that are skipped or passed are not in it."""
    found = judged("check_failed")["paths"]["realistic"]
    assert found["checks"]["failed"] + found["checks"]["blocked"] == len(found["failing"]) > 0
    assert [] == judged("passed")["paths"]["realistic"]["failing"]


@pytest.mark.parametrize(
    ("worse", "said"),
    [
        ((), "Nothing became worse since the baseline, before."),
        (tuple(f"w{n}" for n in range(7)), "Became worse since the baseline, before: w0; w1; w2; w3; w4; and 2 more."),
    ],
)
def test_the_comparison_stands_in_the_verdict_and_in_the_reports(worse: tuple[str, ...], said: str) -> None:
    events = golden.STORIES["check_failed"]()
    compared = {**events[-1], "event": "baseline.compared", "against": "before", "worse": list(worse)}
    found = verdict((*events[:-1], compared, events[-1]))
    assert {"run": "before", "worse": list(worse)} == as_json(found)["baseline"]
    SCHEMA.validate(as_json(found))
    assert exit_sentence(found, GATE).endswith(said)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("{", "it is not JSON"),
        ("[]", "it is no verdict.json with schema 1"),
        ('{"schema": 2, "paths": {}}', "it is no verdict.json with schema 1"),
        ('{"schema": 1, "run": "r", "exit_code": null, "paths": {}}', "its run r did not come to its end"),
        ('{"schema": 1, "exit_code": 0, "paths": {"app": {}}}', "a version that did not list failing checks"),
    ],
)
def test_a_file_that_is_no_baseline_is_refused(content: str, problem: str, tmp_path: Path) -> None:
    file = tmp_path / "verdict.json"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(InvalidBaseline, match=problem):
        read_baseline(file)


def test_a_baseline_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidBaseline, match="Is a directory"):
        read_baseline(tmp_path)
