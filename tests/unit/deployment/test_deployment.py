"""Deploys small phases on this machine: passed, failed, refused, blocked, kept, rolled back."""

from __future__ import annotations

import dataclasses
import errno
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from rollout.config.plan import Package, PhasePlan
from rollout.config.run import open_journal
from rollout.deployment import provisioner
from rollout.errors import AlreadyExists, PhaseFailed
from rollout.journal import Journal, pending_undos, read_events
from rollout.phases.step import Step
from rollout.results.verdict import verdict
from rollout.rollback.undo import _KINDS
from rollout.site.repository import MARK
from rollout.site.store.objects import FOLDER
from rollout.site.store.packs import digest_of
from tests.unit.fakes import GROUND, Stage, code, plan, spoil, writes


def fails(step: Step) -> None:
    """Halfway: one file is written, one is spoilt, then it fails."""
    step.site.file("half").write_text("half")
    step.site.file("a").write_text("spoilt")
    raise PhaseFailed("It broke.", cause="compile_error", package="ash", advice="Mend it.")


def test_a_path_that_passes_is_rolled_back_in_reverse(tmp_path: Path) -> None:
    """keep=never: deployed, then every phase undone, last in first out, nothing left, no undo pending."""
    stage = Stage(tmp_path, plan("ground", "one", "two"))
    seen: list[bool] = []
    results = stage.play(
        GROUND,
        code("one", writes("a")),
        code("two", writes("sub/b")),
        within=lambda: seen.append(stage.site.file("sub/b").exists()),
    )
    assert [True] == seen
    assert {"passed"} == {result.outcome for result in results.values()}
    assert "deployed" == stage.deployment.outcome()
    assert [(name, "teardown", "restored") for name in ("two", "one", "ground")] == stage.rollbacks()
    assert not stage.directory.exists()
    assert not (tmp_path / "deployments").exists()
    assert not open_journal(stage.options.state, stage.run.id).exists()


def test_a_phase_that_fails_halfway_is_undone_at_once(tmp_path: Path) -> None:
    """Its files are as before, the next is blocked by it, the one before stays until its own teardown."""
    stage = Stage(tmp_path, plan("ground", "one", "two", "three"))
    texts: list[tuple[str, bool]] = []

    def within() -> None:
        texts.append((stage.site.file("a").read_text(), stage.site.file("half").exists()))

    results = stage.play(
        GROUND, code("one", writes("a", "whole")), code("two", fails), code("three", writes("c")), within=within
    )
    assert [("whole", False)] == texts
    assert ["passed", "passed", "failed", "blocked"] == [result.outcome for result in results.values()]
    assert "two" == results["three"].culprit.name
    assert "rolled_back" == stage.deployment.outcome()
    assert ("two", "failed", "restored") == stage.rollbacks()[0]
    (finished,) = [event for event in stage.told("phase.finished") if event["phase"] == "two"]
    assert ("compile_error", "ash", "It broke.") == tuple(
        finished["failure"][key] for key in ("cause", "package", "message")
    )
    with pytest.raises(PhaseFailed, match="It broke"):
        results["two"].require()


def test_an_unexpected_exception_is_a_failure(tmp_path: Path) -> None:
    """An unexpected exception is rolled back and named."""

    def broken(step: Step) -> None:
        step.site.file("half").write_text("half")
        raise KeyError("oops")

    stage = Stage(tmp_path, plan("ground", "one"))
    stage.play(GROUND, code("one", broken))
    assert ("one", "failed", "restored") == stage.rollbacks()[0]
    assert "KeyError: 'oops'" == stage.told("phase.finished")[-1]["failure"]["message"]


def test_a_refusal_changes_nothing(tmp_path: Path) -> None:
    """The outcome is refused, and the obstacle stays."""
    stage = Stage(tmp_path, plan("ground", "one"))
    stage.directory.mkdir(parents=True)
    (stage.directory / "precious").write_text("mine")

    def refuses(step: Step) -> None:
        raise AlreadyExists(what="folder", name=str(step.site.directory), option="--directory")

    results = stage.play(code("ground", refuses, checkpointed=False), code("one", writes("a")))
    assert ["refused", "blocked"] == [result.outcome for result in results.values()]
    assert "refused" == stage.deployment.outcome()
    assert ["precious"] == [path.name for path in stage.directory.iterdir()]


