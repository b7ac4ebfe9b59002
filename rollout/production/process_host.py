"""Runs instances as processes of this machine, where there is no container engine."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from rollout.phases.step import Step
from rollout.process import Background, start
from rollout.production.instances import Ended, Instance
from rollout.production.release import Release
from rollout.site import processes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Running:
    process: Background
    log: Path
    marker: str


class ProcessHost:
    """Instances as processes. A marker in their environment makes them known, as every process of the forge."""

    def __init__(self, step: Step, folder: Path) -> None:
        """`folder` gets the logs and the temporary files of the instances."""
        self.enter(step)
        self._folder = folder
        self._running: dict[str, _Running] = {}

    def enter(self, step: Step) -> None:
        self._step = step

    def start(self, name: str, release: Release, env: Mapping[str, str], port: int) -> Instance:
        self._launch(name, (release.program, "start"), env)
        return Instance(name=name, release=release, address=f"127.0.0.1:{port}", port=port)

    def run_once(
        self, name: str, release: Release, argv: tuple[str, ...], env: Mapping[str, str], *, deadline: float
    ) -> Ended:
        began = time.monotonic()
        running = self._launch(name, argv, env)
        code = running.process.wait(deadline)
        if code is None:
            processes.kill_marked(running.marker)
        seconds = time.monotonic() - began
        return Ended(exit_code=running.process.wait(10), seconds=seconds, log=self.log(name), was_killed=code is None)

    def is_running(self, name: str) -> bool:
        return self._running[name].process.is_running

    def exit_code(self, name: str) -> int | None:
        return self._running[name].process.exit_code

    def exhaust(self, name: str) -> bool:
        return False

    def freeze(self, name: str) -> bool:
        return self._signal(name, signal.SIGSTOP) > 0

    def thaw(self, name: str) -> None:
        self._signal(name, signal.SIGCONT)

    def log(self, name: str) -> bytes:
        return self._running[name].log.read_bytes()

    def memory(self, name: str) -> int | None:
        try:
            return int(psutil.Process(self._running[name].process.pid).memory_info().rss)
        except psutil.Error:
            return None

    def stop(self, name: str, *, grace: float) -> Ended:
        running, began = self._running[name], time.monotonic()
        self.thaw(name)  # what is frozen gets no signal
        running.process.signal(signal.SIGTERM)
        code = running.process.wait(grace)
        seconds = time.monotonic() - began
        processes.kill_marked(running.marker)  # also what the instance has started
        code_after = running.process.wait(10)
        return Ended(exit_code=code if code is not None else code_after, seconds=seconds, log=self.log(name),
                     was_killed=code is None)  # fmt: skip

    def kill(self, name: str) -> None:
        self._running[name].process.signal(signal.SIGKILL)

    def _signal(self, name: str, number: signal.Signals) -> int:
        """Send a signal to every process of an instance; returns how many got it."""
        reached = 0
        for pid in processes.marked(self._running[name].marker):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
                reached += 1
        return reached

    def _launch(self, name: str, argv: tuple[str, ...], env: Mapping[str, str]) -> _Running:
        site, temporary = self._step.site, self._folder / name
        temporary.mkdir(parents=True, exist_ok=True)
        marker, log = f"XAVOS_INSTANCE={site.run.id}-{name}", self._folder / f"{name}.log"
        own = dict([marker.split("=", 1)])
        surroundings = {**site.in_forge.environment(), "HOME": str(temporary), "RELEASE_TMP": str(temporary),
                        "TMPDIR": str(temporary), "XAVOS_RUN": site.run.id}  # fmt: skip
        with self._step.act(f"start {' '.join(Path(word).name for word in argv)} as {name}",
                            {"kind": "processes", "marker": marker, "forge": {"kind": "host"}}):  # fmt: skip
            process = start(argv, env={**surroundings, **env, **own}, cwd=temporary, log=log)
        self._running[name] = _Running(process=process, log=log, marker=marker)
        return self._running[name]
