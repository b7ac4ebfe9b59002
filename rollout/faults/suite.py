"""Faults of the suite itself: it is interrupted or killed, its journal finds no room, another run gets in its way."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from rollout import environment
from rollout.config.options import ROOT, RUN_FOLDER
from rollout.faults.fault import CannotInject, Fault, Kind, Wound, either_form
from rollout.journal import JournalUnwritable
from rollout.phases.step import Step
from rollout.site.site import Site

_SPREAD_SECONDS = 3.0  # a signal comes at a seeded moment within so many seconds of the struck phase's beginning
_AGAIN_SECONDS = 0.3
_RIVAL_SECONDS = 120.0
_NO_ROOM = "/dev/full"  # every write to it ends with ENOSPC, as on a disk without room


class Signalled(Fault):
    """A signal to this process: at a seeded moment after its phase has begun, or so long after the process has.

    The persistent form goes on: once more and again, until the path has ended.
    """

    def __init__(self, wound: Wound, number: signal.Signals) -> None:
        super().__init__(wound)
        self._number = number

    def arm(self, site: Site) -> None:
        if self.wound.at is not None:
            lived = time.time() - psutil.Process().create_time()
            self.after(max(self.wound.at - lived, 0), self._send)

    def strike(self, step: Step) -> None:
        self.after(self.wound.chance().uniform(0, _SPREAD_SECONDS), self._send)

    def __exit__(self, *_: object) -> None:
        """A signal that is on its way comes, whatever the phase has come to."""

    def _send(self) -> None:
        """Once the path has ended, only what was to come at a moment of the run's still comes."""
        if self.is_over and (self.wound.at is None or self.witness.bites):
            return
        self.saw(f"{self._number.name} to process {os.getpid()}")
        if not self.wound.is_transient:
            self.after(_AGAIN_SECONDS, self._send)
        os.kill(os.getpid(), self._number)


class Rival(Fault):
    """A second run of the same name, folder and port, while this one is at work: it has to be refused."""

    def strike(self, step: Step) -> None:
        options = step.site.options
        with tempfile.TemporaryDirectory(prefix="rollout-rival-") as folder:
            ended = subprocess.run(
                (sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", f"--path={step.plan.name}",
                 f"--source={options.source}", f"--name={options.name}", f"--directory={options.directory}",
                 f"--port={options.port}", f"--database={options.database}", f"--forge={options.forge}",
                 "--keep=never", "--through=prerequisites", "-k", "phase_passed"),
                cwd=ROOT,
                env=environment.suite(without=(RUN_FOLDER,), XAVOS_FAULT="", XAVOS_REPORTS_DIR=folder,
                                       XAVOS_STATE_DIR=str(options.state)),
                stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_RIVAL_SECONDS, check=False,
            )  # fmt: skip
        said = next((line for line in ended.stdout.splitlines() if "exists already" in line or "in use" in line), "")
        if ended.returncode == 1 and said:
            self.saw(f"the second run was refused: {said.strip()}")


class JournalDiskFull(Fault):
    """The kernel takes no more of what is written to the journal: its descriptor is one of a device without room.

    What was journaled before stays where it is, and readable; so it is what recovery would find.
    """

    def __init__(self, wound: Wound) -> None:
        super().__init__(wound)
        self._descriptor = -1
        self._kept = -1

    def strike(self, step: Step) -> None:
        path = step.site.run.journal.path
        found = (file.fd for file in psutil.Process().open_files() if _is(file.path, path))
        self._descriptor = next(found, -1)
        if self._descriptor < 0:
            raise CannotInject(fault="journal_disk_full", why=f"no open file of this process is {path}",
                               option="run where open files can be listed")  # fmt: skip
        self._kept = os.dup(self._descriptor)
        full = os.open(_NO_ROOM, os.O_WRONLY)
        try:
            os.dup2(full, self._descriptor)
        finally:
            os.close(full)

    def failed(self, site: Site, error: BaseException) -> None:
        if isinstance(error, JournalUnwritable):
            self.saw(str(error))

    def lift(self, site: Site) -> None:
        if self._kept >= 0:
            os.dup2(self._kept, self._descriptor)
            os.close(self._kept)


def _is(name: str, path: Path) -> bool:
    """Whether they are one file, by whatever links."""
    with contextlib.suppress(OSError):
        return path.samefile(name)
    return False


_UNWOUND = either_form("rolled_back", "refused")
_kind = functools.partial(Kind, family="suite")

KINDS: tuple[Kind, ...] = (
    _kind(
        name="sigint",
        text="Ctrl-C while the run is at work",
        bites="the signal was sent to the run",
        make=lambda wound: Signalled(wound, signal.SIGINT),
        by_the_clock=True,
        lasts="one signal; persistent: again and again until the path has ended",
        expects=_UNWOUND,
    ),
    _kind(
        name="sigterm",
        text="SIGTERM while the run is at work, as a service manager or a cancelled CI job sends it",
        bites="the signal was sent to the run",
        make=lambda wound: Signalled(wound, signal.SIGTERM),
        by_the_clock=True,
        lasts="one signal; persistent: again and again until the path has ended",
        expects=_UNWOUND,
    ),
    _kind(
        name="sigkill",
        text="SIGKILL: a power cut, the kernel out of memory, kill -9",
        bites="the signal was sent to the run, and its process ended by it",
        make=lambda wound: Signalled(wound, signal.SIGKILL),
        by_the_clock=True,
        forms=("transient",),
        lasts="one signal",
        expects={"transient": ("rolled_back", "refused")},
    ),
    _kind(
        name="two_runs",
        text="a second run of the same name, folder and port begins while this one is at work",
        bites="the second run was refused",
        make=Rival,
        spares=("makes_site",),  # before it nothing is there that the second run could find
        forms=("transient",),
        lasts="one run",
        expects={"transient": ("deployed",)},
    ),
    _kind(
        name="journal_disk_full",
        text="the disk that the run's journal is on has no more room",
        bites="the run stopped because its journal could not be written",
        make=JournalDiskFull,
        traits=("journals",),
        lasts="until the phase has failed",
        expects=_UNWOUND,
    ),
)
