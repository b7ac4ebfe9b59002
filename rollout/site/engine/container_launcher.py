"""Launches commands in a container, each in its own session, through the API of Docker or Podman."""

from __future__ import annotations

import contextlib
import itertools
import queue
import signal
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

import docker.errors

from rollout.process import Request, Running
from rollout.site.engine import container_exec

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

_numbers = itertools.count(1)
_POLL = 0.1


class ContainerLauncher:
    """Launches commands in the container `name`. Raises OSError if it does not run."""

    def __init__(self, client: DockerClient, name: str) -> None:
        self._client = client
        self._name = name

    def launch(self, request: Request) -> Running:
        pidfile = f"/tmp/rollout-{next(_numbers)}.pid"  # noqa: S108 - in the container, which has no other users
        try:
            container = self._client.containers.get(self._name)
            started = container_exec.Exec(container, pidfile, request.argv, env=request.env, cwd=str(request.cwd))
        except docker.errors.APIError as error:
            raise OSError(0, f"container {self._name}: {error.explanation or error}") from error
        return _ContainerProcess(container, started, pidfile)


class _ContainerProcess:
    def __init__(self, container: Container, started: container_exec.Exec, pidfile: str) -> None:
        self._container = container
        self._exec = started
        self._pidfile = pidfile
        self._chunks: queue.Queue[bytes | None] = queue.Queue()
        self._is_marked = False
        self._ended = False
        threading.Thread(target=self._stream, daemon=True).start()

    def _stream(self) -> None:
        for chunk in self._exec.chunks():
            if chunk:
                self._chunks.put(chunk)
            self._is_marked = self._exec.is_marked
        self._chunks.put(None)

    @property
    def identity(self) -> Mapping[str, object]:
        return {"container": self._container.name, "exec": self._exec.id, "pidfile": self._pidfile}

    @property
    def is_whole(self) -> bool:
        return self._exec.is_whole

    def read(self, seconds: float) -> bytes | None:
        if self._ended:
            return None
        is_marked = self._is_marked
        try:
            chunk = self._chunks.get(timeout=max(seconds, 0.001))
        except queue.Empty:
            self._ended = is_marked  # a background process of the command may keep the stream open forever
            return None if is_marked else b""
        if chunk is None and self._exec.is_running():
            # The stream broke while the command runs. Its deadline limits the wait.
            self._chunks.put(None)
            time.sleep(min(seconds, _POLL))
            return b""
        self._ended = chunk is None
        return chunk

    def signal(self, number: int) -> None:
        name = signal.Signals(number).name.removeprefix("SIG")
        script = f'kill -s {name} -- "-$(cat {self._pidfile})" 2>/dev/null'
        with contextlib.suppress(docker.errors.APIError, OSError):
            container_exec.ask(self._container, "sh", "-c", script, repeatable=False)

    def exit_code(self) -> int | None:
        return self._exec.exit_code()
