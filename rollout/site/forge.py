"""The forge: where a deployment's commands run. A container, or this machine."""

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
# The first process of the container. It takes in processes whose parents have ended, and ends when it is told to: not
# every engine has an init of its own to put there.
_KEEPER = ("perl", "-e", "$SIG{CHLD} = 'IGNORE'; $SIG{$_} = sub { exit } for qw(TERM INT); sleep while 1")
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
        """What a checkpoint depends on: equal identities build equal files."""

    @property
    def record(self) -> Mapping[str, Any]:
        """How recovery finds it again."""

    def environment(self) -> Mapping[str, str]:
        """Variables every command there gets before the site's own."""

    def address(self) -> str:
        """Host name under which this process reaches what listens there."""

    def marked(self, marker: str) -> tuple[int, ...]:
        """Pids (as the forge sees them) of processes whose initial environment holds `NAME=value`."""

    def running(self, marker: str) -> Mapping[int, str]:
        """The same processes (pid → command line), but those that have ended and those that keep the forge alive."""

    def kill_marked(self, marker: str) -> None:
        """End them: TERM, then KILL; returns when none is left or raises TimeoutError."""

    def listener_marked(self, port: int, marker: str) -> bool:
        """True where the process that listens on the port carries the marker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostForge:
    """This machine, with its own Elixir. `variables` are those by which its tools are found (PATH among them)."""

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
        # Mix leaves its locks in the folder for temporary files: there they go with the deployment.
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
    """Names that a container forge knows without engine_request, as `name:address`.

    On the machine's own network, the machine's: Erlang asks for it at every start, and waits ten seconds where the
    name server is silent. On an isolated one, that of Hex's daily look for updates, which takes no mirror: it is told
    at once that there is no way there (nobody connects to such addresses) instead of waiting for a name server that
    cannot be reached either.
    """
    if isolated:
        return ("repo.hex.pm:255.255.255.255", "repo.hex.pm:ff02::1")
    return (f"{socket.gethostname()}:127.0.0.1",)


def homes(root: Path) -> Mapping[str, str]:
    """Where programs in a forge keep what they keep for a user: inside the deployment, so that it goes with it."""
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
        """Start the container: on the network of the `sharing` (by default, the host's), or on the isolated `network`.

        `options` are further ones, as `docker.containers.run` takes them. Raises EngineFailed.
        """
        sharing = sharing or Sharing(user=f"{os.getuid()}:{os.getgid()}")
        hosts: Any = list(known_hosts(isolated=network is not None))  # said to be a mapping; it may name one host twice
        if network is None and sharing.is_joined:
            hosts = None  # they are those of the container whose network it joins
        with engine_request(f"start container {name}"):
            container = client.containers.run(
                image,
                list(_KEEPER),
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
        return {pid: command for pid, command in found.items() if pid != 1 and command not in {"", " ".join(_KEEPER)}}

    def kill_marked(self, marker: str) -> None:
        left = self._inside("kill", marker).strip()
        if left:
            raise TimeoutError(f"processes {left} in {self.name} do not end")

    def listener_marked(self, port: int, marker: str) -> bool:
        return self._inside("listener", marker, str(port)).strip() == "yes"

    def sees(self, file: str, line: str) -> bool:
        """Whether a file of the deployment, as the container sees it, has exactly this line."""
        argv = ("grep", "-qxF", "--", line, str(ROOT_IN_CONTAINER / file))
        with engine_request(f"run grep in {self.name}"):
            return container_exec.ask(self._client.containers.get(self.name), *argv, again=True).exit_code == 0

    def _inside(self, *arguments: str) -> str:
        """Run the process script in the container; silent where the container is gone.

        Raises TimeoutError where the engine does not carry its answer, however often it is asked.
        """
        script = ("sh", "-c", processes.SCRIPT, "processes", *arguments)
        try:
            container = self._client.containers.get(self.name)
            return container_exec.ask(container, *script, again=True, env=processes.ASKING).text
        except docker.errors.NotFound:
            return ""
        except container_exec.OutputLost as error:
            raise TimeoutError(str(error)) from None
