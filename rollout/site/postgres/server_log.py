"""Reads the log of a server of our own."""

from __future__ import annotations

import contextlib

import docker.errors

from rollout.errors import RolloutError
from rollout.site.postgres.container import ContainerServer
from rollout.site.postgres.container_tools import named_container
from rollout.site.postgres.embedded import EmbeddedServer
from rollout.site.postgres.server import DatabaseServer


def server_log(server: DatabaseServer) -> str:
    """The log of a server of our own so far; "" if it is gone, and for a server of the user."""
    with contextlib.suppress(RolloutError, docker.errors.DockerException, OSError):
        if isinstance(server, ContainerServer):
            with named_container(server.name) as container:
                return str(container.logs(stdout=False).decode("utf-8", "replace"))
        if isinstance(server, EmbeddedServer):
            return (server.folder / "server.log").read_text(encoding="utf-8", errors="replace")
    return ""
