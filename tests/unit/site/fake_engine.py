"""A fake engine whose containers are local processes. Tests break its network, folders or users."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import docker.errors

from rollout.site.engine.client import Engine

ID = "c0ffee" * 10 + "1234"


class FakeEngine:
    """`bend` changes the arguments of a container (script, folder, host, port, token) before it is run.

    `facts`: the engine's information about itself. `refuses`: an error message to raise instead, in which `{source}`
    becomes the folder to mount. `own`: the container that the engine knows by its id.
    """

    def __init__(self, **info: Any) -> None:
        self.facts = info
        self.bend: Callable[[list[str]], list[str]] = lambda argv: argv
        self.refuses = ""
        self.own: dict[str, Any] | None = None
        self.made: list[dict[str, Any]] = []
        self.busy_removing = 0
        self.after = lambda: None
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._ports: dict[str, int] = {}  # name → the port of this machine that is published
        self.containers = self.api = self

    def info(self) -> dict[str, Any]:
        return self.facts

    def run(self, image: str, command: list[str], **options: Any) -> None:
        self.made.append({"image": image, **options})
        if self.refuses:
            raise docker.errors.APIError(self.refuses.replace("{source}", str(options["mounts"][0]["Source"])))
        _, script, inner, *rest = command
        if "ports" in options:
            with socket.create_server(("127.0.0.1", 0)) as free:
                self._ports[str(options["name"])] = free.getsockname()[1]
            inner = str(self._ports[str(options["name"])])
        else:
            inner = str(options["mounts"][0]["Source"])
        argv = self.bend([script, inner, *rest])
        self.start(str(options["name"]), "perl", "-e", *argv)

    def start(self, name: str, *argv: str) -> None:
        self._running[name] = subprocess.Popen(argv, stderr=subprocess.DEVNULL)

    def inspect_container(self, name: str) -> dict[str, Any]:
        if self.own is not None and self.own["Id"].startswith(name):
            return self.own
        if name not in self._running:
            raise docker.errors.NotFound(name)
        published = {"5432/tcp": [{"HostPort": str(self._ports[name])}]} if name in self._ports else {}
        return {"Id": name, "State": {"Running": self._running[name].poll() is None},
                "NetworkSettings": {"Ports": published}}  # fmt: skip

    def remove_container(self, name: str, **_: Any) -> None:
        if name in self._running and self.busy_removing:
            self.busy_removing -= 1
            raise docker.errors.APIError("container state improper: stopped")
        if name not in self._running:
            raise docker.errors.NotFound(name)
        process = self._running.pop(name)
        process.kill()
        process.wait()

    @property
    def left(self) -> tuple[str, ...]:
        """Names of the existing containers."""
        return tuple(self._running)


def engine(fake: FakeEngine, monkeypatch: Any, *, kind: str = "docker", url: str = "unix:///fake.sock") -> Engine:
    """An engine whose client is the fake."""
    monkeypatch.setattr(Engine, "client", lambda self: fake)
    return Engine(url=url, kind=kind, version="1.0", rootless=False, os="test")


def elsewhere(folder: Path) -> Callable[[list[str]], list[str]]:
    """An empty folder of another machine in place of ours."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return lambda argv: [argv[0], str(folder), *argv[2:]]
