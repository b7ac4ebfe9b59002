"""Finds a database server's container by name and runs PostgreSQL's client programs in it."""

from __future__ import annotations

import contextlib
import io
import secrets
import tarfile
from collections.abc import Hashable, Iterator, Mapping
from functools import cache

import docker
import docker.errors
import requests
from docker.models.containers import Container

from rollout import errors
from rollout.site.engine import container_exec
from rollout.site.engine.client import Engine, NoEngine
from rollout.site.engine.discovery import find_engine, selection_key
from rollout.site.postgres.dump import ToolResult
from rollout.site.postgres.errors import ServerGone
from rollout.site.postgres.login import Login

INNER_PORT = 5432
_INSIDE = "/tmp"  # noqa: S108 - in the container
_THEN_REMOVE = '"$@"; code=$?; rm -rf "$0"; exit $code'  # one exec instead of two: each takes 0.1 s


@cache
def _engine(key: Hashable) -> Engine:  # noqa: ARG001 - for the cache
    """The engine, cached because every fingerprint needs it."""
    found = find_engine()
    if isinstance(found, NoEngine):
        raise errors.NoEngine(reason=found.reason)
    return found


@contextlib.contextmanager
def engine_client() -> Iterator[docker.DockerClient]:
    """Yields the client of the container engine. Raises NoEngine."""
    try:
        yield _engine(selection_key()).client()
    except requests.ConnectionError as error:
        raise errors.NoEngine(reason=str(error)) from None


@contextlib.contextmanager
def named_container(name: str) -> Iterator[Container]:
    """Yields the container of exactly this name. Raises ServerGone, NoEngine."""
    with engine_client() as client:
        try:
            found = client.containers.get(name)
        except docker.errors.NotFound:
            raise ServerGone(server=name) from None
        if found.name != name:  # the engine also accepts the beginning of an id
            raise ServerGone(server=name)
        yield found


def has_container(client: docker.DockerClient, name: str) -> bool:
    """Whether a container of exactly this name exists, running or not."""
    return bool(client.containers.list(all=True, sparse=True, filters={"name": f"^/?{name}$"}))


class ContainerToolbox:
    """Runs the client programs in the server's own container, so their version is the server's."""

    def __init__(self, name: str, major: int, login: Login, *, port: int = INNER_PORT) -> None:
        self._name = name
        self.major = major
        self._environment = dict(login.environment(host="127.0.0.1", port=port))

    def run(self, program: str, *arguments: str, files: Mapping[str, bytes], output: bool) -> ToolResult:
        for _ in range(container_exec.MOST_ATTEMPTS):
            ended = self._ask(program, arguments, files)
            if ended.is_whole or not output:  # a read-only command is repeated
                break
        else:
            raise container_exec.OutputLost(container=self._name, command=program)
        messages = (b"" if output else ended.output) + ended.errors
        return ToolResult(ok=ended.exit_code == 0, output=ended.output, messages=messages.decode("utf-8", "replace"))

    def _ask(self, program: str, arguments: tuple[str, ...], files: Mapping[str, bytes]) -> container_exec.Answer:
        folder = f"xavos-rollout-{secrets.token_hex(8)}"
        argv = [program, *(_inside(argument, f"{_INSIDE}/{folder}", files) for argument in arguments)]
        with named_container(self._name) as container:
            if files:
                container.put_archive(_INSIDE, _tar(folder, files))
                argv = ["sh", "-c", _THEN_REMOVE, f"{_INSIDE}/{folder}", *argv]
            # As root, because root owns the files.
            return container_exec.ask(container, *argv, repeatable=False, env=self._environment,
                                      user="0" if files else "")  # fmt: skip


def _inside(argument: str, folder: str, files: Mapping[str, bytes]) -> str:
    before, at, name = argument.partition("@")
    return f"{before}{folder}/{name}" if at and name in files else argument


def _tar(folder: str, files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        top = tarfile.TarInfo(folder)
        top.type, top.mode = tarfile.DIRTYPE, 0o755
        archive.addfile(top)
        for name, data in files.items():
            entry = tarfile.TarInfo(f"{folder}/{name}")
            entry.size, entry.mode = len(data), 0o644
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()
