"""A PostgreSQL server in a container of its own, started with testcontainers."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import docker.errors

from rollout.errors import AlreadyExists, RollbackIncomplete
from rollout.journal import Journal
from rollout.site.engine.client import RUN_LABEL
from rollout.site.engine.errors import engine_request
from rollout.site.engine.sharing import JOINED
from rollout.site.postgres.container_tools import (
    INNER_PORT,
    ContainerToolbox,
    engine_client,
    has_container,
    named_container,
)
from rollout.site.postgres.errors import NotOurs, ServerFailed, ServerGone
from rollout.site.postgres.login import SUPERUSER, Login, free_port, wait_until_answering
from rollout.site.postgres.server import Server
from rollout.site.postgres.testcontainer import start_postgres

PORT_LABEL = "xavos.port"  # on a server that joined another container's network and publishes no port
_START_SECONDS = 60.0
_ATTACH_SECONDS = 15.0  # a server that ran before starts faster, or not at all
_REMOVED_WITHIN = 20.0  # seconds; the engine may be slow or already removing it


class ContainerServer(Server):
    """A server in a container. It listens on `network`, else on `port` (or a free port) of 127.0.0.1.

    `image` must be on this machine. `joined` (`container:ID`) is the network of the container that this process runs
    in. The server listens there then. A given `password` is no secret. Without one, a password is generated and masked.

    The container outlives the process that started it. Only `stop` or `undo_container` removes it.
    """

    kind = "container"

    def __init__(
        self,
        *,
        run: str,
        image: str,
        journal: Journal,
        where: Mapping[str, Any] | None = None,
        network: str | None = None,
        joined: str | None = None,
        name: str | None = None,
        forge_address: tuple[str, int] | None = None,
        password: str | None = None,
        port: int | None = None,
    ) -> None:
        if password is None:
            password = secrets.token_urlsafe(24)
            journal.redactor.add(password)
        super().__init__(Login(host="", port=0, user=SUPERUSER, password=password), forge_address=forge_address)
        self.name = name or f"xavos-{run}-postgres"
        self.network = network
        self._joined = joined if network is None else None
        self._inner_port = INNER_PORT
        self._run = run
        self._image = image
        self._port = port
        self._journal: Journal | None = journal
        self._where = dict(where or {})

    @classmethod
    def attach(cls, name: str, secrets: Mapping[str, str]) -> ContainerServer:
        """Find a server of the suite by name and start it if stopped. Raises ServerGone, NotOurs, NoEngine."""
        self = cls.__new__(cls)
        Server.__init__(self, Login(host="", port=0, user=secrets["user"], password=secrets["password"]))
        self.name, self._journal, self._where, self._image = name, None, {}, ""
        with named_container(name) as container:
            if RUN_LABEL not in container.labels:
                raise NotOurs(what="container", name=name, why=f"it has no label {RUN_LABEL}")
            self._run = container.labels[RUN_LABEL]
            ports, mode = container.attrs["HostConfig"]["PortBindings"], container.attrs["HostConfig"]["NetworkMode"]
            self._joined = mode if mode.startswith(JOINED) else None
            self._inner_port = int(container.labels.get(PORT_LABEL, INNER_PORT))
            self.network = None if ports or self._joined else mode
        self.resume()
        return self

    @property
    def key(self) -> str:
        return f"container:{self.name}"

    def undo_record(self) -> Mapping[str, Any]:
        return {"kind": "container", "server": self.key, "name": self.name, "run": self._run}

    def start(self) -> None:
        if self._journal is None:
            self.resume()
            return
        with engine_client() as client:
            if has_container(client, self.name):
                raise AlreadyExists(what="container", name=self.name, option="--name")
            try:
                client.images.get(self._image)
            except docker.errors.ImageNotFound:
                raise ServerFailed(server=self.name, reason=f"there is no image {self._image}") from None
        text = f"start {self._image} as container {self.name}"
        with self._journal.act(text, self.undo_record(), **self._where):
            self._create()
            self._find()

    def _create(self) -> None:
        options: dict[str, Any] = {"network": self.network}
        labels = {RUN_LABEL: self._run}
        if self._joined:
            self._inner_port = self._port or free_port()
            labels[PORT_LABEL] = str(self._inner_port)
            command = ["postgres", "-c", "listen_addresses=127.0.0.1", "-p", str(self._inner_port)]
            options = {"network_mode": self._joined, "command": command}
        elif not self.network:
            options = {"ports": {f"{INNER_PORT}/tcp": ("127.0.0.1", self._port or free_port())}}
        login = {"user": self._login.user, "password": self._login.password, "database": self._login.maintenance}
        with engine_request(f"start container {self.name}"), engine_client() as client:
            start_postgres(client, self._image, **login, name=self.name, labels=labels, stop_signal="SIGINT", **options)

    def _find(self, *, seconds: float = _START_SECONDS) -> None:
        """Read the address from the running container, and wait until the server accepts a connection."""
        with named_container(self.name) as container:
            host, port = "127.0.0.1", self._inner_port
            if self.network:
                host = container.attrs["NetworkSettings"]["Networks"].get(self.network, {}).get("IPAddress", "")
                if not host:  # libpq treats an empty host as this machine
                    raise ServerFailed(server=self.name, reason=f"it has no address on the network {self.network}")
            elif not self._joined:
                port = int(container.attrs["HostConfig"]["PortBindings"][f"{INNER_PORT}/tcp"][0]["HostPort"])
        old = self._login
        self._login = Login(host=host, port=port, user=old.user, password=old.password)
        wait_until_answering(self._login, seconds=seconds, still_up=self._require_running)

    def _require_running(self) -> None:
        with named_container(self.name) as container:
            if container.status not in {"running", "created", "restarting"}:
                log = container.logs(tail=40).decode("utf-8", "replace")
                raise ServerFailed(server=self.name, reason=f"its container is {container.status}", log=log)

    def _seen_from_forge(self) -> tuple[str, int]:
        return (self.name, INNER_PORT) if self.network else (self.host, self.port)

    def pause(self) -> None:
        with named_container(self.name) as container:
            container.stop(timeout=20)

    def resume(self) -> None:
        with named_container(self.name) as container:
            if container.status == "paused":
                container.unpause()
            elif container.status != "running":
                container.start()
        self._find(seconds=_ATTACH_SECONDS)

    def stop(self) -> None:
        undo_container(self.undo_record())

    def _toolbox(self) -> ContainerToolbox:
        return ContainerToolbox(self.name, self.major, self._login, port=self._inner_port)


def undo_container(record: Mapping[str, Any]) -> str:
    """Remove the container of the record with its volumes. Raises NotOurs, NoEngine, RollbackIncomplete.

    The engine's list decides whether it is gone: Docker lists a new container a moment before it can be found by name.
    """
    name, run = str(record["name"]), str(record["run"])
    was_there, until = _remove(name, run), time.monotonic() + _REMOVED_WITHIN
    with engine_client() as client:
        while has_container(client, name):
            if time.monotonic() > until:
                raise RollbackIncomplete(phase=f"the container {name}", left=(f"container {name}",))
            time.sleep(0.2)
            was_there = _remove(name, run) or was_there
    return f"container {name} removed" if was_there else f"container {name} was not there"


def _remove(name: str, run: str) -> bool:
    """Ask the engine to remove the container. False if none has that name. Raises NotOurs, NoEngine."""
    try:
        with named_container(name) as container:
            if container.labels.get(RUN_LABEL) != run:
                raise NotOurs(what="container", name=name, why=f"its label {RUN_LABEL} is not {run}")
            try:
                container.remove(force=True, v=True)
            except docker.errors.NotFound:
                pass
            except docker.errors.APIError as error:
                if error.status_code != HTTPStatus.CONFLICT:  # a conflict: the engine is already removing it
                    raise
    except ServerGone:
        return False
    return True
