"""A command that stays: read line by line, bounded, and gone afterwards however it was left."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import psutil
import pytest

from rollout.process import Dialogue, DialogueEnded, LocalLauncher, Request
from tests.unit.process.test_runner import Witness


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same steps with less time between them."""
    steps = ((signal.SIGINT, 0.3), (signal.SIGTERM, 0.3), (signal.SIGKILL, 2.0))
    monkeypatch.setattr("rollout.process.runner._STEPS", steps)
    monkeypatch.setattr("rollout.process.dialogue._GRACE", 1.0)


def dialogue(script: str, witness: Witness, *, deadline: float = 20.0) -> Dialogue:
    request = Request(argv=("sh", "-c", script), label="test", cwd=Path.cwd(), env={"PATH": os.environ["PATH"]},
                      deadline=deadline)  # fmt: skip
    return Dialogue(request, LocalLauncher(), witness)


def is_gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_lines_come_one_by_one_and_whole(tmp_path: Path) -> None:
    """Also where they are said in pieces, or several at once; the next one waits for what it is told."""
    told = tmp_path / "told"
    witness = Witness()
    script = f"printf 'on'; sleep 0.05; printf 'e\\ntwo\\nth'; while ! test -e {told}; do sleep 0.02; done; echo ree"
    with dialogue(script, witness) as talk:
        assert ["one", "two"] == [talk.line(patience=5), talk.line(patience=5)]
        told.touch()
        assert "three" == talk.line(patience=5)
    assert ["started", "running", "finished"] == witness.said
    assert b"one\ntwo\nthree\n" == b"".join(witness.chunks)


def test_who_says_nothing_is_not_waited_for_longer_than_that() -> None:
    witness = Witness()
    with dialogue("sleep 60", witness) as talk, pytest.raises(DialogueEnded, match="no answer"):
        talk.line(patience=0.2)
    assert is_gone(witness.pid)


def test_its_deadline_bounds_every_line() -> None:
    with dialogue("sleep 60", Witness(), deadline=0.2) as talk, pytest.raises(DialogueEnded):
        talk.line(patience=60)


def test_who_has_ended_is_known_to_have() -> None:
    """With what it said last."""
    with dialogue("echo gone; exit 3", Witness()) as talk:
        assert "gone" == talk.line(patience=5)
        with pytest.raises(DialogueEnded, match=r"it ended\. Its last output: gone"):
            talk.line(patience=5)


def test_who_does_not_end_by_itself_is_stopped() -> None:
    """Leaving waits for its own end first."""
    witness = Witness()
    with dialogue("echo here; trap '' INT TERM; while true; do sleep 0.1; done", witness) as talk:
        talk.line(patience=5)
    assert is_gone(witness.pid)


def test_an_interrupt_stops_it_at_once() -> None:
    witness = Witness()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt), dialogue("echo here; sleep 60", witness) as talk:
        talk.line(patience=5)
        raise KeyboardInterrupt
    assert time.monotonic() - began < 10
    assert is_gone(witness.pid)
    assert ["started", "running", "finished"] == witness.said


def test_what_cannot_be_started_is_said() -> None:
    witness = Witness()
    request = Request(argv=("/no/such/program",), label="nothing", cwd=Path.cwd())
    with pytest.raises(DialogueEnded, match="could not be started"), Dialogue(request, LocalLauncher(), witness):
        pass
    assert ["started", "finished"] == witness.said


def test_an_observer_that_fails_leaves_no_command_behind() -> None:
    """A full disk, for one."""
    witness = Witness(fails=True)
    with pytest.raises(OSError, match="No space"), dialogue("echo here; sleep 60", witness) as talk:
        talk.line(patience=5)
    assert is_gone(witness.pid)
