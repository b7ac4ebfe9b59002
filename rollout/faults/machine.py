"""Faults of the machine: for example they fill the disk, block a port or change the clock."""

from __future__ import annotations

import contextlib
import functools
import re
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import docker.errors
import psutil

from rollout.application import APPLICATION
from rollout.faults.disk import Full, ReadOnly
from rollout.faults.fault import CannotInject, FaultSpec, Kind, either_form
from rollout.faults.output_witness import OutputWitnessFault
from rollout.faults.shims import Missing, TooOld
from rollout.phases.step import Step
from rollout.process import Background, Outcome, Request, start
from rollout.site.engine import container_exec
from rollout.site.site import Site
from rollout.site.store.objects import UNSTORED

_MEMORY_MIB = (48, 56, 64)  # Erlang needs about 45, any compilation about 70
_DESCRIPTORS = (20, 21, 22)
_DAYS = 400
_CLOCK = ".home/fault-clock"
_FAKETIME = "/usr/$LIB/faketime/libfaketime.so.1"  # the loader replaces $LIB on each architecture
_DAC = ["DAC_OVERRIDE", "DAC_READ_SEARCH"]
_WRITING = 0o222
_BUILD = f"_build/dev/lib/{APPLICATION.app}"
_WRITTEN_TO = (
    ".", ".home", ".home/mix", ".home/hex", "deps", "_build", "_build/dev", "_build/dev/lib", _BUILD,
    f"{_BUILD}/ebin", f"{_BUILD}/.mix", "priv", "priv/repo", "priv/repo/migrations",
)  # fmt: skip
_LISTENER = """
import socket, sys, threading
listening = socket.create_server(("127.0.0.1", int(sys.argv[1])))
def answer():
    while True:
        caller, _ = listening.accept()
        caller.recv(4096)
        caller.sendall(b"HTTP/1.1 404 Not Found\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n")
        caller.close()
threading.Thread(target=answer, daemon=True).start()
print("listening", flush=True)
sys.stdin.read()
"""
# The number of processes that the kernel has killed for lack of memory, for both versions of control groups.
_OOM_KILLS = "cat /sys/fs/cgroup/memory/memory.oom_control /sys/fs/cgroup/memory.events 2>/dev/null"


class NoPermission(OutputWitnessFault):
    """Folders that the phase writes to, and the files in them, may not be written to.

    Not even by root, who has no such power in the forge then.
    """

    def __init__(self, spec: FaultSpec) -> None:
        super().__init__(spec, r"permission denied|\beacces\b")
        self._modes: dict[Path, int] = {}

    def forge_options(self) -> Mapping[str, Any]:
        return {"cap_drop": _DAC}

    def strike(self, step: Step) -> None:
        folders = dict.fromkeys((*_below(step.site, ""), *_below(step.site, step.site.app)))
        for folder in folders:
            for path in (step.site.directory / folder, *_files_in(step.site.directory / folder)):
                self._modes[path] = path.stat().st_mode & 0o7777
                path.chmod(self._modes[path] & ~_WRITING)

    def lift(self, site: Site) -> None:
        for path, mode in self._modes.items():
            with contextlib.suppress(FileNotFoundError):
                path.chmod(mode)


def _files_in(folder: Path) -> tuple[Path, ...]:
    """Files whose content and mode a rollback restores."""
    return tuple(
        path for path in folder.iterdir() if path.is_file() and not path.is_symlink() and path.name not in UNSTORED
    )


def _below(site: Site, app: str) -> tuple[str, ...]:
    names = (f"{app}/{name}" if app else name for name in _WRITTEN_TO)
    return tuple(name for name in names if (site.directory / name).is_dir())


class PortTaken(OutputWitnessFault):
    """Another program listens on the deployment's port. It ends with this process."""

    def __init__(self, spec: FaultSpec) -> None:
        super().__init__(spec, r"already in use|taken by another|eaddrinuse")
        self._listener: Background | None = None

    def strike(self, step: Step) -> None:
        command = (sys.executable, "-I", "-c", _LISTENER, str(step.site.options.port))
        self._listener = start(command, env={}, pipes=True)
        if not self._listener.output.readline():
            raise CannotInject(fault="port_taken", why="the port is taken already", option="choose another --port")

    def failed(self, site: Site, error: BaseException) -> None:
        super().failed(site, error)
        self.search_log(site)

    def lift(self, site: Site) -> None:
        if self._listener is not None:
            self._listener.kill()


class MemoryLimit(OutputWitnessFault):
    """The forge's container has so little memory that the kernel kills the compiler."""

    def __init__(self, spec: FaultSpec) -> None:
        super().__init__(spec, r"(?!)")
        self._kills = 0

    def forge_options(self) -> Mapping[str, Any]:
        """Set a limit as large as the machine at the start: only an existing limit can be changed and restored."""
        return {"mem_limit": psutil.virtual_memory().total, "memswap_limit": psutil.virtual_memory().total}

    def strike(self, step: Step) -> None:
        self._kills = self._killed(step.site)
        self._limit(step.site, self.chance.choice(_MEMORY_MIB) * 1024**2)

    def after_command(self, site: Site, outcome: Outcome) -> None:
        killed = self._killed(site)
        if killed > self._kills:
            ended = f"{outcome.request.label}: exit {outcome.exit_code}"
            evidence = f"the kernel has killed {killed - self._kills} process(es) for lack of memory; {ended}"
            self._kills = killed
            self.bite(site, evidence)

    def lift(self, site: Site) -> None:
        if site.forge is not None:
            with contextlib.suppress(docker.errors.APIError):
                self._limit(site, psutil.virtual_memory().total)

    def _limit(self, site: Site, size: int) -> None:
        _container(site).update(mem_limit=size, memswap_limit=size)

    def _killed(self, site: Site) -> int:
        said = container_exec.ask(_container(site), "sh", "-c", _OOM_KILLS, repeatable=True).text
        counted: list[str] = re.findall(r"^oom_kill (\d+)$", said, re.MULTILINE)
        return sum(map(int, counted))