def test_files_that_appear_after_the_preflight_are_not_read(tmp_path: Path) -> None:
    """A folder, its repository and a mark that is none: refused by the phase, nothing of them opened, copied or undone.

    Whoever opens one of the pipes waits for ever.
    """
    stage = Stage(tmp_path, plan("ground", "one"))
    for folder in (stage.directory, stage.site.repository.path):
        folder.mkdir(parents=True)
        os.mkfifo(folder / "pipe")
    os.mkfifo(stage.directory / MARK)

    def first(step: Step) -> None:
        provisioner.refuse_obstacles(step.site)

    results = stage.play(code("ground", first, checkpointed=False), code("one", writes("a")))
    assert ["refused", "blocked"] == [result.outcome for result in results.values()]
    assert ("in_the_way", []) == (results["ground"].error.cause, stage.deployment.residue)  # type: ignore[union-attr]
    assert [("ground", "failed", "restored")] == stage.rollbacks()
    assert [] == stage.told("act.intent")
    assert not (stage.options.cache / FOLDER).exists()
    assert [MARK, "pipe"] == sorted(path.name for path in stage.directory.iterdir())


def test_an_empty_folder_that_appears_after_the_preflight_is_refused(tmp_path: Path) -> None:
    """A rename would replace it, and the rollback would remove it."""
    stage = Stage(tmp_path, plan("ground"))
    stage.directory.mkdir(parents=True)
    (result,) = stage.play(GROUND).values()
    assert ("refused", []) == (result.outcome, stage.deployment.residue)
    assert stage.directory.is_dir()
    assert [stage.directory] == list(stage.directory.parent.iterdir())


def test_a_folder_that_loses_its_mark_is_still_compared(tmp_path: Path) -> None:
    """Files that a phase leaves in it are found though the mark is gone."""
    stage = Stage(tmp_path, plan("ground"))

    def loses(step: Step) -> None:
        provisioner.make_folder(step)
        step.site.observer.fingerprint()
        step.site.file(MARK).unlink()

    stage.play(code("ground", loses, checkpointed=False))
    assert "dirty" == stage.deployment.outcome()
    assert "ground: the deployment's folder was left behind" in stage.deployment.residue


def test_the_path_continues_after_an_optional_phase_failed(tmp_path: Path) -> None:
    """It is undone, and later phases get other checkpoint keys than after its success."""
    phases = (PhasePlan(name="ground"), PhasePlan(name="extra", optional=True), PhasePlan(name="last"))
    keys = []
    for attempt, apply in enumerate((fails, writes("extra"))):
        stage = Stage(tmp_path / str(attempt), plan(*phases))
        results = stage.play(GROUND, code("extra", apply), code("last", writes("b")))
        assert results["last"].passed
        assert "deployed" == stage.deployment.outcome()
        keys.append(stage.told("phase.finished")[-1]["key"])
    assert keys[0] != keys[1]


def test_an_undo_without_effect_is_detected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The undo reports success and the fingerprint differs: dirty, with the whole residue named."""
    monkeypatch.setitem(_KINDS, "state", lambda record, workshop: "as it was (a lie)")
    stage = Stage(tmp_path, plan("ground", "one"))
    stage.play(GROUND, code("one", fails))
    assert ("one", "failed", "dirty") == stage.rollbacks()[0]
    assert ["one: file left behind: a", "one: file left behind: half"] == stage.deployment.residue[:2]
    assert "dirty" == stage.deployment.outcome()


def test_an_undo_that_fails_stays_pending(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are undone all the same; the journal stays open for recovery."""

    def busy(record: Any, workshop: Any) -> str:
        raise OSError(errno.EBUSY, "Device or resource busy")

    monkeypatch.setitem(_KINDS, "directory", busy)
    stage = Stage(tmp_path, plan("ground", "one"))
    stage.play(GROUND, code("one", writes("a")))
    assert "dirty" == stage.deployment.outcome()
    assert any("Device or resource busy" in line for line in stage.deployment.residue)
    journal = open_journal(stage.options.state, stage.run.id)
    assert ["directory"] == [act.undo["kind"] for act in pending_undos(read_events(journal))]


