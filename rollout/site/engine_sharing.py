"""How the containers of an engine share files and network with this process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docker.types import Mount

HOST = "host"
JOINED = "container:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """Chosen and proven by rollout.site.engine_selection.

    `user` is `uid:gid` inside the container for what is this process's own user outside. `mapped` says that the engine
    makes that user of user 0. `network` is `host`, or `container:ID` where this process runs in that container.
    `mounts` are the folders of that container, deepest first, each with the place where the engine has it. `isolates`
    says that this process reaches the engine's own networks.
    """

    user: str
    mapped: bool = False
    userns: str = ""
    network: str = HOST
    mounts: tuple[tuple[str, str], ...] = ()
    isolates: bool = True

    @property
    def is_joined(self) -> bool:
        """True where containers join the network of the container that this process runs in."""
        return self.network.startswith(JOINED)

    def source(self, folder: Path) -> str:
        """The path of a folder of this process as the engine sees it."""
        for inside, outside in self.mounts:
            if Path(inside) in (folder, *folder.parents):
                return str(Path(outside) / folder.relative_to(inside))
        return str(folder)

    def mount(self, folder: Path, target: str) -> Mount:
        """The bind mount of a folder. Unlike `-v`, it makes no folder on the engine's machine where there is none."""
        return Mount(target, self.source(folder), type="bind")

    def identity(self) -> Mapping[str, Any]:
        """Options by which a container runs as this process's user, as `docker.containers.run` takes them.

        A mapped user 0 would pass every permission inside; without its capabilities it is a plain user.
        """
        options: dict[str, Any] = {"user": self.user}
        if self.userns:
            options["userns_mode"] = self.userns
        if self.mapped:
            options["cap_drop"] = ["ALL"]
        return options

    def told(self) -> str:
        """A description for people: user and network of its containers."""
        user = f"user {self.user}"
        if self.mapped:
            user += " (mapped by the rootless engine)"
        if self.userns:
            user += f" (user namespace {self.userns})"
        return f"{user} on the network of {'this container' if self.is_joined else 'the host'}"