class FewDescriptors(OutputWitnessFault):
    """A command may open so few files that Erlang runs out of descriptors."""

    def __init__(self, spec: FaultSpec) -> None:
        super().__init__(spec, r"\bemfile\b|too many open files|cannot open shared object file: Error 24")
        self._most = self.chance.choice(_DESCRIPTORS)

    def before_command(self, site: Site, request: Request) -> Request:
        return replace(request, argv=("sh", "-c", f'ulimit -n {self._most} && exec "$@"', "sh", *request.argv))


class ClockJump(OutputWitnessFault):
    """The clock of the forge's commands is wrong by more than a year. The transient form ends after some commands."""

    def __init__(self, spec: FaultSpec) -> None:
        super().__init__(spec, r"(?!)")
        self._days = self.chance.choice((_DAYS, -_DAYS))
        self._most = self.chance.randint(1, 3)
        self._commands = 0

    def before_command(self, site: Site, request: Request) -> Request:
        file = site.in_forge.root / _CLOCK
        (site.directory / _CLOCK).parent.mkdir(parents=True, exist_ok=True)
        env = {"LD_PRELOAD": _FAKETIME, "FAKETIME": f"{self._days:+d}d", "DONT_FAKE_MONOTONIC": "1"}
        return replace(request, argv=("sh", "-c", 'date +%s >"$0"; exec "$@"', str(file), *request.argv),
                       env={**request.env, **env})  # fmt: skip

    def after_command(self, site: Site, outcome: Outcome) -> None:
        """Compare the time that the command's shell has seen."""
        file = site.directory / _CLOCK
        if not file.is_file():
            return
        seen = datetime.fromtimestamp(int(file.read_text() or 0), tz=UTC)
        file.unlink()
        if abs((seen - datetime.now(UTC)).days) < _DAYS // 2:
            return
        self._commands += 1
        ended = "" if outcome.ok else f", and ended with {outcome.exit_code}"
        self.record_bite(f"{outcome.request.label}: ran on {seen:%Y-%m-%d}{ended}")
        if self.spec.is_transient and self._commands >= self._most:
            self.over(site)


def _container(site: Site) -> Any:
    if site.engine is None:
        raise CannotInject(fault="memory_limit", why="the forge is no container", option="have it in one")
    return site.engine.client().containers.get(str(site.in_forge.record["name"]))


_MIX = ("runs_mix",)
_FAILING = either_form("rolled_back")
_REFUSED = either_form("rolled_back", "refused")
_kind = functools.partial(Kind, family="machine", expects=_FAILING)
_MET = "after the first command, or the phase itself, was affected"

KINDS: tuple[Kind, ...] = (
    _kind(
        name="disk_full",
        text="the disk of the deployment is full",
        bites="ENOSPC in the output of a command or in the phase's error, or a command that failed on the full disk",
        make=Full,
        traits=("writes_files",),
        lasts=_MET,
        needs=("root", "engine"),
    ),
    _kind(
        name="read_only",
        text="the disk of the deployment is read-only",
        bites="EROFS in the output of a command or in the phase's error, or a command that failed on the disk",
        make=ReadOnly,
        traits=("writes_files",),
        lasts=_MET,
        needs=("root", "engine"),
    ),
    _kind(
        name="no_permission",
        text="folders of the deployment, and the files in them, may not be written to",
        bites="EACCES in the output of a command",
        make=NoPermission,
        traits=_MIX,
        lasts=_MET,
        needs=("engine",),
    ),
    _kind(
        name="port_taken",
        text="another program listens on the deployment's port",
        bites="the run was refused, or the server did not get the port",
        make=PortTaken,
        traits=("uses_port",),
        lasts=_MET,
        expects=_REFUSED,
    ),
    _kind(
        name="memory_limit",
        text="the forge has too little memory",
        bites="processes that the kernel killed for lack of memory",
        make=MemoryLimit,
        traits=_MIX,
        lasts="when the kernel has killed a process",
        needs=("engine",),
    ),
    _kind(
        name="descriptor_limit",
        text=f"commands may have no more than {_DESCRIPTORS[0]} to {_DESCRIPTORS[-1]} files open",
        bites="EMFILE in the output of a command",
        make=FewDescriptors,
        traits=_MIX,
        lasts="after the first command was affected",
    ),
    _kind(
        name="clock_jump",
        alters=True,
        text=f"the clock is wrong by {_DAYS} days, in the future or the past",
        bites="commands that saw another time",
        make=ClockJump,
        traits=(*_MIX, "runs_server"),
        lasts="after one to three commands (seeded)",
        needs=("engine",),
        expects=either_form("deployed", "rolled_back"),
    ),
    _kind(
        name="toolchain_too_old",
        text="a tool of the forge is too old",
        bites="the phase failed and named the version that it found",
        make=TooOld,
        traits=("checks_tools",),
        lasts="with the phase",
    ),
    _kind(
        name="tool_missing",
        text="a tool of the forge cannot be found",
        bites="a command that ended with 127",
        make=lambda spec: Missing(spec, anywhere=("mix",), first=("elixir", "erl", "mix", "git", "psql")),
        traits=("checks_tools", *_MIX, "runs_server"),
        lasts="after the first command was affected",
    ),
)