def test_a_fingerprint_that_cannot_be_taken_is_no_proof(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine went away: the rollback ends, journaled, and is not called restored."""
    stage = Stage(tmp_path, plan("ground"))

    def gone() -> None:
        monkeypatch.setattr(
            stage.site.observer, "fingerprint", lambda tree: (_ for _ in ()).throw(ConnectionError("gone"))
        )

    stage.play(GROUND, within=gone)
    assert [("ground", "teardown", "dirty"), ("", "settlement", "dirty")] == stage.rollbacks()
    assert "ground: cannot be proven to be as before: ConnectionError: gone" in stage.deployment.residue


def test_a_full_disk_does_not_stop_a_rollback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The journal becomes unwritable in the middle of a phase. The folder is removed nevertheless.

    The phase says why it failed, and the run is not forgotten: what its journal does not know is undone once more.
    """
    stage = Stage(tmp_path, plan("ground", "one"))

    def fills(step: Step) -> None:
        step.site.file("half").write_text("half")

        def full(self: Journal, data: bytes) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(Journal, "_append", full)
        step.note("one more line")

    result = stage.play(GROUND, code("one", fills))["one"]
    assert "No space left on device" in str(result.error)
    assert open_journal(stage.options.state, stage.run.id).exists()
    assert [("one", "failed", "restored"), ("ground", "teardown", "restored")] == stage.rollbacks()
    assert not stage.directory.exists()


def test_a_disk_that_is_full_between_two_phases_fails_one_and_blocks_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One failure with its cause, not an error at every phase."""
    stage = Stage(tmp_path, plan("ground", "one", "two", "three"))
    append = Journal._append

    def full(self: Journal, data: bytes) -> None:
        if "one" in stage.deployment.results:
            raise OSError(errno.ENOSPC, "No space left on device")
        append(self, data)

    monkeypatch.setattr(Journal, "_append", full)
    results = stage.play(GROUND, *(code(name, writes(name)) for name in ("one", "two", "three")))
    assert {name: result.outcome for name, result in results.items()} == {
        "ground": "passed", "one": "passed", "two": "failed", "three": "blocked"
    }  # fmt: skip
    assert getattr(results["two"].error, "cause", "") == "disk_full"
    assert results["three"].culprit.name == "two"
    assert not stage.directory.exists()


class TestKeeping:
    """--keep decides once, before the first rollback of the teardown."""

    @pytest.mark.parametrize(
        ("keep", "failed_checks", "stays"),
        [("never", 0, False), ("on-success", 0, True), ("on-success", 1, False), ("always", 1, True)],
    )
    def test_a_path_that_passed(self, tmp_path: Path, keep: str, failed_checks: int, stays: bool) -> None:
        """A failed check counts as no success."""
        stage = Stage(tmp_path, plan("ground", "one"), keep=keep)
        stage.deployment.failed_checks = failed_checks
        stage.play(GROUND, code("one", writes("a")))
        assert stays == stage.directory.exists()
        assert stays == bool(stage.told("kept"))
        assert stays == open_journal(stage.options.state, stage.run.id).exists()

    def test_a_failed_path_is_not_kept_as_a_success(self, tmp_path: Path) -> None:
        """on-success means the whole path."""
        stage = Stage(tmp_path, plan("ground", "one"), keep="on-success")
        stage.play(GROUND, code("one", fails))
        assert not stage.directory.exists()

    def test_the_phases_that_passed_can_be_kept_for_inspection(self, tmp_path: Path) -> None:
        """always keeps the phases that passed; the failed one is undone."""
        stage = Stage(tmp_path, plan("ground", "one", "two"), keep="always")
        stage.play(GROUND, code("one", writes("a")), code("two", fails))
        assert "x" == stage.site.file("a").read_text()
        assert not stage.site.file("half").exists()

    def test_a_failed_phase_can_be_kept_for_inspection(self, tmp_path: Path) -> None:
        """`failed` keeps the failed phase's result. Undos stay pending, and the run says how to enter the site."""
        stage = Stage(tmp_path, plan("ground", "one", "two", "three"), keep="failed")

        stage.play(GROUND, code("one", writes("a")), code("two", fails), code("three", writes("b")))

        assert stage.site.file("a").exists()
        assert stage.site.file("half").exists()
        assert [] == stage.rollbacks()
        assert "failed" == stage.deployment.outcome()
        judged = verdict(stage.run.journal.events()).paths[0]
        assert ("failed", True, ()) == (judged.outcome, judged.kept, judged.residue)
        (kept,) = stage.told("kept")
        assert "" == kept["url"]
        assert str(stage.directory) in kept["forge"]
        assert open_journal(stage.options.state, stage.run.id).exists()

    def test_keep_failed_rolls_a_success_back(self, tmp_path: Path) -> None:
        """`failed` removes a success, and undoes an optional phase that failed."""
        optional = PhasePlan(name="two", optional=True)
        stage = Stage(tmp_path, plan("ground", "one", optional), keep="failed")
        stage.play(GROUND, code("one", writes("a")), code("two", fails))
        assert not stage.directory.exists()
        assert ("two", "failed", "restored") == stage.rollbacks()[0]

    def test_a_failed_check_keeps_what_is_deployed(self, tmp_path: Path) -> None:
        stage = Stage(tmp_path, plan("ground", "one"), keep="failed")
        stage.deployment.failed_checks = 1
        stage.play(GROUND, code("one", writes("a")))
        assert "deployed" == stage.deployment.outcome()
        assert stage.site.file("a").exists()

    def test_an_interrupt_rolls_a_failed_phase_back(self, tmp_path: Path) -> None:
        """Ctrl-C means: leave nothing."""
        stage = Stage(tmp_path, plan("ground", "one"), keep="failed")

        def interrupt() -> None:
            stage.interrupts.received = "SIGINT"

        stage.play(GROUND, code("one", fails), within=interrupt)
        assert not stage.directory.exists()
        assert "rolled_back" == stage.deployment.outcome()


class TestCheckpoints:
    """A passed phase is restored, and only where everything it is made of is the same."""

    @pytest.fixture
    def count(self) -> list[str]:
        return []

    def play(
        self, folder: Path, count: list[str], text: str = "x", phase: PhasePlan | None = None, **given: Any
    ) -> Stage:
        def apply(step: Step) -> None:
            count.append(text)
            writes("a", text)(step)
            step.facts["seen"] = text

        stage = Stage(folder, plan("ground", phase or PhasePlan(name="one")), **given)
        stage.play(GROUND, code("one", apply), within=lambda: self.look(stage))
        return stage

    def look(self, stage: Stage) -> None:
        self.found = stage.site.file("a").read_text()

    def test_a_second_run_restores(self, tmp_path: Path, count: list[str]) -> None:
        """It applies nothing. Files and facts are there, and the journal says that they are restored."""
        self.play(tmp_path, count)
        stage = self.play(tmp_path, count)
        assert ["x"] == count
        assert "x" == self.found
        assert stage.deployment.results["one"].restored
        assert {"seen": "x"} == stage.deployment.facts["one"]
        assert 1 == len(stage.told("checkpoint.restored"))
        assert [("one", "teardown", "restored"), ("ground", "teardown", "restored")] == stage.rollbacks()

    def test_fresh_builds_again(self, tmp_path: Path, count: list[str]) -> None:
        """--fresh ignores checkpoints."""
        self.play(tmp_path, count)
        self.play(tmp_path, count, fresh="1")
        assert 2 == len(count)

    def test_another_plan_builds_again(self, tmp_path: Path, count: list[str]) -> None:
        """Here: a package more in the phase, with the rest the same."""
        self.play(tmp_path, count)
        self.play(tmp_path, count, phase=PhasePlan(name="one", packages=(Package(name="ash", requirement="~> 3.0"),)))
        assert 2 == len(count)

    def test_a_later_package_builds_earlier_phases_again(self, tmp_path: Path) -> None:
        """All packages are resolved together, also those beyond --through."""
        keys: list[str] = []
        for requirement in ("~> 1.0", "~> 2.0", "~> 1.0"):
            later = PhasePlan(name="later", packages=(Package(name="ash", requirement=requirement),))
            whole = plan("ground", "one", later)
            stage = Stage(tmp_path, whole if len(keys) < 2 else whole.through("one"))
            stage.play(GROUND, code("one", writes("a")))
            keys.append(next(e["key"] for e in stage.told("phase.finished") if e["phase"] == "one"))
        assert keys[0] != keys[1]
        assert keys[0] == keys[2]

    def test_an_unreadable_checkpoint_builds_again(self, tmp_path: Path, count: list[str]) -> None:
        """One of its objects is gone."""
        stage = self.play(tmp_path, count)
        for path in (stage.options.cache / FOLDER).iterdir():
            path.unlink()
        self.play(tmp_path, count)
        assert 2 == len(count)
        assert "x" == self.found

    @pytest.mark.parametrize("by", [b"\0", b"y"])
    def test_a_damaged_checkpoint_builds_again(self, tmp_path: Path, count: list[str], by: bytes) -> None:
        """An object lost its content in a power cut. Building again repairs it."""
        stage = self.play(tmp_path, count)
        spoil(stage.options.cache / FOLDER, digest_of(b"x"), by)
        stage = self.play(tmp_path, count)
        assert (2, "x") == (len(count), self.found)
        assert "damaged" in stage.told("checkpoint.skipped")[0]["reason"]
        assert {"deployed"} == {stage.deployment.outcome()}
        self.play(tmp_path, count)
        assert (2, "x") == (len(count), self.found)

    def test_a_failed_phase_leaves_no_checkpoint(self, tmp_path: Path) -> None:
        """What failed once is tried again."""
        for _ in range(2):
            stage = Stage(tmp_path, plan("ground", "one"))
            stage.play(GROUND, code("one", fails))
            assert [] == stage.told("checkpoint.restored")


class TestInterrupted:
    """SIGINT and SIGTERM unwind wherever they come, and only once."""

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_in_a_phase(self, tmp_path: Path, number: signal.Signals) -> None:
        """The phase and those before it are rolled back, and KeyboardInterrupt propagates."""
        stage = Stage(tmp_path, plan("ground", "one"))

        def apply(step: Step) -> None:
            step.site.file("half").write_text("half")
            signal.raise_signal(number)

        stage.interrupts.install()
        try:
            with pytest.raises(KeyboardInterrupt):
                stage.play(GROUND, code("one", apply))
        finally:
            stage.interrupts.uninstall()
        assert [("one", "interrupted", "restored"), ("ground", "interrupted", "restored")] == stage.rollbacks()
        assert number.name == stage.interrupts.received
        assert not stage.directory.exists()

    def test_at_every_event_of_a_run(self, tmp_path: Path) -> None:
        """Whichever line of the journal was written last, nothing is left and no undo is pending."""
        for number in range(1, 60):
            stage = Stage(tmp_path / str(number), plan("ground", "one"), keep="on-success")
            seen = 0

            def strike(event: Any, at: int = number) -> None:
                nonlocal seen
                seen += 1
                if seen == at:
                    signal.raise_signal(signal.SIGINT)

            stage.run.journal.subscribe(strike)
            stage.interrupts.install()
            try:
                stage.play(GROUND, code("one", writes("a")))
            except KeyboardInterrupt:
                if stage.told("kept"):  # it passed, and is kept: nothing is to be undone any more
                    continue
                assert not stage.directory.exists(), f"left after event {number}"
                assert not open_journal(stage.options.state, stage.run.id).exists(), f"pending after event {number}"
                assert [] == stage.deployment.residue, f"dirty after event {number}"
            finally:
                stage.interrupts.uninstall()
            if seen < number:
                break
        assert number > 10

    def test_further_signals_do_not_stop_the_rollback(self, tmp_path: Path) -> None:
        """One at every event from the first on."""
        stage = Stage(tmp_path, plan("ground", "one", "two"))

        def apply(step: Step) -> None:
            stage.run.journal.subscribe(lambda event: signal.raise_signal(signal.SIGINT))
            step.note("from here on")

        stage.interrupts.install()
        try:
            with pytest.raises(KeyboardInterrupt):
                stage.play(GROUND, code("one", writes("a")), code("two", apply))
        finally:
            stage.interrupts.uninstall()
        assert [(name, "interrupted", "restored") for name in ("two", "one", "ground")] == stage.rollbacks()
        assert not stage.directory.exists()

    def test_during_the_rollback_of_a_failed_phase(self, tmp_path: Path) -> None:
        """The rollback ends first; then the run does not go on with an optional phase's successor."""
        phases = (PhasePlan(name="ground"), PhasePlan(name="extra", optional=True), PhasePlan(name="last"))
        stage = Stage(tmp_path, plan(*phases))

        def on(event: Any) -> None:
            if event["event"] == "rollback.started" and event["phase"] == "extra":
                signal.raise_signal(signal.SIGTERM)

        stage.run.journal.subscribe(on)
        stage.interrupts.install()
        try:
            with pytest.raises(KeyboardInterrupt):
                stage.play(GROUND, code("extra", fails), code("last", writes("b")))
        finally:
            stage.interrupts.uninstall()
        assert [("extra", "failed", "restored"), ("ground", "interrupted", "restored")] == stage.rollbacks()
        assert "last" not in stage.deployment.results


def test_deferred_phases_are_written_as_one_when_a_later_phase_needs_them(tmp_path: Path) -> None:
    """The files of all of them are there for the struck phase, restored once; and every rollback is proven."""
    codes = (GROUND, code("one", writes("a")), code("two", writes("b")), code("three", writes("c")))
    Stage(tmp_path, plan("ground", "one", "two", "three")).play(*codes)
    found: list[list[str]] = []

    def looks(step: Step) -> None:
        found.append(sorted(path.name for path in step.site.directory.glob("[a-z]")))
        step.site.file("d").write_text("d")

    stage = Stage(tmp_path, plan("ground", "one", "two", "three"), defers_restoring=True)
    results = stage.play(*codes[:3], code("three", looks, checkpointed=False))
    assert [False, True, True, False] == [result.restored for result in results.values()]
    assert [["a", "b"]] == found
    assert ["two"] == [event["phase"] for event in stage.told("checkpoint.restored")]
    assert {"restored"} == {outcome for _, _, outcome in stage.rollbacks()}
    assert not stage.directory.exists()


def test_deferred_phase_is_written_before_it_publishes(tmp_path: Path) -> None:
    """An image, for example, is made of the folder that a checkpoint holds."""
    found: list[bool] = []

    def publish(step: Step) -> None:
        found.append(step.site.file("a").exists())

    one = dataclasses.replace(code("one", writes("a")), publish=publish)
    for defers in (False, True):
        stage = Stage(tmp_path, plan("ground", "one"), defers_restoring=defers)
        results = stage.play(GROUND, one)
        assert defers is results["one"].restored
        assert {"restored"} == {outcome for _, _, outcome in stage.rollbacks()}
    assert [True, True] == found


def test_a_path_with_an_unmet_requirement_is_not_kept(tmp_path: Path) -> None:
    """A deployment is kept where it succeeded, and without that answer it has not."""
    kept = []
    for required in ("", "server"):
        stage = Stage(tmp_path / (required or "none"), plan("ground"), keep="on-success", require=required)
        stage.play(GROUND)
        kept.append(bool(stage.told("kept")))
        assert stage.deployment.unmet == ((required,) if required else ())
    assert kept == [True, False]
