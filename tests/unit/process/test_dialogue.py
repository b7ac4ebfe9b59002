"""A command that stays: its lines are read one by one, it has a deadline, and it is always stopped."""

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
    """The same steps with shorter pauses."""
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
    """Also if they arrive in pieces, or several at once. The next line waits for the next input."""
    told = tmp_path / "told"
    witness = Witness()
    script = f"printf 'on'; sleep 0.05; printf 'e\\ntwo\\nth'; while ! test -e {told}; do sleep 0.02; done; echo ree"
    with dialogue(script, witness) as talk:
        assert ["one", "two"] == [talk.line(patience=5), talk.line(patience=5)]
        told.touch()
        assert "three" == talk.line(patience=5)
    assert ["started", "running", "finished"] == witness.said
    assert b"one\ntwo\nthree\n" == b"".join(witness.chunks)


def test_a_silent_command_is_an_error_after_the_patience() -> None:
    witness = Witness()
    with dialogue("sleep 60", witness) as talk, pytest.raises(DialogueEnded, match="no answer"):
        talk.line(patience=0.2)
    assert is_gone(witness.pid)


def test_the_deadline_limits_every_line() -> None:
    with dialogue("sleep 60", Witness(), deadline=0.2) as talk, pytest.raises(DialogueEnded):
        talk.line(patience=60)


def test_an_ended_command_is_an_error() -> None:
    """The error has its last output."""
    with dialogue("echo gone; exit 3", Witness()) as talk:
        assert "gone" == talk.line(patience=5)
        with pytest.raises(DialogueEnded, match=r"it ended\. Its last output: gone"):
            talk.line(patience=5)


def test_a_command_that_does_not_end_is_stopped() -> None:
    """The exit first waits for its end."""
    witness = Witness()
    with dialogue("echo here; trap '' INT TERM; while true; do sleep 0.1; done", witness) as talk:
        talk.line(patience=5)
    assert is_gone(witness.pid)


def test_an_interrupt_stops_the_command_at_once() -> None:
    witness = Witness()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt), dialogue("echo here; sleep 60", witness) as talk:
        talk.line(patience=5)
        raise KeyboardInterrupt
    assert time.monotonic() - began < 50
    assert is_gone(witness.pid)
    assert ["started", "running", "finished"] == witness.said


def test_a_command_that_cannot_be_started_is_an_error() -> None:
    witness = Witness()
    request = Request(argv=("/no/such/program",), label="nothing", cwd=Path.cwd())
    with pytest.raises(DialogueEnded, match="could not be started"), Dialogue(request, LocalLauncher(), witness):
        pass
    assert ["started", "finished"] == witness.said


def test_an_observer_that_fails_leaves_no_command_behind() -> None:
    """The cause may be a full disk."""
    witness = Witness(fails=True)
    with pytest.raises(OSError, match="No space"), dialogue("echo here; sleep 60", witness) as talk:
        talk.line(patience=5)
    assert is_gone(witness.pid)
