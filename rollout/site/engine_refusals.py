"""What a container engine refuses, or breaks over, as an error that says what it was asked for."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import docker.errors
import requests

from rollout.errors import EngineFailed


@contextlib.contextmanager
def asking(text: str) -> Iterator[None]:
    """The block asks the engine to do what `text` says. Raises EngineFailed where it does not."""
    try:
        yield
    except (docker.errors.DockerException, requests.RequestException) as error:
        raise EngineFailed(asked=text, reason=str(getattr(error, "explanation", None) or error)) from error
