"""Converts the errors of a container engine into EngineFailed, which names the failed request."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import docker.errors
import requests

from rollout.errors import EngineFailed


@contextlib.contextmanager
def engine_request(text: str) -> Iterator[None]:
    """Wrap a request to the engine; `text` describes it in the error. Raises EngineFailed."""
    try:
        yield
    except (docker.errors.DockerException, requests.RequestException) as error:
        raise EngineFailed(asked=text, reason=str(getattr(error, "explanation", None) or error)) from error
