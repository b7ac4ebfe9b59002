"""The process runner, with real commands."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil
import pytest

from rollout.process import LocalLauncher, Outcome, Request, execute
from rollout.process.request import TAIL_BYTES


class Witness:
    """An observer that records its events."""

    def __init__(self, *, fails: bool = False) -> None:
        self.said: list[str] = []
        self.chunks: list[bytes] = []
        self.pid = 0
        self._fails = fails

    def started(self, request: Request) -> Path | None:
        self.said.append("started")
        return None

    def running(self, request: Request, identity: Mapping[str, object]) -> None:
        self.said.append("running")
        self.pid = int(str(identity["pid"]))

    def output(self, chunk: bytes) -> None:
        if self._fails:
            raise OSError(28, "No space left on device")
        self.chunks.append(chunk)

    def finished(self, outcome: Outcome) -> None:
        self.said.append("finished")


def request(*argv: str, deadline: float = 20.0, env: Mapping[str, str] | None = None) -> Request:
    given = {"PATH": os.environ["PATH"], **(env or {})}
    return Request(argv=argv, label="test", cwd=Path.cwd(), env=given, deadline=deadline)


def sh(script: str, *, deadline: float = 20.0, witness: Witness | None = None) -> Outcome:
    return execute(request("sh", "-c", script, deadline=deadline), LocalLauncher(), witness or Witness())


@pytest.fixture(autouse=True)
def heard() -> Iterator[None]:
    """Handle Ctrl-C as a run does. In a test run in the background it may be ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same steps with shorter pauses."""
    steps = ((signal.SIGINT, 0.3), (signal.SIGTERM, 0.3), (signal.SIGKILL, 2.0))
    monkeypatch.setattr("rollout.process.runner._STEPS", steps)


def test_output_and_exit_code_of_a_command() -> None:
    """Both streams arrive, and the observer gets every event in order."""
    witness = Witness()
    outcome = sh("echo out; echo err >&2; exit 3", witness=witness)
    assert (3, "out\nerr\n", False, False) == (outcome.exit_code, outcome.tail, outcome.timed_out, outcome.ok)
    assert ["started", "running", "finished"] == witness.said


def test_a_command_gets_its_own_environment_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of this process is passed on."""
    monkeypatch.setenv("HEX_UNSAFE_REGISTRY", "1")
    outcome = execute(request("env", env={"ONLY": "this"}), LocalLauncher(), Witness())
    assert {"PATH", "ONLY"} == {line.split("=")[0] for line in outcome.tail.splitlines()}


def test_standard_input_is_empty() -> None:
    """A command that reads gets end-of-file."""
    assert "end\n" == sh("cat; echo end").tail


def test_a_program_that_does_not_exist_is_an_outcome() -> None:
    """Nothing is raised; the exit code is None and the tail gives the reason."""
    outcome = execute(request("no-such-program"), LocalLauncher(), Witness())
    assert outcome.exit_code is None
    assert not outcome.ok
    assert "no-such-program: No such file or directory\n" == outcome.tail
    assert "`no-such-program` could not be started" == outcome.describe()


def test_a_deadline_ends_a_command() -> None:
    """A command that obeys SIGINT ends at its deadline."""
    outcome = sh("sleep 60", deadline=0.3)
    assert (True, False) == (outcome.timed_out, outcome.ok)
    assert outcome.seconds < 5
    assert "was stopped after its deadline of 0 s" in outcome.describe()


def test_a_stubborn_command_is_killed() -> None:
    """A command that ignores SIGINT and SIGTERM is killed with its whole group."""
    witness = Witness()
    script = "trap '' INT TERM; (trap '' INT TERM; while :; do sleep 0.1; done) & echo up; while :; do sleep 0.1; done"
    outcome = sh(script, deadline=0.3, witness=witness)
    assert (-9, True) == (outcome.exit_code, outcome.timed_out)
    assert _nobody_in_group(witness.pid)


def test_a_command_that_tidies_up_on_interrupt_gets_time_to() -> None:
    """SIGINT comes first, and later output is still read."""
    outcome = sh("trap 'echo tidy; exit 7' INT; echo up; while :; do sleep 0.05; done", deadline=0.4)
    assert 7 == outcome.exit_code
    assert outcome.tail.endswith("tidy\n")


def test_a_grandchild_that_holds_the_pipe_does_not_block_the_runner() -> None:
    """The command ends and its child keeps the pipe. The runner continues at once, and the child is ended."""
    witness = Witness()
    outcome = sh("sleep 60 & echo done", witness=witness)
    assert (0, "done\n") == (outcome.exit_code, outcome.tail)
    assert outcome.seconds < 3
    assert _nobody_in_group(witness.pid)


def test_a_command_that_closes_its_output_still_has_a_deadline() -> None:
    """End of output is not the end of the command."""
    outcome = sh("exec >&- 2>&-; exec sleep 60", deadline=0.4)
    assert outcome.timed_out
    assert outcome.seconds < 5


def test_a_command_that_closes_its_output_is_waited_for() -> None:
    """Its exit code is that of its later end."""
    assert 5 == sh("exec >&- 2>&-; sleep 0.3; exit 5").exit_code


def test_the_tail_is_the_limited_end_of_the_output() -> None:
    """Ten megabytes are read, the last 64 KiB are kept."""
    outcome = execute(
        request(sys.executable, "-c", "for n in range(160): print('x' * 65536, end='')\nprint('the end')"),
        LocalLauncher(),
        Witness(),
    )
    assert TAIL_BYTES == len(outcome.tail)
    assert outcome.tail.endswith("the end\n")


def test_output_that_is_not_utf8_is_read() -> None:
    """Invalid bytes become replacement characters."""
    assert "\ufffd!\n" == sh(r"printf '\377!\n'").tail


def test_an_interrupt_stops_the_command_and_is_raised_again() -> None:
    """The command has ended when KeyboardInterrupt arrives."""
    witness = Witness()
    timer = threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        sh("trap '' INT; while :; do sleep 0.1; done", witness=witness)
    timer.join()
    assert time.monotonic() - began < 30
    assert "finished" == witness.said[-1]
    assert _nobody_in_group(witness.pid)


def test_an_observer_that_fails_does_not_leave_the_command_running() -> None:
    """On a full disk, for example, the error is raised and the command has ended."""
    witness = Witness(fails=True)
    with pytest.raises(OSError, match="No space left"):
        sh("trap '' INT; echo one; while :; do echo more; sleep 0.05; done", witness=witness)
    assert _nobody_in_group(witness.pid)


def test_reading_after_the_end_returns_none() -> None:
    """Also if it is repeated."""
    running = LocalLauncher().launch(request("true"))
    while running.read(0.1) is not None:
        pass
    assert running.read(0.1) is None
    running.signal(signal.SIGTERM)
    assert 0 == running.exit_code()


@pytest.mark.parametrize(
    ("code", "words"), [(-9, "signal 9"), (137, "signal 9"), (143, "signal 15"), (2, "exit code 2")]
)
def test_an_outcome_says_how_it_ended(code: int, words: str) -> None:
    """The text names signals and exit codes, on this machine and in a container."""
    outcome = Outcome(request=request("mix", "compile"), exit_code=code, seconds=1, tail="")
    assert words in outcome.describe()


def _nobody_in_group(group: int) -> bool:
    until = time.monotonic() + 3
    while time.monotonic() < until:
        alive = [p for p in psutil.process_iter() if _group(p.pid) == group and p.status() != psutil.STATUS_ZOMBIE]
        if not alive:
            return True
        time.sleep(0.05)
    return False


def _group(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except OSError:
        return 0
