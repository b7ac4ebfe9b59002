"""The container engine: Docker, or Podman through Docker's API. Found, never configured."""

from __future__ import annotations

import os
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import docker
import docker.errors
import httpx
import requests

RUN_LABEL = "xavos.run"  # on every container and network, with the id of the run that made it
_PING_SECONDS = 2
_ASKED_AGAIN = 3
_BUSY_SECONDS = 2.0
# A socket speaks plain HTTP; a context without certificates spares reading the system's, 40 ms each time.
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
_CLIENT_SECONDS = 600
# docker-py lets an OSError of its transport (a socket without rights) and a ValueError (a bad URL) through.
_UNREACHABLE = (docker.errors.DockerException, requests.RequestException, httpx.HTTPError, OSError, ValueError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """An engine that answers. `url` is what DOCKER_HOST would say, `kind` docker or podman, `os` what it runs on."""

    url: str
    kind: str
    version: str
    rootless: bool
    os: str

    def client(self) -> docker.DockerClient:
        """A client with a time limit of ten minutes a request; one for each URL and process."""
        return _client(self.url)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoEngine:
    """None answers; `reason` is half a sentence. `named` where the user named one with DOCKER_HOST."""

    reason: str
    named: bool = False


@lru_cache
def _client(url: str) -> docker.DockerClient:
    client = docker.DockerClient(base_url=url, timeout=_CLIENT_SECONDS)
    # No proxy stands before a socket; to look for one takes as long as the request itself.
    client.api.trust_env = not url.startswith("unix://")
    return client


def find_engine(environment: Mapping[str, str] | None = None) -> Engine | NoEngine:
    """The first that answers within 2 s: DOCKER_HOST alone where it is set, else Docker's socket, then Podman's."""
    env = os.environ if environment is None else environment
    named = env.get("DOCKER_HOST", "")
    if named:
        found = ask(named)
        return found if isinstance(found, Engine) else NoEngine(reason=f"DOCKER_HOST={named}: {found}", named=True)
    reasons = []
    for path in sockets(env):
        found = ask(f"unix://{path}")
        if isinstance(found, Engine):
            return found
        reasons.append(f"{path}: {found}")
    return NoEngine(reason="; ".join(reasons) or "neither Docker's nor Podman's socket is there")


def find_busy_engine() -> Engine | NoEngine:
    """The same; where there is something to ask, and it is too busy to answer in time, it is asked three times more."""
    found = find_engine()
    for _ in range(_ASKED_AGAIN):
        if isinstance(found, Engine) or not (found.named or sockets(os.environ)):
            break
        time.sleep(_BUSY_SECONDS)
        found = find_engine()
    return found


def sockets(env: Mapping[str, str]) -> tuple[Path, ...]:
    """Sockets that are there, in the order in which they are tried."""
    runtime = env.get("XDG_RUNTIME_DIR", f"/run/user/{os.getuid()}")
    places = (
        Path("/var/run/docker.sock"),
        Path(runtime) / "docker.sock",
        Path("/run/podman/podman.sock"),
        Path(runtime) / "podman/podman.sock",
    )
    return tuple(path for path in places if _is_there(path))


def ask(url: str) -> Engine | str:
    """The engine at `url`, or why it does not answer."""
    try:
        version, info = _ask_socket(url) if url.startswith("unix://") else _ask_address(url)
    except _UNREACHABLE as error:
        return _why(error)
    podman = any("Podman" in part.get("Name", "") for part in version.get("Components") or ())
    return Engine(
        url=url,
        kind="podman" if podman else "docker",
        version=str(version.get("Version", "")),
        rootless=any("rootless" in option for option in info.get("SecurityOptions") or ()),
        os=str(info.get("OperatingSystem", "")),
    )


def _ask_socket(url: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A socket of our own first: docker-py and httpx leave theirs open where nobody listens."""
    path = url.removeprefix("unix://")
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(_PING_SECONDS)
        probe.connect(path)
    transport = httpx.HTTPTransport(uds=path, verify=_NO_TLS)
    with httpx.Client(transport=transport, base_url="http://engine", timeout=_PING_SECONDS) as client:
        answers = [client.get(path).raise_for_status().json() for path in ("/version", "/info")]
    return answers[0], answers[1]


def _ask_address(url: str) -> tuple[dict[str, Any], dict[str, Any]]:
    client = docker.DockerClient(base_url=url, timeout=_PING_SECONDS)
    try:
        return client.version(), client.info()
    finally:
        client.close()


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a folder that may not be looked into
        return False


def _why(error: BaseException) -> str:
    text = str(error)
    for sign, why in (
        ("Permission denied", "permission denied (are you in the group docker?)"),
        ("Connection refused", "connection refused (the socket is there, nobody listens)"),
        ("timed out", f"no answer within {_PING_SECONDS} s"),
        ("No such file", "no such socket"),
        ("Name or service not known", "unknown host"),
    ):
        if sign in text:
            return why
    return text.splitlines()[0][:200] if text else type(error).__name__
