"""Mounts and unmounts file systems with mount(8) and umount(8), as root."""

from __future__ import annotations

from pathlib import Path

import psutil

from rollout import environment
from rollout.process import capture

_SECONDS = 20


def mount(*arguments: str) -> None:
    """Call mount(8). Raises OSError with its message."""
    _call("mount", *arguments)


def unmount(path: Path) -> None:
    """Call umount(8). Raises OSError with its message."""
    _call("umount", str(path))


def is_mounted(path: Path, device: str) -> bool:
    """Whether the device (by its name in the mount table) is mounted at the path."""
    return any(part.device == device and part.mountpoint == str(path) for part in psutil.disk_partitions(all=True))


def _call(*command: str) -> None:
    ended = capture(command, env=environment.program(), deadline=_SECONDS)
    if not ended.ok:
        raise OSError(f"{' '.join(command)}: {ended.messages}")
