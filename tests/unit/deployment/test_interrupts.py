"""Signals roll back, including SIGHUP of a closed terminal."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rollout.config.options import ROOT
from rollout.deployment.interrupts import Interrupts

UNWINDS = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
from rollout.deployment.interrupts import Interrupts
interrupts = Interrupts()
interrupts.install()
try:
    print("ready", flush=True)
    while True:
        signal.pause()
except KeyboardInterrupt:
    with interrupts.shielded():
        print("what is written while it unwinds", flush=True)
        os.write(2, b"and past Python")
    with open(sys.argv[2], "w") as told:
        told.write(interrupts.received)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_each_signal_rolls_back_once(number: signal.Signals) -> None:
    interrupts = Interrupts()
    interrupts.install()
    try:
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
        signal.raise_signal(number)
        assert interrupts.received == number.name
    finally:
        interrupts.uninstall()


def test_a_signal_waits_while_a_rollback_runs() -> None:
    interrupts = Interrupts()
    interrupts.install()
    try:
        with interrupts.shielded():
            signal.raise_signal(signal.SIGHUP)
        with pytest.raises(KeyboardInterrupt):
            interrupts.raise_kept()
    finally:
        interrupts.uninstall()


def test_a_sighup_that_nohup_ignores_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    interrupts = Interrupts()
    interrupts.install()
    try:
        signal.raise_signal(signal.SIGHUP)
        assert interrupts.received is None
    finally:
        interrupts.uninstall()
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        signal.signal(signal.SIGHUP, before)


def test_a_closed_terminal_does_not_end_the_rollback(tmp_path: Path) -> None:
    """The kernel tells the process that leads the session, and every write to the terminal fails from then on."""
    told = tmp_path / "told"
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [sys.executable, "-c", UNWINDS, str(ROOT), str(told)])  # noqa: S606 - our own words
    said = b""
    while b"ready" not in said:
        said += os.read(terminal, 1000)
    os.close(terminal)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert told.read_text() == "SIGHUP"


def test_a_run_without_a_terminal_is_rolled_back_too(tmp_path: Path) -> None:
    told = tmp_path / "told"
    with subprocess.Popen(
        [sys.executable, "-c", UNWINDS, str(ROOT), str(told)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGHUP)
        assert b"and past Python" in process.stdout.read()
    assert told.read_text() == "SIGHUP"
