"""The closing lines for every way in which a run can end."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from rollout.report.console_summary import closing
from rollout.report.view import view
from tests.unit.report import golden, journals

REPORT = Path("reports/latest/report.html")
Event = Mapping[str, Any]


def lines(events: tuple[Event, ...]) -> list[str]:
    return [told.text for told in closing(view(events), REPORT)]


def test_what_is_up_says_where_it_answers_and_what_to_do_next() -> None:
    told = lines(journals.alone())

    assert told[0].startswith("XAVOS was deployed on the realistic path through server")
    assert told[1:] == [
        "XAVOS answers at http://127.0.0.1:4001",
        "Next: remove it with `make undeploy`.",
        f"Report: {REPORT}",
    ]


def test_three_paths_end_in_ten_lines_at_most_with_the_gate_among_them() -> None:
    told = lines(journals.comparison())

    assert len(told) < 10  # the tenth is pytest's own
    assert [line.split(" path ")[0] for line in told[:3]] == [
        "The ambitious",
        "The incremental",
        "XAVOS was deployed on the realistic",
    ]
    assert told[3].startswith("Exit code 0: the gate is met")


def test_many_failed_checks_are_counted_not_listed() -> None:
    events = list(journals.alone())
    at = next(number for number, event in enumerate(events) if event["event"] == "path.finished")
    failed = [
        {**events[at], "event": "check.finished", "nodeid": f"deploy_tests/test_18_server.py::test_page_{n}[en]",
         "phase": "server", "check": f"page {n} answers", "outcome": "failed", "seconds": 1,
         "message": f"no {n}\nmore"}
        for n in range(7)
    ]  # fmt: skip
    told = lines((*events[:at], *failed, *events[at:]))

    assert "Failed: server: page 0 answers: no 0" in told
    assert "... and 5 more failed checks: see the report" in told
    assert "Next: read why in the report, then run that check alone: pytest -k test_page_0" in told


@pytest.mark.parametrize(
    ("events", "step"),
    [
        (journals.alone("incremental"), "Next: "),
        (golden.killed(), "Next: "),
    ],
)
def test_a_failed_path_has_a_next_step(events: tuple[Event, ...], step: str) -> None:
    told = lines(events)
    assert told[-2].startswith(step)
    assert told[-2] != step


def test_a_failure_that_is_kept_says_how_to_enter_it() -> None:
    events = [event for event in journals.alone("incremental") if not event["event"].startswith("rollback")]
    at = next(number for number, event in enumerate(events) if event["event"] == "path.finished")
    kept = {"event": "kept", "t": events[at]["t"], "path": "incremental", "url": "", "directory": "d", "manage": "",
            "remove": "make undeploy ARGS=x", "forge": "docker exec -it x-forge bash"}  # fmt: skip
    act = {"event": "act.intent", "t": events[at]["t"], "id": "a1", "path": "incremental", "phase": "authentication",
           "text": "x", "undo": {"kind": "state"}}  # fmt: skip
    told = lines((*events[:at], act, kept, *events[at:]))

    assert "its site is kept as it is, until `make undeploy` removes it." in told[0]
    assert (
        told[-2]
        == "Next: look into it with `docker exec -it x-forge bash`, then remove it with `make undeploy ARGS=x`."
    )


def test_run_without_a_selected_check_says_what_to_select() -> None:
    """As `-m nomark` ends: nothing failed, so there is no cause to read."""
    begun = [event for event in journals.alone() if event["event"] in {"run.started", "run.finished"}]
    ended = {**begun[-1], "exit_code": 4, "reason": "no check asked for a deployment"}
    assert lines((begun[0], ended))[-2].startswith("Next: select checks of deploy_tests/")


def test_what_has_been_undeployed_is_not_shown_as_kept() -> None:
    """A report that is drawn again after `make undeploy` offers no address and no command into what is gone."""
    events = journals.alone()
    gone = {"event": "rollback.finished", "t": events[-1]["t"], "run": events[-1].get("run"), "path": "realistic",
            "phase": "", "why": "undeploy", "outcome": "restored", "residue": [], "seconds": 1}  # fmt: skip
    told = lines((*events, gone))
    assert not any("answers at" in text for text in told)
    assert {} == view((*events, gone)).paths[0].kept
    assert view(events).paths[0].kept
