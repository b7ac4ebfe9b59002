"""The summary at the end of the console, for each way in which a run can end."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from rollout.report.console_summary import console_summary
from rollout.report.view import view
from tests.unit.report import golden, journals

REPORT = Path("reports/latest/report.html")
Event = Mapping[str, Any]


def lines(events: tuple[Event, ...]) -> list[str]:
    return [row.text for row in console_summary(view(events), REPORT)]


def test_a_kept_deployment_has_its_url_and_the_next_step() -> None:
    rows = lines(journals.alone())

    assert rows[0].startswith("XAVOS was deployed on the realistic path through server")
    assert rows[1:] == [
        "XAVOS answers at http://127.0.0.1:4001",
        "Next: remove it with `make undeploy`.",
        f"Report: {REPORT}",
    ]


def test_an_upgrade_says_what_became_of_the_requests() -> None:
    """Of the first load only. The report has the others."""
    rows = [row for row in lines(golden.upgraded()) if row.startswith("Under load")]

    assert len(rows) == 1
    assert rows[0].startswith("Under load, Upgrade from a to b: All 3,034 requests were answered as expected.")


def test_three_paths_have_at_most_ten_lines_with_the_gate() -> None:
    rows = lines(journals.comparison())

    assert len(rows) < 10  # the tenth is pytest's own
    assert [line.split(" path ")[0] for line in rows[:3]] == [
        "The ambitious",
        "The incremental",
        "XAVOS was deployed on the realistic",
    ]
    assert rows[3].startswith("Exit code 0: the gate is met")


def test_only_two_failed_checks_are_listed() -> None:
    events = list(journals.alone())
    at = next(number for number, event in enumerate(events) if event["event"] == "path.finished")
    failed = [
        {**events[at], "event": "check.finished", "nodeid": f"deploy_tests/test_18_server.py::test_page_{n}[en]",
         "phase": "server", "check": f"page {n} answers", "outcome": "failed", "seconds": 1,
         "message": f"no {n}\nmore"}
        for n in range(7)
    ]  # fmt: skip
    rows = lines((*events[:at], *failed, *events[at:]))

    assert "Failed: server: page 0 answers: no 0" in rows
    assert "... and 5 more failed checks in the report" in rows
    assert "Next: read the reason in the report, then run that check alone: pytest -k test_page_0" in rows


@pytest.mark.parametrize(
    ("events", "step"),
    [
        (journals.alone("incremental"), "Next: "),
        (golden.killed(), "Next: "),
    ],
)
def test_a_failed_path_has_a_next_step(events: tuple[Event, ...], step: str) -> None:
    rows = lines(events)
    assert rows[-2].startswith(step)
    assert rows[-2] != step


def test_a_kept_failure_has_the_command_to_enter_it() -> None:
    events = [event for event in journals.alone("incremental") if not event["event"].startswith("rollback")]
    at = next(number for number, event in enumerate(events) if event["event"] == "path.finished")
    kept = {"event": "kept", "t": events[at]["t"], "path": "incremental", "url": "", "directory": "d", "manage": "",
            "remove": "make undeploy ARGS=x", "forge": "docker exec -it x-forge bash"}  # fmt: skip
    act = {"event": "act.intent", "t": events[at]["t"], "id": "a1", "path": "incremental", "phase": "authentication",
           "text": "x", "undo": {"kind": "state"}}  # fmt: skip
    rows = lines((*events[:at], act, kept, *events[at:]))

    assert "its site is kept until `make undeploy` removes it." in rows[0]
    assert (
        rows[-2] == "Next: inspect it with `docker exec -it x-forge bash`, then remove it with `make undeploy ARGS=x`."
    )


def test_a_run_without_a_selected_check_has_advice_what_to_select() -> None:
    """Such as a run with `-m nomark`. Nothing failed, so there is no cause to read."""
    started, *_, finished = [event for event in journals.alone() if event["event"] in {"run.started", "run.finished"}]
    ended = {**finished, "exit_code": 4, "reason": "no check asked for a deployment"}
    assert lines((started, ended))[-2].startswith("Next: select checks of deploy_tests/")


def test_an_undeployed_site_is_not_shown_as_kept() -> None:
    """A report that is drawn again after `make undeploy` has no URL and no command for the removed site."""
    events = journals.alone()
    gone = {"event": "rollback.finished", "t": events[-1]["t"], "run": events[-1].get("run"), "path": "realistic",
            "phase": "", "why": "undeploy", "outcome": "restored", "residue": [], "seconds": 1}  # fmt: skip
    rows = lines((*events, gone))
    assert not any("answers at" in text for text in rows)
    assert {} == view((*events, gone)).paths[0].kept
    assert view(events).paths[0].kept
