"""Runs HAProxy in front of the instances, and adds, drains and removes instances while it runs."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rollout.application import APPLICATION
from rollout.errors import PhaseFailed, ToolMissing
from rollout.phases.step import Step
from rollout.process import Background, start
from rollout.production import runtime_api
from rollout.production.instances import Instance
from rollout.production.proxy_config import BACKEND, CHECK_SECONDS, ServerStatus, configuration, statuses
from rollout.site.engine.client import RUN_LABEL
from rollout.site.engine.errors import engine_request
from rollout.site.engine.images import ensure_image

INSIDE = "/proxy"
FILE = "haproxy.cfg"
SOCKET = "admin.sock"
HAPROXY_COMMAND = "sudo apt-get install haproxy"
_STARTS_WITHIN = 15.0
_DELETES_WITHIN = 10.0


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
        until = time.monotonic() + _STARTS_WITHIN
        while True:
            try:
                self._ask("show info")
            except runtime_api.ProxyFailed as error:
                if time.monotonic() > until:
                    raise PhaseFailed(f"HAProxy does not answer after {_STARTS_WITHIN:.0f} s: {error.message}",
                                      cause="timeout", advice=error.advice) from error  # fmt: skip
                time.sleep(0.05)
            else:
                return

    def add(self, instance: Instance) -> None:
        """Let the proxy check an instance, and send it requests as soon as it is ready."""
        where = f"{BACKEND}/{instance.name}"
        check = f"check inter {int(CHECK_SECONDS * 1000)}ms fall 2 rise 1"
        self._tell(f"add server {where} {instance.address} {check}", "New server registered")
        self._tell(f"enable health {where}")
        self._tell(f"set server {where} state ready")

    def drain(self, name: str) -> None:
        """Send an instance no new request. What it has begun goes on."""
        self._tell(f"set server {BACKEND}/{name} state drain")

    def readmit(self, name: str) -> None:
        """Send a drained instance requests again."""
        self._tell(f"set server {BACKEND}/{name} state ready")

    def remove(self, name: str) -> None:
        """Forget an instance. Raises ProxyFailed if it still has connections after 10 s."""
        self._tell(f"set server {BACKEND}/{name} state maint")
        until = time.monotonic() + _DELETES_WITHIN
        while True:
            self._tell(f"shutdown sessions server {BACKEND}/{name}")
            try:
                self._tell(f"del server {BACKEND}/{name}", "Server deleted")
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
        self._write(address=address, socket=f"{INSIDE}/{SOCKET}")
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
        site = self._step.site
        path = site.in_forge.environment()["PATH"]
        program = haproxy(path)
        if not program:
            raise ToolMissing(tool="HAProxy", found="none", needed="2.6 or newer, in front of the instances",
                              command=HAPROXY_COMMAND)  # fmt: skip
        self._write(address="127.0.0.1", socket=SOCKET)  # relative, because its path must be short
        marker = f"XAVOS_PROXY={site.run.id}"
        with self._step.act("start haproxy", {"kind": "processes", "marker": marker, "forge": {"kind": "host"}}):
            self._process = start(
                (program, "-db", "-f", FILE),
                env={"PATH": path, "XAVOS_RUN": site.run.id, **dict([marker.split("=", 1)])},
                cwd=self._folder,
                log=self._folder / "proxy.log",
            )

    def _write(self, *, address: str, socket: str) -> None:
        text = configuration(address=address, port=self._step.site.options.port, host=self._host,
                             ready=APPLICATION.ready_path, socket=socket)  # fmt: skip
        file = self._folder / FILE
        file.write_text(text, encoding="utf-8")
        file.chmod(0o644)

    def _client(self) -> Any:
        assert self._step.site.engine is not None
        return self._step.site.engine.client()

    def _ask(self, command: str) -> str:
        return runtime_api.ask(self._folder / SOCKET, command)

    def _tell(self, command: str, *accepted: str) -> None:
        runtime_api.tell(self._folder / SOCKET, command, accepted=accepted or ("",))
