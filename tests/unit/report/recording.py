"""Golden journals of real runs: `python -m tests.unit.report.recording` records them again, in rehearsal, in minutes.

What differs from run to run (ids, times of day, paths, ports, this machine) is masked, long outputs and repeated checks
are shortened. tests/unit/report/golden.py reads them; a test holds the hand-written stories against them.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from rollout.config.options import ROOT
from rollout.journal import read_events

FOLDER = Path(__file__).with_name("recorded")
NAME, FIRST_PORT, THROUGH = "golden", 4273, "worktree"
START = datetime.fromisoformat("2026-11-23T12:00:00.000+00:00")
_RUN = re.compile(r"\b\d{8}-\d{6}-[0-9a-f]{6}\b")
_ACT = re.compile(r"(RUN\d)-[0-9a-f]{8,}")
_CHANGING = (
    (re.compile(r"\b[0-9a-f]{32,}\b"), "0123456789abcdef"),
    (re.compile(r"xavos-(forge|postgres):[0-9a-f]{16}"), r"xavos-\1:0123456789abcdef"),
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:4999"),
    (re.compile(r"pid \d+"), "pid 4711"),
)
_OPTIONS = ("name", "port", "source", "scenario", "through", "keep", "fault")
_ALIKE = 2  # checks of one phase with one outcome that are kept
_TAIL = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A folder, a state and a port for the runs of one story."""

    folder: Path
    port: int

    def run(self, *options: str, module: str = "pytest") -> None:
        """Start a run as a user would, and ignore its exit code."""
        env = {**os.environ, "XAVOS_STATE_DIR": str(self.folder / "state"),
               "XAVOS_REPORTS_DIR": str(self.folder / "reports"), "CI": ""}  # fmt: skip
        subprocess.run([sys.executable, "-m", module, *options], cwd=ROOT, env=env, check=False, timeout=1200,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip

    def deploy(self, *options: str, keep: str = "never") -> None:
        site = self.folder / "site"
        self.run("--source=rehearsal", f"--through={THROUGH}", f"--keep={keep}", f"--name={NAME}",
                 f"--port={self.port}", f"--directory={site}", "-q", *options)  # fmt: skip

    def journals(self) -> tuple[tuple[Mapping[str, Any], ...], ...]:
        """The journals of its runs, in order."""
        folders = sorted(path for path in (self.folder / "reports").glob("2*") if (path / "journal.jsonl").is_file())
        return tuple(read_events(folder / "journal.jsonl") for folder in folders)


Recorded = dict[str, tuple[Mapping[str, Any], ...]]


def rehearsed(place: Place) -> Recorded:
    place.deploy()
    return {"rehearsed": place.journals()[0]}


def kept(place: Place) -> Recorded:
    place.deploy(keep="always")
    up = place.journals()[0]
    place.run("undeploy", NAME, module="rollout")
    return {"kept": up, "undeployed": place.journals()[0]}


def port_taken(place: Place) -> Recorded:
    with socket.create_server(("127.0.0.1", place.port)):
        place.deploy()
    return {"port_taken": place.journals()[0]}


def registry_retried(place: Place) -> Recorded:
    place.deploy("--fault=registry_503@packages:transient", "--fresh")
    return {"registry_retried": place.journals()[0]}


def terminated(place: Place) -> Recorded:
    place.deploy("--fault=sigterm@worktree:persistent")
    return {"terminated": place.journals()[0]}


def power_cut(place: Place) -> Recorded:
    place.deploy("--fault=sigkill@worktree:transient")
    died = place.journals()[0]
    place.deploy()
    after, next_one = place.journals()[:2]
    return {"power_cut": died, "power_cut_recovered": after, "recovering_first": next_one}


RUNS: tuple[Callable[[Place], Recorded], ...] = (
    rehearsed, kept, port_taken, registry_retried, terminated, power_cut,
)  # fmt: skip


def masked(events: Iterable[Mapping[str, Any]], place: Place) -> list[dict[str, Any]]:
    """The events, with everything masked that differs between runs."""
    text = "\n".join(json.dumps(event, ensure_ascii=False, sort_keys=True) for event in events)
    for number, run in enumerate(dict.fromkeys(_RUN.findall(text)), start=1):
        text = text.replace(run, f"RUN{number}")
    for number, act in enumerate(dict.fromkeys(match[0] for match in _ACT.finditer(text)), start=1):
        text = text.replace(act, f"{act.partition('-')[0]}-a{number}")
    text = re.sub(r"\bRUN(\d)", lambda match: f"20261123-12000{match[1]}-a1b2c{match[1]}", text)
    for path, name in ((place.folder, "/place"), (ROOT, "/checkout"), (Path(sys.prefix), "/venv"),
                       (Path.home(), "/home/user")):  # fmt: skip
        text = text.replace(str(path), name)
    text = text.replace(platform.node(), "machine")
    for pattern, instead in _CHANGING:
        text = pattern.sub(instead, text)
    return _in_time([json.loads(line) for line in text.splitlines()])


def _in_time(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The events shifted in time to start at START. Their distances stay."""
    first, mono = datetime.fromisoformat(events[0]["t"]), float(events[0]["mono"])
    for event in events:
        late: timedelta = datetime.fromisoformat(event["t"]) - first
        event["t"] = (START + late).isoformat(timespec="milliseconds")
        event["mono"] = round(max(0.0, float(event["mono"]) - mono), 3)
    return events


def shortened(events: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The events without long output, unset options and repeated checks."""
    seen: Counter[tuple[str, str]] = Counter()
    kept_events = []
    for event in events:
        if event["event"] == "check.finished":
            alike = (event["phase"], event["outcome"])
            seen[alike] += 1
            if seen[alike] > _ALIKE:
                continue
        kept_events.append(_brief(event))
    return kept_events


def _brief(event: dict[str, Any]) -> dict[str, Any]:
    match event["event"]:
        case "run.started":
            event.update(pid=4711, argv=["pytest"], host={"os": "Debian 13", "cpus": 2, "memory": 8_000_000_000},
                         options={key: event["options"].get(key) for key in _OPTIONS})  # fmt: skip
            for phases in event["plan"].values():
                for phase in phases:
                    phase["packages"] = phase["packages"][:2]
        case "history.read":
            event["runs"] = []
        case "command.running":
            event["identity"] = {}
        case "command.finished":
            event["tail"] = event["tail"][-_TAIL:]
    return event


def main() -> None:
    """Make the runs, several at a time, and write their journals."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    with tempfile.TemporaryDirectory(prefix="recording-") as folder, ThreadPoolExecutor(3) as pool:
        places = [Place(folder=Path(folder) / story.__name__, port=FIRST_PORT + n) for n, story in enumerate(RUNS)]
        for place in places:
            place.folder.mkdir()
        for place, told in zip(places, pool.map(lambda pair: pair[0](pair[1]), zip(RUNS, places, strict=True)),
                               strict=True):  # fmt: skip
            for name, events in told.items():
                lines = [json.dumps(event, ensure_ascii=False, sort_keys=True) + "\n"
                         for event in shortened(masked(events, place))]  # fmt: skip
                (FOLDER / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
                print(f"{name}: {len(lines)} events")


if __name__ == "__main__":
    main()
