"""Golden journals of real runs: their verdicts and masking, and a comparison with the hand-written stories."""

from __future__ import annotations

import platform
import re
from pathlib import Path

import pytest

from rollout.journal.events import EVENTS, REQUIRED
from rollout.report import page
from rollout.results.verdict import verdict
from tests.unit.report import golden
from tests.unit.report.recording import FOLDER

OUTCOMES = {
    "rehearsed": ("deployed", None),
    "kept": ("deployed", None),
    "undeployed": ("deployed", None),
    "port_taken": ("refused", "port_taken"),
    "registry_retried": ("deployed", None),
    "terminated": ("rolled_back", "killed"),
    "power_cut": ("dirty", "killed"),
    "power_cut_recovered": ("rolled_back", "killed"),
    "recovering_first": ("deployed", None),
}


@pytest.mark.parametrize("name", OUTCOMES)
def test_a_recorded_run_has_its_outcome_and_cause(name: str) -> None:
    path = verdict(golden.RECORDED[name]()).paths[0]
    assert OUTCOMES[name] == (path.outcome, path.failure.cause if path.failure else None)


def test_every_recording_has_an_expected_outcome() -> None:
    assert set(OUTCOMES) == set(golden.RECORDED)


@pytest.mark.parametrize("name", OUTCOMES)
def test_a_recording_has_known_events_with_their_required_keys(name: str) -> None:
    for event in golden.RECORDED[name]():
        assert event["event"] in EVENTS
        assert set() == REQUIRED[event["event"]] - event.keys(), event


@pytest.mark.parametrize("name", OUTCOMES)
def test_a_recording_names_no_machine_and_no_path_of_it(name: str) -> None:
    text = (FOLDER / f"{name}.jsonl").read_text(encoding="utf-8")
    assert not re.search(r"/(?:tmp|root|work|var/folders)/", text)
    assert str(Path.home()) not in text
    assert f'"{platform.node()}"' not in text


def test_hand_written_stories_have_the_keys_of_recorded_events() -> None:
    """For each kind of event that a recording has."""
    recorded: dict[str, set[str]] = {}
    for story in golden.RECORDED.values():
        for event in story():
            recorded.setdefault(event["event"], set()).update(event)
    for name, story in golden.WRITTEN.items():
        for event in story():
            known = recorded.get(event["event"])
            assert known is None or set() == event.keys() - known, (name, event["event"])


def test_a_report_has_the_requests_of_the_gateway_and_the_recovered_run() -> None:
    events = golden.RECORDED["recovering_first"]()
    shown = page(events)
    assert re.search(r"\d+ requests, \d+ from cache", shown)
    earlier = next(event["of"] for event in events if event["event"] == "recovery.finished")
    assert f"{earlier}: restored" in shown
