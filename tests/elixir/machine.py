"""Runs commands where `elixir` is: on this machine, or in a container of the forge's image."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

DEADLINE = 120


def engine_image() -> str | None:
    """A local image with Elixir: $XAVOS_FORGE_IMAGE, else the newest of ours; None without engine or image."""
    if not shutil.which("docker"):
        return None
    argv = ["docker", "images", "--format", "{{.Repository}}:{{.Tag}}"]
    listing = subprocess.run(argv, capture_output=True, text=True, timeout=20, check=False).stdout.split()
    wanted = (os.environ.get("XAVOS_FORGE_IMAGE"), "xavos-forge:", "forge-dev:")
    return next((image for prefix in wanted if prefix for image in listing if image.startswith(prefix)), None)


def in_elixir(mounts: Iterable[Path], argv: Sequence[str]) -> None:
    """Run argv where `elixir` is: here, or in a container that sees the folders at the same paths."""
    if shutil.which("elixir"):
        subprocess.run(argv, check=True, timeout=DEADLINE)
        return
    image = engine_image()
    if image is None:
        pytest.skip("needs elixir on PATH, or a container engine with the forge image")
    user = f"--user={os.getuid()}:{os.getgid()}"
    volumes = [f"--volume={path}:{path}" for path in mounts]
    command = ["docker", "run", "--rm", "--network=none", user, *volumes, image, *argv]
    subprocess.run(command, check=True, timeout=DEADLINE)
