"""Short commands whose output is returned."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import FrameType

import pytest

from rollout.process import Captured, capture

PATH = {"PATH": os.defpath}


def sh(script: str, *, deadline: float = 30, stdin: bytes = b"") -> Captured:
    return capture(("sh", "-c", script), env=PATH, deadline=deadline, stdin=stdin)


def test_output_messages_and_exit_code_are_returned() -> None:
    """Standard output and standard error are separate."""
    ended = sh("echo out; echo message >&2; exit 3")
    assert ("out\n", "message", 3, False) == (ended.text, ended.messages, ended.exit_code, ended.ok)


def test_a_command_gets_its_own_environment_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of this process reaches it."""
    monkeypatch.setenv("SECRET", "1")
    assert "none\n" == sh('echo "${SECRET:-none}"').text


def test_standard_input_is_empty_or_the_given_bytes() -> None:
    """A command that reads does not wait for the terminal."""
    assert "" == sh("cat").text
    assert "a\nb" == sh("cat", stdin=b"a\nb").text


def test_standard_output_can_go_to_a_file() -> None:
    """The caller reads it from there."""
    with tempfile.TemporaryFile() as file:
        ended = capture(("sh", "-c", "echo body"), env=PATH, deadline=30, stdout=file)
        file.seek(0)
        assert (b"", b"body\n") == (ended.stdout, file.read())


def test_the_working_folder_can_be_chosen(tmp_path: Path) -> None:
    """It is that of this process by default."""
    assert str(tmp_path) == capture(("pwd",), env=PATH, deadline=30, cwd=tmp_path).text.strip()


def test_a_missing_program_is_an_oserror() -> None:
    """The caller says what that means."""
    with pytest.raises(FileNotFoundError):
        capture(("no-such-program",), env=PATH, deadline=30)


def test_a_deadline_kills_the_whole_group(tmp_path: Path) -> None:
    """Also a grandchild. TimeoutError is an OSError, so callers handle both at once."""
    with pytest.raises(OSError, match=r"`sh -c .*` did not end within 0\.5 s"):
        sh(f"sh -c 'echo $$ > {tmp_path}/pid; exec sleep 300' & wait", deadline=0.5)
    pid = int((tmp_path / "pid").read_text())
    assert not _lives(pid)


@pytest.mark.parametrize("uninterrupted", [True, False])
def test_an_interrupt_kills_a_command_or_waits_for_it(tmp_path: Path, uninterrupted: bool) -> None:
    """Git is uninterrupted: a killed Git leaves its locks."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    mark, go = tmp_path / "started", tmp_path / "go"
    script = f"touch {mark}; while [ ! -e {go} ]; do sleep 0.02; done; touch {tmp_path}/done"

    def interrupt() -> None:
        while not (mark.exists() and _communicates()):
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)
        if uninterrupted:
            go.touch()

    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            capture(("sh", "-c", script), env=PATH, deadline=30, uninterrupted=uninterrupted)
    finally:
        thread.join()
        signal.signal(signal.SIGINT, before)
    assert uninterrupted == (tmp_path / "done").exists()


def _communicates() -> bool:
    """Whether the main thread has started the command and waits for its output."""
    frame: FrameType | None = sys._current_frames()[threading.main_thread().ident or 0]
    while frame is not None and frame.f_code.co_name != "communicate":
        frame = frame.f_back
    return frame is not None


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
