"""Programs that run in the background."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from rollout.process import Background, start

PATH = {"PATH": os.defpath}


def sh(script: str, *, log: Path | None = None, pipes: bool = False) -> Background:
    return start(("sh", "-c", script), env=PATH, log=log, pipes=pipes)


def test_the_exit_code_is_known_after_the_end(tmp_path: Path) -> None:
    """All output is in the log."""
    program = sh("echo out; echo message >&2; exit 4", log=tmp_path / "log")
    assert 4 == program.wait(30)
    assert (4, False) == (program.exit_code, program.is_running)
    assert "out\nmessage\n" == (tmp_path / "log").read_text()


def test_waiting_ends_before_the_program_does() -> None:
    """The exit code is None then. Ctrl-C in the terminal does not reach the program: it has its own session."""
    program = sh("exec sleep 300")
    try:
        assert (None, None, True) == (program.wait(0.01), program.exit_code, program.is_running)
        assert program.pid == os.getsid(program.pid)
    finally:
        program.kill()
    assert -signal.SIGKILL == program.exit_code
    program.signal(signal.SIGTERM)  # nothing to do, no error


TRAP = "trap '' TERM; echo; cat"


@pytest.mark.parametrize(("script", "code"), [("exec sleep 300", -signal.SIGTERM), (TRAP, -signal.SIGKILL)])
def test_stopping_is_sigterm_then_sigkill(script: str, code: int) -> None:
    """A program that ignores SIGTERM is killed."""
    program = sh(script, pipes="trap" in script)
    if "trap" in script:
        program.output.readline()  # the trap is set
    program.stop(0.2 if "trap" in script else 30)
    assert code == program.exit_code


def test_pipes_carry_the_output_and_hold_the_input_open() -> None:
    """A program that reads its input ends when this process does."""
    program = sh("echo ready; cat", pipes=True)
    assert b"ready\n" == program.output.readline()
    assert program.is_running
    program.kill()
    assert program.output.closed


def test_a_missing_program_is_an_oserror(tmp_path: Path) -> None:
    """Its log is closed again."""
    with pytest.raises(FileNotFoundError):
        start(("no-such-program",), env=PATH, log=tmp_path / "log")
