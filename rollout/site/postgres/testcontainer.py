"""Starts PostgreSQL with testcontainers on the engine of this run, ignoring testcontainers' own configuration.

By default testcontainers chooses an engine from variables, Docker's contexts and `~/.testcontainers.properties`, sets
DOCKER_HOST, logs in with DOCKER_AUTH_CONFIG, adds a prefix to image names and starts a reaper that removes containers.
This module turns all of that off and passes the engine.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import threading
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import docker

_ONE_AT_A_TIME = threading.Lock()
_HIDDEN = ("TC_", "TESTCONTAINERS_", "RYUK_")  # prefixes of the variables that testcontainers reads at import


def start_postgres(
    client: docker.DockerClient, image: str, *, user: str, password: str, database: str, **options: Any
) -> None:
    """Create and start the container with this client; `options` are those of docker-py's `containers.create`.

    Does not wait for the server: testcontainers would wait with a command that shows the password.
    """
    with _ONE_AT_A_TIME, _without_variables():
        from testcontainers.community.postgres import PostgresContainer  # noqa: PLC0415 - reads variables
        from testcontainers.core.config import testcontainers_config  # noqa: PLC0415
        from testcontainers.core.labels import create_labels  # noqa: PLC0415

        containers: Any = importlib.import_module("testcontainers.core.container")

        class Client:
            """Replaces the client of testcontainers."""

            def __init__(self, **_: Any) -> None:
                self.client = client

            def create(self, image: str, *, labels: Mapping[str, str] | None = None, **more: Any) -> Any:
                return client.containers.create(image, labels=create_labels(image, dict(labels or {})), **more)

            def start(self, made: Any) -> None:
                made.start()

        class Postgres(PostgresContainer):
            def _connect(self) -> None:
                """Do not wait here. The caller waits by connecting."""

        testcontainers_config.ryuk_disabled = True
        testcontainers_config.hub_image_name_prefix = ""
        original, containers.DockerClient = containers.DockerClient, Client
        try:
            made = Postgres(image, username=user, password=password, dbname=database, driver=None)
        finally:
            containers.DockerClient = original
    made.ports = options.pop("ports", {})
    made.with_name(options.pop("name"))
    if command := options.pop("command", None):
        made.with_command(command)
    made.with_kwargs(**options)
    made.start()


@contextlib.contextmanager
def _without_variables() -> Iterator[None]:
    """Hide testcontainers' variables in this block, because an invalid number in one breaks the import."""
    hidden = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith(_HIDDEN)}
    try:
        yield
    finally:
        os.environ.update(hidden)
