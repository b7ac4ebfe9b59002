"""Pauses the instances of releases while a site is restored and compared.

An application that runs writes by itself: a leader that is elected, a job that is planned. Between the restoration of
its database and the comparison that proves it, this would look like residue.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import docker.errors
import requests

from rollout.site.engine.client import INSTANCE_LABEL, RUN_LABEL

if TYPE_CHECKING:
    from docker.models.containers import Container

    from rollout.site.engine.client import Engine

_UNABLE = (docker.errors.DockerException, requests.RequestException)


@contextlib.contextmanager
def instances_paused(engine: Engine | None, run: str) -> Iterator[None]:
    """Pause the running instances of a run for the block. An engine that cannot pause leaves them running."""
    paused = list(_pause(engine, run)) if engine is not None else []
    try:
        yield
    finally:
        for container in paused:
            with contextlib.suppress(*_UNABLE):  # the block may have removed it
                container.unpause()


def _pause(engine: Engine, run: str) -> Iterator[Container]:
    filters: dict[str, str | list[str] | bool] = {"label": [f"{RUN_LABEL}={run}", INSTANCE_LABEL], "status": "running"}
    with contextlib.suppress(*_UNABLE):
        for container in engine.client().containers.list(filters=filters, ignore_removed=True):
            with contextlib.suppress(*_UNABLE):
                container.pause()
                yield container
