"""Finds the container engine: Docker, or Podman through Docker's API."""

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
_ASKED_AGAIN = 3
_BUSY_SECONDS = 2.0
# A socket speaks plain HTTP; a context without certificates spares reading the system's, 40 ms each time.
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
_of_run: ContextVar[Mapping[str, str] | None] = ContextVar("the engine of an earlier run", default=None)
# docker-py lets an OSError of its transport (a socket without rights) and a ValueError (a bad URL) through.
_STRANGER = "it does not accept our certificate (cert.pem and key.pem), or the lack of one"
_BROKEN_OFF = "it broke off the connection (does it speak TLS, and does it accept our certificate?)"
_UNREACHABLE = (docker.errors.DockerException, requests.RequestException, httpx.HTTPError, OSError, ValueError)


@contextlib.contextmanager
def engine_of_run(settings: Mapping[str, str]) -> Iterator[None]:
    """In this block the engine is the one of these settings (see Engine.settings), not that of the environment.

    Nothing changes where they name none, as those of runs without an engine.
    """
    token = _of_run.set(settings if settings.get("XAVOS_ENGINE_URL") else None)
    try:
        yield
    finally:
        _of_run.reset(token)


def meant() -> Hashable:
    """Everything that selects the engine; equal as long as the selection is the same."""
    settings = _of_run.get() or {}
    return tuple(sorted(settings.items())), tuple(os.environ.get(variable) for variable in VARIABLES)


def find_engine(environment: Mapping[str, str] | None = None) -> Engine | NoEngine:
    """The one that the user has named (see rollout.site.engine.address), else the first that answers within 2 s:
    Docker's socket, then Podman's.

    Within `engine_of_run`, and without an `environment`, it is that run's.
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
        # A context may be set in there: that nobody can tell is no reason to install another engine.
        reasons.append(broken)
        return NoEngine(
            reason="; ".join(reasons), named=True, mend="docker context ls   # and repair what it reports"
        )
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
    """A socket of our own first: docker-py and httpx leave theirs open where nobody listens."""
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
    except OSError:  # a folder that may not be looked into
        return False


def _why(error: BaseException) -> str:
    text = str(error)
    if wrong := re.search(r"certificate verify failed: (.*?)(?: \(_ssl|'|\"|$)", text):
        return f"its certificate is not accepted: {wrong[1]}"
    for sign, why in (
        ("Permission denied", "permission denied (are you in the group docker?)"),
        ("Connection refused", "connection refused (the socket is there, nobody listens)"),
        ("timed out", f"no answer within {_PING_SECONDS} s"),
        ("No such file", "no such socket"),
        ("Name or service not known", "unknown host"),
        ("HTTP request to an HTTPS server", "it speaks TLS only (DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH)"),
        ("WRONG_VERSION_NUMBER", "it does not speak TLS"),
        ("alert certificate required", _STRANGER),
        ("alert unknown ca", _STRANGER),
        ("alert bad certificate", _STRANGER),
        ("EOF occurred in violation", _STRANGER),
        ("Connection reset", _BROKEN_OFF),
        ("Connection aborted", _BROKEN_OFF),
    ):
        if sign in text:
            return why
    return text.splitlines()[0][:200] if text else type(error).__name__
