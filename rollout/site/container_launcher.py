"""Commands in a container, each in a session of its own, through the engine's API (Docker's or Podman's)."""

from __future__ import annotations

import contextlib
import itertools
import queue
import signal
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING

import docker.errors

from rollout.process import Request, Running

if TYPE_CHECKING:
    from docker import DockerClient

_numbers = itertools.count(1)
# The pid file lets a signal reach the whole group: an exec cannot be signalled through the API.
_WRAPPER = 'echo $$ >"$0"; exec "$@"'


class ContainerLauncher:
    """Launches in the container called `name`; raises OSError where it is not running."""

    def __init__(self, client: DockerClient, name: str) -> None:
        self._client = client
        self._name = name

    def launch(self, request: Request) -> Running:
        pidfile = f"/tmp/rollout-{next(_numbers)}.pid"  # noqa: S108 - the container's own, and nobody else is in there
        try:
            created = self._client.api.exec_create(
                self._name,
                ["setsid", "--wait", "sh", "-c", _WRAPPER, pidfile, *request.argv],
                environment=dict(request.env),
                workdir=str(request.cwd),
            )
        except docker.errors.APIError as error:
            raise OSError(0, f"container {self._name}: {error.explanation or error}") from error
        return _ContainerProcess(self._client, self._name, created["Id"], pidfile)


class _ContainerProcess:
    def __init__(self, client: DockerClient, container: str, identity: str, pidfile: str) -> None:
        self._client = client
        self._container = container
        self._exec = identity
        self._pidfile = pidfile
        self._chunks: queue.Queue[bytes | None] = queue.Queue()
        self._ended = False
        threading.Thread(target=self._stream, daemon=True).start()

    def _stream(self) -> None:
        with contextlib.suppress(docker.errors.APIError, OSError):
            for chunk in self._client.api.exec_start(self._exec, stream=True):
                self._chunks.put(chunk)
        self._chunks.put(None)

    @property
    def identity(self) -> Mapping[str, object]:
        return {"container": self._container, "exec": self._exec, "pidfile": self._pidfile}

    def read(self, seconds: float) -> bytes | None:
        if self._ended:
            return None
        try:
            chunk = self._chunks.get(timeout=max(seconds, 0.001))
        except queue.Empty:
            return b""
        if chunk is None:
            self._ended = True
        return chunk

    def signal(self, number: int) -> None:
        name = signal.Signals(number).name.removeprefix("SIG")
        script = f'kill -s {name} -- "-$(cat {self._pidfile})" 2>/dev/null'
        with contextlib.suppress(docker.errors.APIError):
            self._client.containers.get(self._container).exec_run(["sh", "-c", script])

    def exit_code(self) -> int | None:
        with contextlib.suppress(docker.errors.APIError):
            code: int | None = self._client.api.exec_inspect(self._exec)["ExitCode"]
            return code
        return None
