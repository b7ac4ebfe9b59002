"""Removes the image of a release, if the run has built it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import docker.errors

from rollout.errors import RollbackIncomplete
from rollout.site.engine.client import RUN_LABEL
from rollout.site.engine.errors import engine_request

if TYPE_CHECKING:
    from docker import DockerClient


def has_image(client: DockerClient, name: str) -> bool:
    """Whether the engine has an image with this name."""
    try:
        client.images.get(name)
    except docker.errors.ImageNotFound:
        return False
    return True


def remove_image(client: DockerClient, name: str, run: str) -> str:
    """Remove the image with this name and the label of the run. Raises RollbackIncomplete, EngineFailed."""
    with engine_request(f"remove image {name}"):
        try:
            image = client.images.get(name)
        except docker.errors.ImageNotFound:
            return f"image {name} is gone"
        if (image.labels or {}).get(RUN_LABEL) != run:
            return f"image {name} is not ours and stays"
        client.images.remove(name, force=True)
        if has_image(client, name):
            raise RollbackIncomplete(phase=f"the image {name}", left=(f"image {name}",))
    return f"image {name} is gone"
