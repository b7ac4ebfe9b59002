"""Faults of the suite itself: signals, a full disk for the journal, a second run of the same name."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import tempfile
import time
from pathlib import Path

import psutil

from rollout import environment
from rollout.config.flags import arguments
from rollout.config.options import ROOT, RUN_FOLDER
from rollout.faults.fault import CannotInject, Fault, FaultSpec, Kind, either_form
from rollout.installation import pytest_command
from rollout.journal import JournalUnwritable
from rollout.phases.step import Step
from rollout.process import capture
from rollout.site.site import Site

_SPREAD_SECONDS = 3.0  # a signal comes at a seeded moment within so many seconds of the phase's start
_REPEAT_SECONDS = 0.3
_SECOND_RUN_SECONDS = 120.0
_FULL_DEVICE = "/dev/full"  # every write to it fails with ENOSPC, as on a full disk


class Signalled(Fault):
    """Sends a signal to this process, at a seeded moment of the phase or at a given time of the run.

    The persistent form repeats it until the path has ended.
    """

    def __init__(self, spec: FaultSpec, number: signal.Signals) -> None:
        super().__init__(spec)
        self._number = number

    def arm(self, site: Site) -> None:
        if self.spec.at is not None:
            lived = time.time() - psutil.Process().create_time()
            self.after(max(self.spec.at - lived, 0), self._send)

    def strike(self, step: Step) -> None:
        self.after(self.spec.chance().uniform(0, _SPREAD_SECONDS), self._send)

    def __exit__(self, *_: object) -> None:
        """Do not end with the phase: a pending signal is still sent."""

    def _send(self) -> None:
        """Send the signal. After the end of the path, only a signal at a given time is still sent."""
        if self.is_over and (self.spec.at is None or self.witness.bites):
            return
        self.record_bite(f"{self._number.name} to process {os.getpid()}")
        if not self.spec.is_transient:
            self.after(_REPEAT_SECONDS, self._send)
        os.kill(os.getpid(), self._number)


class SecondRun(Fault):
    """Starts a second run with the same name, folder and port, which has to be refused."""

    def strike(self, step: Step) -> None:
        options = step.site.options
        same = options.as_arguments("source", "name", "directory", "port", "database", "forge")
        own = arguments(path=step.plan.name, keep="never", through="prerequisites")
        with tempfile.TemporaryDirectory(prefix="rollout-rival-") as folder:
            ended = capture(
                pytest_command("-p", "no:cacheprovider", "-q", *same, *own, "-k", "phase_passed"),
                cwd=ROOT, deadline=_SECOND_RUN_SECONDS,
                env=environment.suite(without=(RUN_FOLDER,), XAVOS_FAULT="", XAVOS_REPORTS_DIR=folder,
                                      XAVOS_STATE_DIR=str(options.state)),
            )  # fmt: skip
        said = next((line for line in ended.text.splitlines() if "exists already" in line or "in use" in line), "")
        if ended.exit_code == 1 and said:
            self.record_bite(f"the second run was refused: {said.strip()}")


class JournalDiskFull(Fault):
    """Writing to the journal fails: its file descriptor points to /dev/full.

    Earlier events stay readable in the file, so recovery would find them.
    """

    def __init__(self, spec: FaultSpec) -> None:
        super().__init__(spec)
        self._descriptor = -1
        self._kept = -1

    def strike(self, step: Step) -> None:
        path = step.site.run.journal.path
        found = (file.fd for file in psutil.Process().open_files() if _is_same_file(file.path, path))
        self._descriptor = next(found, -1)
        if self._descriptor < 0:
            raise CannotInject(fault="journal_disk_full", why=f"no open file of this process is {path}",
                               option="run where open files can be listed")  # fmt: skip
        self._kept = os.dup(self._descriptor)
        full = os.open(_FULL_DEVICE, os.O_WRONLY)
        try:
            os.dup2(full, self._descriptor)
        finally:
            os.close(full)

    def failed(self, site: Site, error: BaseException) -> None:
        if isinstance(error, JournalUnwritable):
            self.record_bite(str(error))

    def lift(self, site: Site) -> None:
        if self._kept >= 0:
            os.dup2(self._kept, self._descriptor)
            os.close(self._kept)


def _is_same_file(name: str, path: Path) -> bool:
    """Whether both are the same file, also by links."""
    with contextlib.suppress(OSError):
        return path.samefile(name)
    return False


_ENDS_UNDONE = either_form("rolled_back", "refused")
_kind = functools.partial(Kind, family="suite")

KINDS: tuple[Kind, ...] = (
    _kind(
        name="sigint",
        text="Ctrl-C while the run is at work",
        bites="the signal was sent to the run",
        make=lambda spec: Signalled(spec, signal.SIGINT),
        by_the_clock=True,
        lasts="one signal; persistent: repeated until the path has ended",
        expects=_ENDS_UNDONE,
    ),
    _kind(
        name="sigterm",
        text="SIGTERM while the run is at work, as a service manager or a cancelled CI job sends it",
        bites="the signal was sent to the run",
        make=lambda spec: Signalled(spec, signal.SIGTERM),
        by_the_clock=True,
        lasts="one signal; persistent: repeated until the path has ended",
        expects=_ENDS_UNDONE,
    ),
    _kind(
        name="sigkill",
        text="SIGKILL: a power cut, the kernel out of memory, kill -9",
        bites="the signal was sent to the run, and its process ended by it",
        make=lambda spec: Signalled(spec, signal.SIGKILL),
        by_the_clock=True,
        forms=("transient",),
        lasts="one signal",
        expects={"transient": ("rolled_back", "refused")},
    ),
    _kind(
        name="two_runs",
        text="a second run of the same name, folder and port begins while this one is at work",
        bites="the second run was refused",
        make=SecondRun,
        spares=("makes_site",),  # before it nothing is there that the second run could find
        forms=("transient",),
        lasts="one run",
        expects={"transient": ("deployed",)},
    ),
    _kind(
        name="journal_disk_full",
        text="the disk of the run's journal is full",
        bites="the run stopped because its journal could not be written",
        make=JournalDiskFull,
        traits=("journals",),
        lasts="until the phase has failed",
        expects=_ENDS_UNDONE,
    ),
)
