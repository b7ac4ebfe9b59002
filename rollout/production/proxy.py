"""Runs HAProxy in front of the instances, and adds, drains and removes instances while it runs.

Every change is written to its configuration before the running proxy is told. So a proxy that was killed and starts
again serves with the same instances.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from rollout.application import APPLICATION
from rollout.errors import PhaseFailed, ToolMissing
from rollout.phases.step import Step
from rollout.process import Background, start
from rollout.production import runtime_api
from rollout.production.instances import Instance
from rollout.production.proxy_config import BACKEND, Server, ServerStatus, configuration, statuses
from rollout.site.engine.client import RUN_LABEL
from rollout.site.engine.errors import engine_request
from rollout.site.engine.images import ensure_image

INSIDE = "/proxy"
FILE = "haproxy.cfg"
SOCKET = "admin.sock"
HAPROXY_COMMAND = "sudo apt-get install haproxy"
_ANSWERS_WITHIN = 15.0
_DELETES_WITHIN = 10.0
_MARKER = "XAVOS_PROXY"
# What it answers about an instance that a restart in between has added or removed already.
_THERE, _GONE = "Already exists", "No such server"

_T = TypeVar("_T")


def haproxy(path: str | None = None) -> str:
    """The program HAProxy of this machine, "" if it is not installed. Debian keeps it where users do not look."""
    return shutil.which("haproxy", path=f"{path or os.environ.get('PATH', os.defpath)}:/usr/local/sbin:/usr/sbin") or ""


class Proxy:
    """HAProxy of one deployment. `folder` holds its configuration and the socket of its runtime API."""

    def __init__(self, step: Step, folder: Path, *, host: str) -> None:
        self.enter(step)
        self._folder = folder
        self._host = host
        self._process: Background | None = None
        self._servers: dict[str, Server] = {}
        self._inside: dict[str, str] = {}  # address and socket, as the proxy sees them

    def enter(self, step: Step) -> None:
        """Acts from now on are those of this phase."""
        self._step = step

    @property
    def name(self) -> str:
        """The name of its container."""
        return f"xavos-{self._step.site.run.id}-proxy"

    def start(self) -> None:
        """Start it without an instance, and wait until its runtime API answers. Raises PhaseFailed, EngineFailed."""
        self._folder.mkdir(parents=True, exist_ok=True)
        if self._step.site.forge_kind == "container":
            self._start_container()
        else:
            self._start_process()
        try:
            self._ask("show info")
        except runtime_api.ProxySilent as error:
            raise PhaseFailed(f"HAProxy does not answer after {_ANSWERS_WITHIN:.0f} s: {error.message}",
                              cause="timeout", advice=error.advice) from error  # fmt: skip

    def restart(self) -> None:
        """Kill it, start it again with the present instances, and wait until it answers."""
        if self._process is not None:
            self._process.kill()
            self._process = self._launch()
        else:
            with engine_request(f"restart container {self.name}"):
                container = self._client().containers.get(self.name)
                container.kill()
                container.wait(timeout=_ANSWERS_WITHIN)
                container.start()
        self._ask("show info")

    def uptime(self) -> int:
        """Seconds for which this process of the proxy has run."""
        lines = dict(line.split(": ", 1) for line in self._ask("show info").splitlines() if ": " in line)
        return int(lines["Uptime_sec"])

    def add(self, instance: Instance) -> None:
        """Let the proxy check an instance, and send it requests as soon as it is ready."""
        where, server = f"{BACKEND}/{instance.name}", Server(name=instance.name, address=instance.address)
        self._keep(server)
        self._tell(f"add server {where} {server.added}", "New server registered", _THERE)
        self._tell(f"enable health {where}")
        self._tell(f"set server {where} state ready")

    def drain(self, name: str) -> None:
        """Send an instance no new request. What it has begun goes on."""
        self._keep(replace(self._servers[name], is_drained=True))
        self._tell(f"set server {BACKEND}/{name} state drain")

    def remove(self, name: str) -> None:
        """Forget an instance. Raises ProxyFailed if it still has connections after 10 s."""
        self._servers.pop(name, None)
        self._write()
        if name not in self.statuses():
            return  # a proxy that has just started does not know it
        self._tell(f"set server {BACKEND}/{name} state maint", _GONE)
        until = time.monotonic() + _DELETES_WITHIN
        while True:
            self._tell(f"shutdown sessions server {BACKEND}/{name}", _GONE)
            try:
                self._tell(f"del server {BACKEND}/{name}", "Server deleted", _GONE)
            except runtime_api.ProxyFailed:
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)
            else:
                return

    def statuses(self) -> Mapping[str, ServerStatus]:
        """Name of an instance → how the proxy sees it."""
        return statuses(self._ask("show stat"))

    def log(self) -> bytes:
        """Its log: one line for each request and each change of an instance's state."""
        if self._step.site.forge_kind == "container":
            with engine_request(f"read the log of {self.name}"):
                return bytes(self._client().containers.get(self.name).logs())
        return (self._folder / "proxy.log").read_bytes()

    def _start_container(self) -> None:
        site = self._step.site
        assert site.engine is not None
        assert site.sharing is not None
        image = ensure_image(site.engine, "proxy", say=self._step.note).tag
        address = "0.0.0.0" if site.network else "127.0.0.1"  # noqa: S104 - an isolated network
        self._inside = {"address": address, "socket": f"{INSIDE}/{SOCKET}"}
        self._write()
        options: dict[str, Any] = {"network": site.network} if site.network else {"network_mode": site.sharing.network}
        with (
            self._step.act(
                f"start container {self.name}", {"kind": "container", "name": self.name, "run": site.run.id}
            ),
            engine_request(f"start container {self.name}"),
        ):
            self._client().containers.run(
                image,
                name=self.name,
                detach=True,
                labels={RUN_LABEL: site.run.id},
                mounts=[site.sharing.mount(self._folder, INSIDE)],
                read_only=True,
                security_opt=["no-new-privileges"],
                **{"cap_drop": ["ALL"], **site.sharing.identity()},
                **options,
            )

    def _start_process(self) -> None:
        self._inside = {"address": "127.0.0.1", "socket": SOCKET}  # relative, because its path must be short
        self._write()
        record = {"kind": "processes", "marker": f"{_MARKER}={self._step.site.run.id}", "forge": {"kind": "host"}}
        with self._step.act("start haproxy", record):
            self._process = self._launch()

    def _launch(self) -> Background:
        site = self._step.site
        path = site.in_forge.environment()["PATH"]
        program = haproxy(path)
        if not program:
            raise ToolMissing(tool="HAProxy", found="none", needed="2.6 or newer, in front of the instances",
                              command=HAPROXY_COMMAND)  # fmt: skip
        return start(
            (program, "-db", "-f", FILE),
            env={"PATH": path, "XAVOS_RUN": site.run.id, _MARKER: site.run.id},
            cwd=self._folder,
            log=self._folder / "proxy.log",
        )

    def _keep(self, server: Server) -> None:
        """Change an instance in the configuration, for a proxy that starts again."""
        self._servers[server.name] = server
        self._write()

    def _write(self) -> None:
        text = configuration(**self._inside, port=self._step.site.options.port, host=self._host,
                             ready=APPLICATION.ready_path, servers=self._servers.values())  # fmt: skip
        file = self._folder / FILE
        written = file.with_suffix(".new")
        written.write_text(text, encoding="utf-8")
        written.chmod(0o644)
        written.replace(file)

    def _client(self) -> Any:
        assert self._step.site.engine is not None
        return self._step.site.engine.client()

    def _ask(self, command: str) -> str:
        return self._patiently(lambda: runtime_api.ask(self._folder / SOCKET, command))

    def _tell(self, command: str, *accepted: str) -> None:
        self._patiently(lambda: runtime_api.tell(self._folder / SOCKET, command, accepted=accepted or ("",)))

    def _patiently(self, command: Callable[[], _T]) -> _T:
        """Repeat a command while the proxy does not answer, because it is starting. Raises ProxySilent."""
        until = time.monotonic() + _ANSWERS_WITHIN
        while True:
            try:
                return command()
            except runtime_api.ProxySilent:
                if time.monotonic() > until:
                    raise
            time.sleep(0.05)
