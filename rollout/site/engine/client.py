"""A container engine (Docker or Podman) and its API client."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import docker
import docker.tls

from rollout.site.engine.address import DEFAULT_SOCKET, Tls, as_settings

INSTANCE_LABEL = "xavos.instance"  # on every container that a roll may replace by another
RUN_LABEL = "xavos.run"  # on every container and network, with the id of the run that made it
_CLIENT_SECONDS = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """An engine that answers. `url` is its DOCKER_HOST, `kind` docker or podman, `os` its operating system.

    `tls` is None for a connection without TLS, such as a socket.
    """

    url: str
    kind: str
    version: str
    rootless: bool
    os: str
    tls: Tls | None = None

    def client(self) -> docker.DockerClient:
        """The API client, one for each engine and process. A request may take ten minutes."""
        return _client(self.url, self.tls)

    def command(self) -> tuple[str, ...]:
        """The command line program for this engine. Append a subcommand."""
        if self.kind == "podman":
            return ("podman", "--remote", "--url", self.url)
        if self.tls is not None:
            variable = "DOCKER_TLS_VERIFY" if self.tls.verify else "DOCKER_TLS"
            certificates = (f"{variable}=1", f"DOCKER_CERT_PATH={self.tls.folder}")
            return ("env", f"DOCKER_HOST={self.url}", *certificates, "docker")
        return ("docker",) if self.url == DEFAULT_SOCKET else ("env", f"DOCKER_HOST={self.url}", "docker")

    def settings(self) -> dict[str, str]:
        """Settings with which a deployment's scripts and recovery reach this engine."""
        return {"XAVOS_ENGINE": self.kind, **as_settings(self.url, self.tls)}


@dataclass(frozen=True, slots=True, kw_only=True)
class NoEngine:
    """No engine answers. `reason` is a clause. `named`: the user named an engine; `mend` is the command that helps.

    A named engine is never replaced: no other one is used or installed.
    """

    reason: str
    named: bool = False
    mend: str = ""


class _Api(docker.APIClient):
    """An API client that ignores the user's configuration.

    It ignores ~/.docker/config.json, whose proxies (with passwords) docker-py would write into every container and
    build. It also ignores the proxies, certificates and passwords (~/.netrc) that requests looks for.
    """

    @property
    def trust_env(self) -> bool:
        return False

    @trust_env.setter
    def trust_env(self, value: bool) -> None:
        """Ignore the True that requests sets."""

    @property
    def _general_configs(self) -> dict[str, Any]:
        return {"auths": {}}

    @_general_configs.setter
    def _general_configs(self, read: object) -> None:
        """Ignore the configuration that docker-py has read."""


class Client(docker.DockerClient):
    """docker-py's client for the engine at `base_url`, without the user's Docker configuration."""

    def __init__(self, **options: Any) -> None:
        self.api = _Api(**options)


@lru_cache
def _client(url: str, tls: Tls | None) -> docker.DockerClient:
    return Client(base_url=url, timeout=_CLIENT_SECONDS, tls=tls_settings(tls))


def tls_settings(tls: Tls | None) -> docker.tls.TLSConfig | bool:
    """docker-py's form of the certificates; False where there are none."""
    if tls is None:
        return False
    return docker.tls.TLSConfig(
        client_cert=(tls.cert, tls.key) if tls.cert else None, ca_cert=tls.ca or None, verify=tls.verify
    )
