"""The journal's disk is full: the run stops before the act that it could not journal, and rolls back."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rollout.config.run import open_journal
from rollout.faults import CATALOGUE
from rollout.faults.fault import FaultSpec
from rollout.journal import JournalUnwritable, read_events
from rollout.phases.step import Step
from rollout.results.verdict import verdict
from rollout.rollback import recovery
from tests.unit.fakes import GROUND, Stage, code, plan, writes


def _struck(folder: Path, form: str) -> Stage:
    spec = FaultSpec(kind=CATALOGUE["journal_disk_full"], path="realistic", phase="one", at=None, form=form, seed=1)
    return Stage(folder, plan("ground", "one"), fault=spec)


def _acts(step: Step) -> None:
    with step.act("make a file", {"kind": "directory", "path": str(step.site.file("made")), "run": step.site.run.id}):
        writes("made")(step)


@pytest.mark.parametrize("form", ["transient", "persistent"])
class TestJournalFull:
    def test_no_act_happens_unjournaled(self, tmp_path: Path, form: str) -> None:
        """The act does not start, the phase fails, and earlier acts are undone."""
        made: list[bool] = []

        def apply(step: Step) -> None:
            try:
                _acts(step)
            finally:
                made.append(step.site.file("made").exists())

        stage = _struck(tmp_path, form)
        result = stage.play(GROUND, code("one", apply, checkpointed=False))["one"]
        assert isinstance(result.error, JournalUnwritable)
        assert "No space left on device" in str(result.error)
        assert [False] == made
        assert "rolled_back" == stage.deployment.outcome()
        assert not stage.directory.exists()

    def test_earlier_events_stay_readable(self, tmp_path: Path, form: str) -> None:
        """Recovery would find the earlier acts. The file has no half events."""
        stage = _struck(tmp_path, form)
        seen: list[str] = []

        def apply(step: Step) -> None:
            try:
                _acts(step)
            finally:
                seen.extend(event["event"] for event in read_events(step.site.run.journal.path))

        stage.play(GROUND, code("one", apply, checkpointed=False))
        assert ["fault.struck", "phase.note"] == seen[-2:]
        assert "act.intent" in seen

    def test_the_bite_is_journaled_when_there_is_space_again(self, tmp_path: Path, form: str) -> None:
        """The descriptor is the journal's own again."""
        stage = _struck(tmp_path, form)
        stage.play(GROUND, code("one", _acts, checkpointed=False))
        on_disk = read_events(stage.run.folder / "journal.jsonl")
        assert list(on_disk) == list(stage.run.journal.events())
        assert verdict(on_disk).paths[0].outcome == "rolled_back"
        finished = next(event for event in on_disk if event["event"] == "fault.finished")
        assert (1, True) == (finished["bites"], finished["struck"])
        assert "path.finished" == on_disk[-1]["event"]


def test_a_run_whose_disk_stays_full_is_not_forgotten(tmp_path: Path) -> None:
    """Everything is undone without a journal event. The next run undoes it again, which is harmless."""
    stage = Stage(tmp_path, plan("ground"))
    full = os.open("/dev/full", os.O_WRONLY)
    kept = open_journal(stage.run.state, stage.run.id)

    def fill() -> None:
        os.dup2(full, stage.run.journal._file)

    stage.play(GROUND, within=fill)
    os.close(full)
    assert "undo.done" in {event["event"] for event in stage.run.journal.events()}
    assert kept.is_file()
    recovered = recovery.recover(stage.run.state, tmp_path / "reports", stage.site.store, lambda text: None)
    assert [(one.run, one.left) for one in recovered] == [(stage.run.id, ())]
    assert not kept.exists()


def test_a_phase_that_journals_nothing_is_not_struck(tmp_path: Path) -> None:
    """Then there is no bite."""
    stage = _struck(tmp_path, "transient")
    stage.play(GROUND, code("one", lambda step: None, checkpointed=False))
    assert [] == stage.told("fault.bit")
    assert "void" == stage.deployment.outcome()
