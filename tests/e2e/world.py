"""A world: folders of its own for real runs, and a look at the machine that does not use the suite's code."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker

from rollout.config.options import ROOT
from rollout.results.history import FILE as HISTORY

PATIENCE = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The end of a run: exit code (negative for a signal) and all output."""

    code: int
    output: str


@dataclass(kw_only=True)
class World:
    """Folders and a port for runs. The `cache` is shared, so that passed phases are restored."""

    home: Path
    cache: Path
    name: str = "xavos"
    port: int = field(default_factory=lambda: free_port())  # noqa: PLW0108 - defined further down

    @property
    def directory(self) -> Path:
        return self.home / "sites" / self.name

    @property
    def state(self) -> Path:
        return self.home / "state"

    @property
    def reports(self) -> Path:
        return self.home / "reports"

    def environment(self, **more: str) -> dict[str, str]:
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("XAVOS_", "PYTEST_"))}
        return {
            **{name: value for name, value in ours.items() if name not in {"CI", "GITHUB_STEP_SUMMARY"}},
            "XAVOS_CACHE_DIR": str(self.cache),
            "XAVOS_STATE_DIR": str(self.state),
            "XAVOS_REPORTS_DIR": str(self.reports),
            "NO_COLOR": "1",
            **more,
        }

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Run `pytest` with the world's port, name and folder, unless `arguments` override them."""
        place = (f"--port={self.port}", f"--name={self.name}", f"--directory={self.directory}")
        own = ("--source=rehearsal", *place, "--keep=never")
        return subprocess.Popen(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "tests.e2e.sabotage", *own, *arguments],
            cwd=ROOT,
            env=self.environment(**environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )

    def run(self, *arguments: str, **environment: str) -> Ended:
        return finish(self.start(*arguments, **environment))

    def command(self, *arguments: str) -> Ended:
        """`python -m rollout …`."""
        done = subprocess.run(
            [sys.executable, "-m", "rollout", *arguments],
            cwd=ROOT, env=self.environment(), capture_output=True, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
        return Ended(code=done.returncode, output=done.stdout + done.stderr)

    def runs(self) -> tuple[str, ...]:
        """All runs that were started here, with those of the paths of a comparison."""
        if not self.reports.is_dir():
            return ()
        begun = {path.name for path in self.reports.iterdir() if path.name != "latest" and path.is_dir()}
        for journal in self.reports.glob("*/paths/*/journal.jsonl"):
            begun |= {json.loads(line)["run"] for line in journal.read_text().splitlines()[:1]}
        return tuple(sorted(begun))

    def verdict(self) -> dict[str, Any]:
        """verdict.json of the newest run."""
        found: dict[str, Any] = json.loads((self.reports / "latest" / "verdict.json").read_text())
        return found

    def seen(self) -> tuple[str, ...]:
        """All files, containers, networks, processes and the listener of these runs. Equal values: nothing is left."""
        facts = {f"file {path.relative_to(self.home)} {_digest(path)}" for path in _below(self.home, self.reports)}
        facts |= {fact for fact in _engine() if any(run in fact for run in self.runs())}
        facts |= {f"process {pid}" for pid in _marked(self.runs())}
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                facts.add(f"listener on {self.port}")
        return tuple(sorted(facts))


def finish(process: subprocess.Popen[str], *, patience: float = PATIENCE) -> Ended:
    try:
        output, _ = process.communicate(timeout=patience)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        output, _ = process.communicate()
        raise AssertionError(f"the run did not end within {patience:.0f} s:\n{output[-4000:]}") from None
    return Ended(code=process.returncode, output=output)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def engine_answers() -> bool:
    with contextlib.suppress(Exception):
        client = docker.from_env(timeout=5)
        client.ping()
        client.close()
        return True
    return False


def _below(home: Path, *but: Path) -> list[Path]:
    """Files, links and folders, without the history, empty state folders and free locks."""
    found = []
    for path in home.rglob("*"):
        if any(path == other or other in path.parents for other in but):
            continue
        if (home / "state") in (path, *path.parents) and (
            path.is_dir() or path.suffix == ".lock" or path.name == HISTORY
        ):
            continue
        found.append(path)
    return found


def _digest(path: Path) -> str:
    if path.is_symlink():
        return str(path.readlink())
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12] if path.is_file() else "folder"


def _engine() -> set[str]:
    client = docker.from_env(timeout=60)
    try:
        found = {f"container {c['Names']} {c['Labels']}" for c in client.api.containers(all=True)}
        found |= {f"network {n['Name']} {n['Labels']}" for n in client.api.networks()}
        return found | {f"volume {v['Name']} {v['Labels']}" for v in client.api.volumes()["Volumes"] or ()}
    finally:
        client.close()


def _marked(runs: tuple[str, ...]) -> set[str]:
    tokens = [f"XAVOS_RUN={run}\0".encode() for run in runs]
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            environment = (process / "environ").read_bytes() + b"\0"
            if any(token in environment for token in tokens):
                found.add(f"{process.name} {(process / 'cmdline').read_bytes()!r}")
    return found
