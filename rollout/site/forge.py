"""The forge, where the commands of a deployment run: a container, or this machine."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

import docker.errors

from rollout.environment.subprocesses import CERTIFICATES
from rollout.process import Launcher, LocalLauncher
from rollout.site import processes
from rollout.site.engine import container_exec
from rollout.site.engine.base_image import without_registry
from rollout.site.engine.client import RUN_LABEL
from rollout.site.engine.container_launcher import ContainerLauncher
from rollout.site.engine.errors import engine_request
from rollout.site.engine.sharing import Sharing

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

ROOT_IN_CONTAINER = Path("/srv/xavos")
TEMPORARY = ".home/tmp"
# The first process of the container. It reaps orphans and ends on SIGTERM and SIGINT. Not every engine has an init.
_INIT = ("perl", "-e", "$SIG{CHLD} = 'IGNORE'; $SIG{$_} = sub { exit } for qw(TERM INT); sleep while 1")
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Forge(Protocol):
    """Where commands run. `root` is the deployment's folder as commands there see it."""

    @property
    def kind(self) -> str: ...
    @property
    def root(self) -> Path: ...
    @property
    def launcher(self) -> Launcher: ...
    @property
    def identity(self) -> str:
        """Part of a checkpoint's key: forges with equal identities build equal files."""

    @property
    def record(self) -> Mapping[str, Any]:
        """The data with which recovery finds the forge again."""

    def environment(self) -> Mapping[str, str]:
        """Environment of every command, which the site extends."""

    def address(self) -> str:
        """The host at which this process reaches servers in the forge."""

    def marked(self, marker: str) -> tuple[int, ...]:
        """Pids (as the forge sees them) of processes whose initial environment holds `NAME=value`."""

    def running(self, marker: str) -> Mapping[int, str]:
        """Those processes (pid → command line) without zombies and without the forge's own."""

    def kill_marked(self, marker: str) -> None:
        """End these processes with TERM, then KILL. Raises TimeoutError if one is left."""

    def listener_marked(self, port: int, marker: str) -> bool:
        """Whether a process with the marker listens on the port."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostForge:
    """This machine with its own Elixir. `variables` locate the tools (such as PATH)."""

    root: Path
    toolchain: str
    variables: Mapping[str, str] = field(default_factory=dict)
    kind: str = "host"

    @property
    def launcher(self) -> Launcher:
        return LocalLauncher()

    @property
    def identity(self) -> str:
        return f"host {self.toolchain} {self.root}"

    @property
    def record(self) -> Mapping[str, Any]:
        return {"kind": "host"}

    def environment(self) -> Mapping[str, str]:
        passed = {name: os.environ[name] for name in ("PATH", *CERTIFICATES) if os.environ.get(name)}
        # Mix puts locks into the temporary folder. Here they are removed with the deployment.
        own = {"TMPDIR": str(self.root / TEMPORARY)}
        return {"PATH": _SYSTEM_PATH, "LANG": "C.UTF-8", **passed, **self.variables, **own}

    def address(self) -> str:
        return "127.0.0.1"

    def marked(self, marker: str) -> tuple[int, ...]:
        return processes.marked(marker)

    def running(self, marker: str) -> Mapping[int, str]:
        return processes.running(marker)

    def kill_marked(self, marker: str) -> None:
        processes.kill_marked(marker)

    def listener_marked(self, port: int, marker: str) -> bool:
        return processes.listener_marked(port, marker)


def known_hosts(*, isolated: bool) -> tuple[str, ...]:
    """Entries `name:address` for /etc/hosts of a container forge.

    On the machine's network: the machine's own name. Erlang resolves it at every start, and waits ten seconds if the
    name server is silent. On an isolated network: the host of Hex's daily update check, which uses no mirror.
    Invalid addresses make the check fail at once instead of waiting for an unreachable name server.
    """
    if isolated:
        return ("repo.hex.pm:255.255.255.255", "repo.hex.pm:ff02::1")
    return (f"{socket.gethostname()}:127.0.0.1",)


def homes(root: Path) -> Mapping[str, str]:
    """The home folders of programs in a forge. They are inside the deployment, so that they are removed with it."""
    home = root / ".home"
    return {"HOME": str(home), "MIX_HOME": str(home / "mix"), "HEX_HOME": str(home / "hex")}


class ContainerForge:
    """A long-lived container with the deployment mounted at /srv/xavos."""

    kind = "container"
    root = ROOT_IN_CONTAINER

    def __init__(self, client: DockerClient, container: Container, *, image: str, isolated: bool) -> None:
        self._client = client
        self._container = container
        self._image = image
        self._isolated = isolated

    @classmethod
    def create(
        cls,
        client: DockerClient,
        *,
        name: str,
        image: str,
        directory: Path,
        run: str,
        network: str | None,
        sharing: Sharing | None = None,
        options: Mapping[str, Any] = MappingProxyType({}),
    ) -> ContainerForge:
        """Start the container on the isolated `network`, else on the network of `sharing` (by default the host's).

        `options`: further arguments of `docker.containers.run`. Raises EngineFailed.
        """
        sharing = sharing or Sharing(user=f"{os.getuid()}:{os.getgid()}")
        hosts: Any = list(known_hosts(isolated=network is not None))  # a list may name a host twice
        if network is None and sharing.is_joined:
            hosts = None  # the container whose network is joined has its own
        with engine_request(f"start container {name}"):
            container = client.containers.run(
                image,
                list(_INIT),
                name=name,
                detach=True,
                labels={RUN_LABEL: run},
                network_mode=network or sharing.network,
                extra_hosts=hosts,
                mounts=[sharing.mount(directory, str(ROOT_IN_CONTAINER))],
                working_dir=str(ROOT_IN_CONTAINER),
                environment={"XAVOS_RUN": run, "XAVOS_IN_FORGE": name, **homes(ROOT_IN_CONTAINER)},
                **{**sharing.identity(), **options},
            )
            container.reload()
        return cls(client, container, image=image, isolated=network is not None)

    @property
    def name(self) -> str:
        return str(self._container.name)

    @property
    def launcher(self) -> Launcher:
        return ContainerLauncher(self._client, self.name)

    @property
    def identity(self) -> str:
        return f"container {without_registry(self._image)}"

    @property
    def record(self) -> Mapping[str, Any]:
        return {"kind": "container", "name": self.name}

    def environment(self) -> Mapping[str, str]:
        return {
            "PATH": _SYSTEM_PATH,
            "LANG": "C.UTF-8",
            "MIX_REBAR3": "/usr/bin/rebar3",
            "XAVOS_IN_FORGE": self.name,
            "XAVOS_FORGE_CONTAINER": self.name,
        }

    def address(self) -> str:
        if not self._isolated:
            return "127.0.0.1"
        networks: Mapping[str, Any] = self._container.attrs["NetworkSettings"]["Networks"]
        return next(str(network["IPAddress"]) for network in networks.values() if network["IPAddress"])

    def marked(self, marker: str) -> tuple[int, ...]:
        return tuple(int(pid) for pid in self._inside("marked", marker).split())

    def running(self, marker: str) -> Mapping[int, str]:
        lines = (line.partition(" ") for line in self._inside("running", marker).splitlines())
        found = {int(pid): command.strip() for pid, _, command in lines}
        return {pid: command for pid, command in found.items() if pid != 1 and command not in {"", " ".join(_INIT)}}

    def kill_marked(self, marker: str) -> None:
        left = self._inside("kill", marker).strip()
        if left:
            raise TimeoutError(f"processes {left} in {self.name} do not end")

    def listener_marked(self, port: int, marker: str) -> bool:
        return self._inside("listener", marker, str(port)).strip() == "yes"

    def sees(self, file: str, line: str) -> bool:
        """Whether a file of the deployment, read inside the container, has exactly this line."""
        argv = ("grep", "-qxF", "--", line, str(ROOT_IN_CONTAINER / file))
        with engine_request(f"run grep in {self.name}"):
            return container_exec.ask(self._client.containers.get(self.name), *argv, repeatable=True).exit_code == 0

    def _inside(self, *arguments: str) -> str:
        """Run the process script in the container. Returns its output, "" if the container is gone.

        Raises TimeoutError if the engine loses the output repeatedly.
        """
        script = ("sh", "-c", processes.SCRIPT, "processes", *arguments)
        try:
            container = self._client.containers.get(self.name)
            return container_exec.ask(container, *script, repeatable=True, env=processes.OBSERVER).text
        except docker.errors.NotFound:
            return ""
        except container_exec.OutputLost as error:
            raise TimeoutError(str(error)) from None
