"""Finds the container engine of this machine: Docker, or Podman through Docker's API."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import ssl
import time
from collections.abc import Hashable, Iterator, Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import docker.errors
import httpx
import requests

from rollout.site.engine.address import (
    VARIABLES,
    BadAddress,
    Tls,
    broken_configuration,
    named_address,
    of_settings,
)
from rollout.site.engine.client import Client, Engine, NoEngine, tls_settings

_PING_SECONDS = 2
_RETRIES = 3
_BUSY_SECONDS = 2.0
# A socket uses plain HTTP. A context without certificates saves 40 ms for reading those of the system.
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
_of_run: ContextVar[Mapping[str, str] | None] = ContextVar("the engine of an earlier run", default=None)
_CERTIFICATE_REJECTED = "it does not accept our certificate (cert.pem and key.pem), or the lack of one"
_CONNECTION_CLOSED = "it closed the connection (does it speak TLS, and does it accept our certificate?)"
# docker-py passes on an OSError of its transport (no permission) and a ValueError (bad URL).
_UNREACHABLE = (docker.errors.DockerException, requests.RequestException, httpx.HTTPError, OSError, ValueError)


@contextlib.contextmanager
def engine_of_run(settings: Mapping[str, str]) -> Iterator[None]:
    """In this block `find_engine` returns the engine of these settings (see Engine.settings).

    Settings without an engine, as of runs that had none, change nothing.
    """
    token = _of_run.set(settings if settings.get("XAVOS_ENGINE_URL") else None)
    try:
        yield
    finally:
        _of_run.reset(token)


def selection_key() -> Hashable:
    """A key of everything that selects the engine. Equal keys select the same engine."""
    settings = _of_run.get() or {}
    return tuple(sorted(settings.items())), tuple(os.environ.get(variable) for variable in VARIABLES)


def find_engine(environment: Mapping[str, str] | None = None) -> Engine | NoEngine:
    """The engine that the user named (see rollout.site.engine.address), else the first socket that answers within 2 s.

    Docker's sockets come before Podman's. Within `engine_of_run`, without an `environment`: the engine of that run.
    """
    env = os.environ if environment is None else environment
    settings = _of_run.get() if environment is None else None
    try:
        named = of_settings(settings) if settings else named_address(env)
    except BadAddress as error:
        return NoEngine(reason=str(error), named=True, mend=error.mend)
    if named is not None:
        found = ask(named.url, named.tls)
        if isinstance(found, Engine):
            return found
        return NoEngine(reason=f"{named.by}: {found}", named=True, mend=named.mend)
    reasons = []
    for path in sockets(env):
        found = ask(f"unix://{path}")
        if isinstance(found, Engine):
            return found
        reasons.append(f"{path}: {found}")
    if broken := broken_configuration(env):
        # The file may name a context. As long as that is unknown, no other engine is installed.
        reasons.append(broken)
        return NoEngine(reason="; ".join(reasons), named=True, mend="docker context ls   # and repair what it reports")
    return NoEngine(reason="; ".join(reasons) or "neither Docker's nor Podman's socket is there")


def find_busy_engine() -> Engine | NoEngine:
    """Like `find_engine`, but retries three times if an engine may be there and is too busy to answer in time."""
    found = find_engine()
    for _ in range(_RETRIES):
        if isinstance(found, Engine) or not (found.named or sockets(os.environ)):
            break
        time.sleep(_BUSY_SECONDS)
        found = find_engine()
    return found


def sockets(env: Mapping[str, str]) -> tuple[Path, ...]:
    """Existing sockets of engines, in the order in which they are tried."""
    runtime = env.get("XDG_RUNTIME_DIR", f"/run/user/{os.getuid()}")
    places = (
        Path("/var/run/docker.sock"),
        Path(runtime) / "docker.sock",
        Path("/run/podman/podman.sock"),
        Path(runtime) / "podman/podman.sock",
    )
    return tuple(path for path in places if _is_there(path))


def ask(url: str, tls: Tls | None = None) -> Engine | str:
    """The engine at `url`, or why it does not answer."""
    try:
        version, info = _ask_socket(url) if url.startswith("unix://") else _ask_address(url, tls)
    except _UNREACHABLE as error:
        return _why(error)
    podman = any("Podman" in part.get("Name", "") for part in version.get("Components") or ())
    return Engine(
        url=url,
        kind="podman" if podman else "docker",
        version=str(version.get("Version", "")),
        rootless=any("rootless" in option for option in info.get("SecurityOptions") or ()),
        os=str(info.get("OperatingSystem", "")),
        tls=tls,
    )


def _ask_socket(url: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Connect once by hand first, because docker-py and httpx leak a socket if nothing listens."""
    path = url.removeprefix("unix://")
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(_PING_SECONDS)
        probe.connect(path)
    transport = httpx.HTTPTransport(uds=path, verify=_NO_TLS)
    with httpx.Client(transport=transport, base_url="http://engine", timeout=_PING_SECONDS, trust_env=False) as client:
        answers = [client.get(path).raise_for_status().json() for path in ("/version", "/info")]
    return answers[0], answers[1]


def _ask_address(url: str, tls: Tls | None) -> tuple[dict[str, Any], dict[str, Any]]:
    client = Client(base_url=url, timeout=_PING_SECONDS, tls=tls_settings(tls))
    try:
        return client.version(), client.info()
    finally:
        client.close()


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # no permission to enter the folder
        return False


def _why(error: BaseException) -> str:
    text = str(error)
    if wrong := re.search(r"certificate verify failed: (.*?)(?: \(_ssl|'|\"|$)", text):
        return f"its certificate is not accepted: {wrong[1]}"
    for sign, why in (
        ("Permission denied", "permission denied (are you in the group docker?)"),
        ("Connection refused", "connection refused (the socket exists, but nothing listens)"),
        ("timed out", f"no answer within {_PING_SECONDS} s"),
        ("No such file", "no such socket"),
        ("Name or service not known", "unknown host"),
        ("HTTP request to an HTTPS server", "it speaks TLS only (DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH)"),
        ("WRONG_VERSION_NUMBER", "it does not speak TLS"),
        ("alert certificate required", _CERTIFICATE_REJECTED),
        ("alert unknown ca", _CERTIFICATE_REJECTED),
        ("alert bad certificate", _CERTIFICATE_REJECTED),
        ("EOF occurred in violation", _CERTIFICATE_REJECTED),
        ("Connection reset", _CONNECTION_CLOSED),
        ("Connection aborted", _CONNECTION_CLOSED),
    ):
        if sign in text:
            return why
    return text.splitlines()[0][:200] if text else type(error).__name__
