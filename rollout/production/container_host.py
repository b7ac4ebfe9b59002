"""Runs instances in containers of their own: read-only, without capabilities, with a limit of memory."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import docker.errors
import requests

from rollout.phases.step import Step
from rollout.production.instances import CONTAINER_BYTES, Ended, Instance
from rollout.production.release import Release
from rollout.site.engine import container_exec
from rollout.site.engine.client import INSTANCE_LABEL, RUN_LABEL
from rollout.site.engine.errors import engine_request
from rollout.site.postgres import undo_container
from rollout.site.site import Site

if TYPE_CHECKING:
    from docker.models.containers import Container

_SPARE_BYTES = 16 * 1024**2
_KILLED_WITHIN = 30.0
_TAKE_MEMORY = """for each in /proc/[0-9]*; do
  [ "$each" = /proc/$$ ] || echo 1000 >"$each/oom_score_adj"
done 2>/dev/null
exec tail /dev/zero"""
_TEMPORARY = {"/tmp": "size=64m,mode=1777"}  # noqa: S108 - in the container, in memory


class ContainerHost:
    """Instances as containers of the site's engine, on the network of the forge."""

    def __init__(self, step: Step) -> None:
        self.enter(step)

    def enter(self, step: Step) -> None:
        self._step = step
        self._site: Site = step.site

    def start(self, name: str, release: Release, env: Mapping[str, str], port: int) -> Instance:
        container = self._create(name, release, (release.program, "start"), env)
        address = _address_on(container, self._site.network)
        return Instance(name=name, release=release, address=f"{address}:{port}", port=port)

    def run_once(
        self, name: str, release: Release, argv: tuple[str, ...], env: Mapping[str, str], *, deadline: float
    ) -> Ended:
        began = time.monotonic()
        container = self._create(name, release, argv, env)
        try:
            return _end(container, deadline, began)
        finally:
            undo_container(self._record(name))

    def is_running(self, name: str) -> bool:
        with engine_request(f"look at {name}"):
            return self._container(name).status in {"running", "paused"}

    def exit_code(self, name: str) -> int | None:
        with engine_request(f"look at {name}"):
            container = self._container(name)
            return int(container.attrs["State"]["ExitCode"]) if container.status == "exited" else None

    def exhaust(self, name: str) -> bool:
        """Lower the limit to little more than is used, and take the rest by another program in the container.

        The kernel kills first what prefers to be killed: every process of the container but that program.
        """
        container, used = self._container(name), self.memory(name)
        if used is None or container.status != "running":
            return False
        limit = used + _SPARE_BYTES
        with engine_request(f"take the memory of {name}"):
            container.update(mem_limit=limit, memswap_limit=limit)
            container_exec.start_detached(container, "sh", "-c", _TAKE_MEMORY)
            _wait(container, _KILLED_WITHIN)
            container.reload()
        return bool(container.attrs["State"]["OOMKilled"]) and container.status == "exited"

    def freeze(self, name: str) -> bool:
        with contextlib.suppress(docker.errors.DockerException):
            self._container(name).pause()
            return bool(self._container(name).status == "paused")
        return False

    def thaw(self, name: str) -> None:
        with contextlib.suppress(docker.errors.DockerException):  # it is gone, or runs
            self._container(name).unpause()

    def log(self, name: str) -> bytes:
        with engine_request(f"read the log of {name}"):
            return bytes(self._container(name).logs())

    def memory(self, name: str) -> int | None:
        with contextlib.suppress(docker.errors.DockerException, requests.RequestException, KeyError):
            found: Any = self._container(name).stats(stream=False)
            memory = found["memory_stats"]
            # The page cache of its files does not count.
            return int(memory["usage"]) - int(memory.get("stats", {}).get("inactive_file", 0))
        return None

    def stop(self, name: str, *, grace: float) -> Ended:
        container, began = self._container(name), time.monotonic()
        with engine_request(f"stop {name}"):
            self.thaw(name)  # what is frozen gets no signal
            container.reload()
            if container.status == "running":
                container.kill("SIGTERM")
            ended = _end(container, grace, began)
        undo_container(self._record(name))
        return ended

    def kill(self, name: str) -> None:
        with engine_request(f"kill {name}"), contextlib.suppress(docker.errors.APIError):  # it has ended already
            self._container(name).kill()

    def _create(self, name: str, release: Release, argv: tuple[str, ...], env: Mapping[str, str]) -> Container:
        site, full = self._site, self._name(name)
        assert site.engine is not None
        network = site.network or (site.sharing.network if site.sharing else "host")
        options: dict[str, Any] = {"network": network} if site.network else {"network_mode": network}
        with self._step.act(f"start container {full}", self._record(name)), engine_request(f"start container {full}"):
            # Not `run`, which would ask a public registry for an image that is missing.
            container = site.engine.client().containers.create(
                release.image,
                list(argv[1:]),
                entrypoint=[argv[0]],  # an image of the user may have one of its own
                name=full,
                detach=True,
                labels={RUN_LABEL: site.run.id, INSTANCE_LABEL: name},
                environment=dict(env),
                read_only=True,
                tmpfs=_TEMPORARY,
                cap_drop=["ALL"],
                security_opt=["no-new-privileges"],
                mem_limit=CONTAINER_BYTES,
                memswap_limit=CONTAINER_BYTES,
                pids_limit=512,
                **options,
            )
            container.start()
            container.reload()
        return container

    def _container(self, name: str) -> Container:
        assert self._site.engine is not None
        return self._site.engine.client().containers.get(self._name(name))

    def _name(self, name: str) -> str:
        return f"xavos-{self._site.run.id}-{name}"

    def _record(self, name: str) -> Mapping[str, str]:
        return {"kind": "container", "name": self._name(name), "run": self._site.run.id}


def _end(container: Container, patience: float, began: float) -> Ended:
    """Wait for the end of a container, and kill it if it still runs after `patience` seconds."""
    code = _wait(container, patience)
    seconds, killed = time.monotonic() - began, code is None
    if killed:
        container.kill()
        code = _wait(container, 10)
    return Ended(exit_code=code, seconds=seconds, log=bytes(container.logs()), was_killed=killed)


def _wait(container: Container, seconds: float) -> int | None:
    """The exit code of a container; None if it still runs after `seconds`."""
    try:
        return int(container.wait(timeout=max(seconds, 0.1))["StatusCode"])
    except (requests.exceptions.ReadTimeout, requests.exceptions.ConnectionError):
        return None


def _address_on(container: Container, network: str | None) -> str:
    """The address at which other containers and this process reach the container."""
    if network is None:
        return "127.0.0.1"
    return str(container.attrs["NetworkSettings"]["Networks"][network]["IPAddress"])
