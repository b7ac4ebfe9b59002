"""One whole run of the suite as a process of its own, measured from outside."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rollout import environment
from rollout.bench.errors import RunFailed
from rollout.bench.overhead import Interval, Overhead, gaps, overhead
from rollout.config.options import ROOT
from rollout.journal.reader import read_events

_PATIENCE = 3600.0
_NAME = "xavosbench"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One run: what it cost, and where its overhead went. `restored` counts the phases taken from checkpoints."""

    overhead: Overhead
    gaps: tuple[Interval, ...]
    restored: int
    source: str

    def as_data(self) -> dict[str, Any]:
        """Raw, for the report; seconds."""
        return {
            "wall": round(self.overhead.wall, 3),
            "busy": round(self.overhead.busy, 3),
            "share": round(self.overhead.share, 5),
            "intervals": self.overhead.commands,
            "restored": self.restored,
            "longest_gaps": [[round(gap.end - gap.start, 3), gap.what] for gap in self.gaps[:8]],
        }


def measure(home: Path, *, arguments: tuple[str, ...], environment: Mapping[str, str] | None = None) -> Measured:
    """Run the path below `home` (cache, state, reports, site), rolled back in the end. Raises RunFailed.

    The cache in `home` stays, so that a second call finds the checkpoints of the first.
    """
    home.mkdir(parents=True, exist_ok=True)
    command = (sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--keep=never", f"--name={_NAME}",
               f"--port={free_port()}", f"--directory={home / 'sites' / _NAME}", *arguments)  # fmt: skip
    log = home / f"run-{time.monotonic_ns()}.log"
    with log.open("wb") as output:
        started = time.monotonic()
        process = subprocess.Popen(
            command, cwd=ROOT, env=_environment(home, environment or os.environ), stdin=subprocess.DEVNULL,
            stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            code = process.wait(_PATIENCE)
        except BaseException:
            process.terminate()  # it rolls back
            process.wait()
            raise
        ended = time.monotonic()
    if code != 0:
        raise RunFailed(command=command, code=code, log=log, end=log.read_text(errors="replace")[-1500:])
    return read(home / "reports" / "latest" / "journal.jsonl", started=started, ended=ended)


def read(journal: Path, *, started: float, ended: float) -> Measured:
    """What a journal says of the run that lived from `started` to `ended` (monotonic seconds)."""
    events = read_events(journal)
    finished = [event for event in events if event["event"] == "phase.finished"]
    begun = next((event for event in events if event["event"] == "run.started"), {})
    return Measured(
        overhead=overhead(events, started=started, ended=ended),
        gaps=gaps(events, started=started, ended=ended),
        restored=sum(bool(event.get("restored")) for event in finished),
        source=str(begun.get("source", {}).get("kind", "")),
    )


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _environment(home: Path, outer: Mapping[str, str]) -> dict[str, str]:
    """The caller's, without what would change the run's options, and with folders of its own."""
    folders = {"XAVOS_CACHE_DIR": "cache", "XAVOS_STATE_DIR": "state", "XAVOS_REPORTS_DIR": "reports"}
    return {
        **environment.suite(outer, without=("XAVOS_", "CI", "GITHUB_")),
        **{variable: str(home / folder) for variable, folder in folders.items()},
    }
