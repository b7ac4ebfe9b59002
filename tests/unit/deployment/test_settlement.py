"""A failed undo is retried, stays pending, and is tried again at the path's end and by the next run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from rollout.errors import RolloutError
from rollout.journal import Act, Journal, Redactor
from rollout.results.verdict import verdict
from rollout.rollback.rollback import ATTEMPTS, essential, roll_back
from rollout.rollback.undo import _KINDS, UndoContext
from rollout.site.store.objects import Store
from tests.unit.fakes import GROUND, Stage, code, plan, writes


class Unreachable(RolloutError):
    cause = "database_unreachable"


def _act(identity: str, **undo: Any) -> Act:
    return Act(id=identity, path="realistic", phase="database", text=f"make {identity}", undo=undo)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal.jsonl", run="r", redactor=Redactor())


@pytest.fixture
def workshop(tmp_path: Path) -> UndoContext:
    return UndoContext(store=Store(tmp_path), secrets={}, servers={"container:x": None})  # type: ignore[dict-item]


def _answers_at(attempt: int, asked: list[str]) -> Any:
    def undo(record: Mapping[str, Any], workshop: UndoContext) -> str:
        asked.append(str(record["name"]))
        if asked.count(str(record["name"])) < attempt:
            raise Unreachable("It does not answer.")
        return "gone"

    return undo


def test_an_undo_whose_server_does_not_answer_is_tried_again_with_the_server_looked_up_anew(
    journal: Journal, workshop: UndoContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setitem(_KINDS, "role", _answers_at(3, asked))
    waits: list[float] = []
    left = roll_back([_act("a", kind="role", name="a", server="container:x")], journal, workshop, pause=waits.append)
    assert () == left
    assert ["a"] * 3 == asked
    assert [1, 2] == waits
    assert {} == workshop.servers
    assert ["undo.retried", "undo.retried", "undo.done"] == [event["event"] for event in journal.events()]


def test_a_server_that_was_given_up_is_not_waited_for_again(
    journal: Journal, workshop: UndoContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setitem(_KINDS, "role", _answers_at(99, asked))
    acts = [_act(name, kind="role", name=name, server="container:x") for name in ("a", "b")]
    left = roll_back(acts, journal, workshop, pause=lambda seconds: None)
    assert 2 == len(left)
    assert ["b"] * ATTEMPTS + ["a"] == asked


def test_an_undo_that_fails_for_another_reason_is_tried_once(
    journal: Journal, workshop: UndoContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def refuses(record: Mapping[str, Any], workshop: UndoContext) -> str:
        asked.append("")
        raise PermissionError(13, "Permission denied")

    monkeypatch.setitem(_KINDS, "role", refuses)
    left = roll_back([_act("a", kind="role", name="a", server="container:x")], journal, workshop)
    assert ("make a: PermissionError: [Errno 13] Permission denied",) == left
    assert [""] == asked


def test_acts_that_a_larger_undo_covers_are_left_out() -> None:
    acts = (
        _act("container", kind="container", name="c", run="r", server="container:c"),
        _act("role", kind="role", name="x", server="container:c"),
        _act("elsewhere", kind="role", name="x", server="url:d"),
    )
    assert ["container", "elsewhere"] == [act.id for act in essential(acts)]


def _spoilt_once(stage: Stage, monkeypatch: pytest.MonkeyPatch, kind: str, *, says_so: bool) -> None:
    """The first undo of this kind fails, or reports success without effect."""
    undo, seen = _KINDS[kind], []

    def spoilt(record: Mapping[str, Any], workshop: UndoContext) -> str:
        seen.append(record)
        if len(seen) > 1:
            return undo(record, workshop)
        if says_so:
            return "done"
        raise PermissionError(13, "Permission denied")

    monkeypatch.setitem(_KINDS, kind, spoilt)


def test_a_pending_undo_is_done_and_proven_at_the_end_of_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The phase's rollback is dirty, the path is not: everything is as it was before the first phase."""
    stage = Stage(tmp_path, plan("ground", "one"))
    _spoilt_once(stage, monkeypatch, "state", says_so=False)
    stage.play(GROUND, code("one", writes("a")))
    assert [("one", "teardown", "dirty"), ("ground", "teardown", "restored"), ("", "settlement", "restored")] == (
        stage.rollbacks()
    )
    assert "deployed" == stage.deployment.outcome()
    (path,) = verdict(stage.run.journal.events()).paths
    assert ("deployed", ()) == (path.outcome, path.residue)
    assert stage.deployment.is_settled


def test_an_undo_without_effect_stays_dirty_though_its_folder_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(tmp_path, plan("ground", "one"))
    _spoilt_once(stage, monkeypatch, "state", says_so=True)
    stage.play(GROUND, code("one", writes("a")))
    assert not stage.directory.exists()
    assert "dirty" == stage.deployment.outcome()
    assert ["one: file left behind: a"] == stage.deployment.residue
    (path,) = verdict(stage.run.journal.events()).paths
    assert "dirty" == path.outcome
    assert any("file left behind: a" in line for line in path.residue)


def test_an_immovable_folder_stays_pending_and_dirty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(tmp_path, plan("ground"))
    monkeypatch.setitem(_KINDS, "directory", lambda record, workshop: (_ for _ in ()).throw(OSError(16, "busy")))
    stage.play(GROUND)
    assert "dirty" == stage.deployment.outcome()
    assert not stage.deployment.is_settled
