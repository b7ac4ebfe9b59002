"""Measures the time of one run of the suite in a separate process."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rollout import environment
from rollout.bench.errors import RunFailed
from rollout.bench.overhead import Interval, Overhead, gaps, overhead
from rollout.config import flags
from rollout.config.options import ROOT
from rollout.installation import pytest_command
from rollout.journal.reader import read_events
from rollout.process import start

_PATIENCE = 3600.0
_NAME = "xavosbench"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The measurement of one run. `gaps` are its intervals of overhead; `restored` counts the restored phases."""

    overhead: Overhead
    gaps: tuple[Interval, ...]
    restored: int
    source: str

    def as_data(self) -> dict[str, Any]:
        """The raw numbers for the report, in seconds."""
        return {
            "wall": round(self.overhead.wall, 3),
            "busy": round(self.overhead.busy, 3),
            "share": round(self.overhead.share, 5),
            "intervals": self.overhead.commands,
            "restored": self.restored,
            "longest_gaps": [[round(gap.end - gap.start, 3), gap.what] for gap in self.gaps[:8]],
        }


def measure(home: Path, *, arguments: tuple[str, ...], environment: Mapping[str, str] | None = None) -> Measured:
    """Run the path with cache, state, reports and site below `home`, and roll it back. Raises RunFailed.

    The cache in `home` stays, so a second call uses the checkpoints of the first.
    """
    home.mkdir(parents=True, exist_ok=True)
    own = flags.arguments(keep="never", name=_NAME, port=free_port(), directory=home / "sites" / _NAME)
    command = pytest_command("-p", "no:cacheprovider", *own, *arguments)
    log = home / f"run-{time.monotonic_ns()}.log"
    started = time.monotonic()
    process = start(command, env=_environment(home, environment or os.environ), cwd=ROOT, log=log)
    try:
        code = process.wait(_PATIENCE)
    finally:
        if process.is_running:
            process.signal(signal.SIGTERM)  # the run rolls back and ends
            process.wait()
    ended = time.monotonic()
    if code != 0:
        raise RunFailed(command=command, code=code, log=log, end=log.read_text(errors="replace")[-1500:])
    return read(home / "reports" / "latest" / "journal.jsonl", started=started, ended=ended)


def read(journal: Path, *, started: float, ended: float) -> Measured:
    """The measurement of the run with this journal. It lived from `started` to `ended` (monotonic seconds)."""
    events = read_events(journal)
    finished = [event for event in events if event["event"] == "phase.finished"]
    started_event = next((event for event in events if event["event"] == "run.started"), {})
    return Measured(
        overhead=overhead(events, started=started, ended=ended),
        gaps=gaps(events, started=started, ended=ended),
        restored=sum(bool(event.get("restored")) for event in finished),
        source=str(started_event.get("source", {}).get("kind", "")),
    )


def free_port() -> int:
    """A free port of this machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _environment(home: Path, outer: Mapping[str, str]) -> dict[str, str]:
    """The environment of a measured run: that of the caller without options of a run, and with its own folders."""
    folders = {"XAVOS_CACHE_DIR": "cache", "XAVOS_STATE_DIR": "state", "XAVOS_REPORTS_DIR": "reports"}
    return {
        **environment.suite(outer, without=("XAVOS_", "CI", "GITHUB_")),
        **{variable: str(home / folder) for variable, folder in folders.items()},
    }
