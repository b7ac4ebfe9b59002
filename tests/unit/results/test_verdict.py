"""Verdicts of golden journals: one outcome for each story, and a valid verdict for every prefix of a journal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from rollout.config.comparison import is_gate_passed
from rollout.report import page, summary
from rollout.report.wording import exit_sentence, path_sentence
from rollout.results.outcomes import PathVerdict
from rollout.results.verdict import as_json, read_events, verdict
from tests.unit.report import golden

SCHEMA = Draft202012Validator(
    json.loads((Path(__file__).resolve().parents[3] / "docs" / "verdict.schema.json").read_text(encoding="utf-8"))
)


def judged(story: str) -> PathVerdict:
    return verdict(golden.STORIES[story]()).paths[0]


@pytest.mark.parametrize(
    ("story", "outcome", "cause"),
    [
        ("passed", "deployed", None),
        ("rehearsal", "deployed", None),
        ("restored", "deployed", None),
        ("retried", "deployed", None),
        ("failed", "rolled_back", "registry_unreachable"),
        ("dirty", "dirty", "database_denied"),
        ("refused", "refused", "port_taken"),
        ("killed", "dirty", "killed"),
        ("recovered", "rolled_back", "killed"),
        ("recovering", "deployed", None),
        ("extras_failed", "deployed", "version_conflict"),
        ("interrupted", "rolled_back", "interrupted"),
        ("check_failed", "deployed", "check_failed"),
    ],
)
def test_each_story_has_its_outcome(story: str, outcome: str, cause: str | None) -> None:
    """The outcome of the path, and the cause of its first failure."""
    path = judged(story)

    assert outcome == path.outcome
    assert cause == (path.failure.cause if path.failure else None)


def test_a_rehearsal_is_marked_as_such() -> None:
    """`rehearsal` depends on the source only."""
    assert verdict(golden.rehearsal()).rehearsal is True
    assert verdict(golden.passed()).rehearsal is False


def test_retries_and_attempts_are_counted() -> None:
    """A phase that passed after a retry has two attempts."""
    path = judged("retried")

    assert path.retries == 1
    assert [phase.attempts for phase in path.phases if phase.name == "ash_core"] == [2]


def test_residue_is_that_of_the_last_rollback_of_each_phase() -> None:
    """Residue that a second rollback removed is not listed any more."""
    events = list(golden.dirty())
    where = {
        "run": golden.RUN,
        "path": "realistic",
        "phase": "database",
        "why": "recovery",
        "t": events[-1]["t"],
    }
    again = ({**where, "event": "rollback.finished", "outcome": "restored", "residue": [], "seconds": 1},)

    assert judged("dirty").residue == ("role xavos still exists", "database xavos_dev still exists")
    assert verdict((*events, *again)).paths[0].residue == ()
    assert verdict((*events, *again)).paths[0].outcome == "rolled_back"


def test_recovery_decides_the_outcome_of_a_killed_run() -> None:
    """Recovery writes one rollback without a phase into the journal of the killed run."""
    where = {
        "run": golden.RUN,
        "path": "realistic",
        "phase": "",
        "why": "recovery",
        "t": "2026-11-24T08:00:00.000+00:00",
    }
    clean = {**where, "event": "rollback.finished", "outcome": "restored", "residue": [], "seconds": 1}
    stuck = {**clean, "outcome": "dirty", "residue": ["container forge-1"]}

    assert verdict((*golden.killed(), clean)).paths[0].outcome == "rolled_back"
    assert verdict((*golden.killed(), clean)).paths[0].seconds < 600
    assert verdict((*golden.killed(), stuck)).paths[0].outcome == "dirty"
    assert verdict((*golden.killed(), stuck)).paths[0].residue == ("container forge-1",)


def test_removing_a_kept_deployment_later_does_not_change_its_outcome() -> None:
    """A path that was deployed stays deployed after `make undeploy`."""
    where = {
        "run": golden.RUN,
        "path": "realistic",
        "phase": "",
        "why": "undeploy",
        "t": "2026-11-24T08:00:00.000+00:00",
    }
    gone = {**where, "event": "rollback.finished", "outcome": "restored", "residue": [], "seconds": 1}

    assert verdict((*golden.passed(), gone)).paths[0].outcome == "deployed"


def test_refusal_after_passed_phases_is_a_refusal_once_they_are_rolled_back() -> None:
    """The third phase finds an existing directory: the path is refused, not failed."""
    story = golden.Story()
    story.all_pass_before("phoenix_app")
    story.say("phase.started", path="realistic", phase="phoenix_app", before="")
    story.fails("phoenix_app", outcome="refused", cause=None, message="The directory exists already.")
    story.rolls_back("phoenix_app", "failed")
    events = list(story.events)
    story.rolls_back("worktree", "teardown")

    assert verdict(story.ends("refused", 1)).paths[0].outcome == "refused"
    end = {**events[-1], "event": "run.finished", "exit_code": 1, "seconds": 1, "reason": ""}
    assert verdict((*events, end)).paths[0].outcome == "dirty"


def test_rollback_that_never_finished_is_residue() -> None:
    """A finished journal with an unfinished rollback is dirty."""
    events = [
        event
        for event in golden.failed()
        if not (event["event"] == "rollback.finished" and event["phase"] == "database")
    ]

    assert verdict(events).paths[0].outcome == "dirty"
    assert verdict(events).paths[0].residue == ("the rollback of database did not finish",)


def test_failed_undo_is_residue() -> None:
    """An undo record that failed and was not executed later is listed."""
    events = list(golden.restored())
    events.insert(-1, {**events[-1], "event": "undo.failed", "id": "a-server", "error": "permission denied"})
    events = [event for event in events if not (event["event"] == "undo.done" and event["id"] == "a-server")]

    assert verdict(events).paths[0].residue == ("files of server: permission denied",)


def test_through_selects_the_phases() -> None:
    """Phases after --through do not belong to the path."""
    story = golden.Story(through="ash_core")
    story.all_pass_before("extras")
    path = verdict(story.ends("deployed", 0)).paths[0]

    assert (path.outcome, path.through) == ("deployed", "ash_core")
    assert [phase.name for phase in path.phases] == list(golden.PHASES[:6])


@pytest.mark.parametrize("story", golden.STORIES)
def test_every_prefix_of_a_journal_has_a_valid_verdict(story: str) -> None:
    """A run can be killed after any event. Its path is dirty until a later rollback."""
    events = golden.STORIES[story]()
    for length in range(len(events) + 1):
        found = as_json(verdict(events[:length]))
        SCHEMA.validate(found)
        assert json.loads(json.dumps(found)) == found
        if length < len(events) - 2 and found["paths"] and story not in {"recovered", "kept", "undeployed"}:
            assert found["paths"]["realistic"]["outcome"] == "dirty"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=200, deadline=None)
@given(story=st.sampled_from(list(golden.STORIES)), where=st.integers(0, 200), key=st.integers(0, 20), value=JSON)
def test_a_value_of_the_wrong_type_never_breaks_the_verdict(story: str, where: int, key: int, value: Any) -> None:
    """Journals of other versions may hold any value under a known key."""
    events = [dict(event) for event in golden.STORIES[story]()]
    event = events[where % len(events)]
    name = list(event)[key % len(event)]
    if name != "event":
        event[name] = value
    events.insert(where % len(events), {"v": 9, "event": "unheard.of", "value": value})

    json.dumps(as_json(verdict(events)))
    page(events)
    summary(events)


def test_a_torn_last_line_is_left_out(tmp_path: Path) -> None:
    """SIGKILL in the middle of a write loses that line only."""
    journal = tmp_path / "journal.jsonl"
    lines = [json.dumps(event).encode() for event in golden.passed()]
    journal.write_bytes(b"\n".join(lines) + b'\n{"v": 1, "seq": 99, "ev\xff')

    assert len(read_events(journal)) == len(lines)


class TestUnansweredGroups:
    """Groups of checks in which no check passed or failed."""

    def path(self, *outcomes: tuple[str, str], requires: tuple[str, ...] = ()) -> PathVerdict:
        """A deployed path with these checks: pairs of group and outcome."""
        events = [dict(event) for event in golden.STORIES["passed"]() if event["event"] != "check.finished"]
        for event in events:
            if event["event"] == "path.started":
                event.update(may_answer=["database", "server"], requires=list(requires))
        like = next(event for event in golden.STORIES["passed"]() if event["event"] == "check.finished")
        checks = [{**like, "phase": group, "outcome": outcome, "nodeid": f"{group}{number}"}
                  for number, (group, outcome) in enumerate(outcomes)]  # fmt: skip
        events[-1:-1] = checks
        found = verdict(events)
        SCHEMA.validate(as_json(found))
        return found.paths[0]

    def test_are_listed_but_not_gating(self) -> None:
        path = self.path(("database", "passed"), ("server", "skipped"))
        assert (path.unanswered, path.unmet, path.outcome) == (("server",), (), "deployed")

    def test_are_gating_if_required(self) -> None:
        path = self.path(("database", "passed"), ("server", "skipped"), requires=("server", "database"))
        assert (path.unanswered, path.unmet) == (("server",), ("server",))

    def test_a_failed_check_answers_its_group_but_does_not_meet_the_requirement(self) -> None:
        path = self.path(("database", "passed"), ("server", "failed"), requires=("server",))
        assert (path.unanswered, path.unmet) == ((), ("server",))

    def test_are_in_the_sentences_of_run_and_path(self) -> None:
        events = [dict(event) for event in golden.STORIES["passed"]()]
        for event in events:
            if event["event"] == "path.started":
                event.update(may_answer=["migrations"])
        judged = verdict(events)
        assert "groups without a result: migrations" in exit_sentence(judged, ["realistic"])
        assert "Groups without a result: migrations" in path_sentence(judged, judged.paths[0])

    def test_fail_the_gate_if_required(self) -> None:
        events = [dict(event) for event in golden.STORIES["passed"]()]
        for event in events:
            if event["event"] == "path.started":
                event.update(requires=["migrations"])
        judged = verdict(events)
        paths = as_json(judged)["paths"]
        assert not is_gate_passed(paths, ["realistic"])
        assert "--require needs groups without a passed check: migrations" in exit_sentence(judged, ["realistic"])
