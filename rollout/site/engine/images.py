"""Builds or finds the container images. The name of an image contains a hash of its folder under images/."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import docker.errors
import filelock

from rollout.config.options import ROOT, cache_folder
from rollout.environment.subprocesses import PROXIES
from rollout.errors import RolloutError
from rollout.site.engine.base_image import SUITE, ensure_base, find_image, pull
from rollout.site.engine.client import Engine

if TYPE_CHECKING:
    from docker import DockerClient

PRODUCTION = ("release", "proxy")
"""The images that only the production stage needs."""
NAMES = ("forge", "postgres", *PRODUCTION)
OFFICIAL = {"postgres": "postgres:17"}
LABEL = "xavos.image"

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRef:
    """An image on the engine. `tag` is its name there. `built`: this call built or pulled it, in `seconds`."""

    tag: str
    id: str
    built: bool
    seconds: float


class ImageBuildFailed(RolloutError):
    """The build of an image failed. `tail` is the end of the build's output."""

    def __init__(self, *, name: str, reason: str, tail: str) -> None:
        self.tail = tail
        super().__init__(
            f"The image {name} does not build: {reason}\n{tail}\n",
            advice=f"Check that a Debian mirror is reachable and the engine has disk space. See images/{name}.",
        )


def ensure_image(engine: Engine, name: str, *, say: Say = print) -> ImageRef:
    """The image `name` (one of NAMES). A missing one is pulled or built.

    Raises ImageBuildFailed and BaseUnavailable.
    """
    client = engine.client()
    began = time.monotonic()
    with _building(name):
        tag = _present(client, name)
        if tag is not None:
            return ImageRef(tag=tag, id=str(client.images.get(tag).id), built=False, seconds=time.monotonic() - began)
        official = OFFICIAL.get(name)
        tag = (pull(client, official, say) if official else None) or _build(engine, name, say)
    image = client.images.get(tag)
    seconds = time.monotonic() - began
    say(f"Image {tag}: {image.attrs.get('Size', 0) / 1e6:.0f} MB, ready after {seconds:.0f} s")
    return ImageRef(tag=tag, id=str(image.id), built=True, seconds=seconds)


def image_present(engine: Engine, name: str) -> bool:
    """Whether the engine has the image."""
    return _present(engine.client(), name) is not None


def present_tag(engine: Engine, name: str) -> str | None:
    """The tag of the image on the engine; None if it is missing."""
    return _present(engine.client(), name)


def image_tag(name: str, root: Path = ROOT) -> str:
    """`xavos-<name>:<hash>` of the base's name and of every file (path, mode, content) under images/<name>."""
    folder = root / "images" / name
    digest = hashlib.blake2b(SUITE.encode(), digest_size=8)
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = path.read_bytes()
        executable = bool(path.stat().st_mode & 0o100)
        digest.update(f"\0{path.relative_to(folder).as_posix()}\0{executable}\0{len(content)}\0".encode() + content)
    return f"xavos-{name}:{digest.hexdigest()}"


def _present(client: DockerClient, name: str) -> str | None:
    tags = (image_tag(name), OFFICIAL.get(name))
    return next(filter(None, (find_image(client, tag) for tag in tags if tag)), None)


def _building(name: str) -> filelock.FileLock:
    """A lock, so that concurrent runs build an image once. Trials share nothing but the cache folder."""
    folder = cache_folder(os.environ)
    folder.mkdir(parents=True, exist_ok=True)
    return filelock.FileLock(folder / f"image-{name}.lock")


def _build(engine: Engine, name: str, say: Say) -> str:
    client, tag = engine.client(), image_tag(name)
    base = ensure_base(engine, say)
    say(f"Building {tag} on {base} (about a minute) ...")
    proxies = {key: os.environ[key] for key in PROXIES if os.environ.get(key)}
    printed: list[str] = []
    try:
        for event in client.api.build(
            path=str(ROOT / "images" / name),
            tag=tag,
            buildargs={"BASE": base, **proxies},
            network_mode="host",  # works even without a bridge network
            labels={LABEL: name},
            rm=True,
            forcerm=True,
            decode=True,
        ):
            text = str(event.get("stream") or "")
            printed.extend(text.splitlines())
            if text.startswith(("Step ", "STEP ")):
                say("  " + " ".join(text.split())[:100])
            if event.get("error"):
                raise ImageBuildFailed(name=name, reason=str(event["error"])[:300], tail=_end_of(printed))
    except docker.errors.DockerException as error:
        raise ImageBuildFailed(name=name, reason=str(error)[:300], tail=_end_of(printed)) from error
    found = find_image(client, tag)
    if found is None:
        raise ImageBuildFailed(name=name, reason="the engine finished without an image", tail=_end_of(printed))
    return found


def _end_of(lines: list[str], count: int = 15) -> str:
    return "\n".join(f"    {line[:200]}" for line in [line for line in lines if line.strip()][-count:])
