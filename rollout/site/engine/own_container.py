"""Finds the container that this process itself runs in, if the engine has one."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import docker.errors

if TYPE_CHECKING:
    from docker import DockerClient

# Engines mount these files into every container, from a folder whose name is the container's id.
_MOUNTED = frozenset({"/etc/hostname", "/etc/hosts", "/etc/resolv.conf"})
_ID = re.compile(r"/([0-9a-f]{64})/")
_MOUNTINFO = Path("/proc/self/mountinfo")


def own_container(client: DockerClient) -> Mapping[str, Any] | None:
    """The engine's data about this process's container; None if this process runs in no container of the engine."""
    for identity in possible_ids(_read(_MOUNTINFO), socket.gethostname()):
        try:
            found: Mapping[str, Any] = client.api.inspect_container(identity)
        except docker.errors.APIError:
            continue
        if str(found.get("Id", "")).startswith(identity) and found.get("State", {}).get("Running"):
            return found
    return None


def possible_ids(mountinfo: str, hostname: str) -> Iterator[str]:
    """Possible ids of this container: from its mounts, then from its host name, which engines derive from the id."""
    for line in mountinfo.splitlines():
        fields = line.split()
        if len(fields) > 4 and fields[4] in _MOUNTED and (match := _ID.search(fields[3])):
            yield match.group(1)
    if re.fullmatch(r"[0-9a-f]{12}", hostname):
        yield hostname


def mounts_of(container: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """The mounts of a container (path inside, path on the engine's machine), deepest first."""
    found = [
        (str(mount["Destination"]), str(mount["Source"]))
        for mount in container.get("Mounts") or ()
        if mount.get("Source") and mount.get("RW", True)
    ]
    return tuple(sorted(found, key=lambda pair: len(Path(pair[0]).parts), reverse=True))


def network_of(container: Mapping[str, Any]) -> str:
    """The mode by which another container shares this one's network."""
    mode = str(container.get("HostConfig", {}).get("NetworkMode", ""))
    return mode if mode == "host" or mode.startswith("container:") else f"container:{container['Id']}"


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
