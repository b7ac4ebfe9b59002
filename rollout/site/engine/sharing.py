"""Describes how the containers of an engine share files and network with this process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docker.types import Mount

HOST = "host"
JOINED = "container:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharing:
    """User, network and mounts that a container needs. rollout.site.engine.selection chooses and proves them.

    `user` is the `uid:gid` inside a container that is this process's user outside. `mapped`: the engine maps user 0 to
    that user. `network` is `host`, or `container:ID` if this process runs in that container. `mounts` are the folders
    of that container, deepest first, each with its path on the engine's machine. `isolates`: this process reaches the
    networks that the engine creates.
    """

    user: str
    mapped: bool = False
    userns: str = ""
    network: str = HOST
    mounts: tuple[tuple[str, str], ...] = ()
    isolates: bool = True

    @property
    def is_joined(self) -> bool:
        """True if containers join the network of the container that this process runs in."""
        return self.network.startswith(JOINED)

    def source(self, folder: Path) -> str:
        """The path of a folder of this process as the engine sees it."""
        for inside, outside in self.mounts:
            if Path(inside) in (folder, *folder.parents):
                return str(Path(outside) / folder.relative_to(inside))
        return str(folder)

    def mount(self, folder: Path, target: str) -> Mount:
        """The bind mount of a folder. Unlike `-v`, it creates no missing folder on the engine's machine."""
        return Mount(target, self.source(folder), type="bind")

    def identity(self) -> Mapping[str, Any]:
        """Options by which a container runs as this process's user, as `docker.containers.run` takes them.

        A mapped user 0 loses its capabilities, so that permissions apply to it as to any user.
        """
        options: dict[str, Any] = {"user": self.user}
        if self.userns:
            options["userns_mode"] = self.userns
        if self.mapped:
            options["cap_drop"] = ["ALL"]
        return options

    def describe(self) -> str:
        """User and network of the containers, as text for the console."""
        user = f"user {self.user}"
        if self.mapped:
            user += " (mapped by the rootless engine)"
        if self.userns:
            user += f" (user namespace {self.userns})"
        return f"{user} on the network of {'this container' if self.is_joined else 'the host'}"
