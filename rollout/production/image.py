"""Packs a release into an OCI image that holds nothing but the release and the libraries that it needs."""

from __future__ import annotations

import contextlib
import io
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import docker.errors

from rollout.errors import EngineFailed
from rollout.phases.step import Step
from rollout.production.release import INSIDE, Release
from rollout.site.engine.client import RUN_LABEL
from rollout.site.engine.errors import engine_request
from rollout.site.engine.images import ensure_image

_DOCKERFILE = "FROM {base}\nCOPY release/ {inside}/\n"


def pack(step: Step, release: Release) -> Release:
    """Build the image `xavos-<run>-release:<label>`. It is removed with the phase. Raises EngineFailed."""
    site = step.site
    assert site.engine is not None, "without an engine the release runs as a process"
    base = ensure_image(site.engine, "release", say=step.note).tag
    name = f"xavos-{site.run.id}-release:{release.label}".lower()
    client = site.engine.client()
    record = {"kind": "image", "name": name, "run": site.run.id}
    with step.act(f"build image {name}", record), engine_request(f"build image {name}"):
        events = client.api.build(
            fileobj=io.BytesIO(context(release.folder, base)),
            custom_context=True,
            encoding=None,
            tag=name,
            labels={RUN_LABEL: site.run.id},
            rm=True,
            forcerm=True,
            decode=True,
        )
        for event in events:
            if event.get("error"):
                raise EngineFailed(asked=f"build image {name}", reason=str(event["error"])[:300])
        try:
            client.images.get(name)
        except docker.errors.ImageNotFound:
            raise EngineFailed(asked=f"build image {name}", reason="the engine finished without an image") from None
    return replace(release, image=name)


def context(folder: Path, base: str) -> bytes:
    """The build context: a tar with the Dockerfile and the release, with fixed times and owners, in a fixed order."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as archive:
        recipe = _DOCKERFILE.format(base=base, inside=INSIDE).encode()
        entry = tarfile.TarInfo("Dockerfile")
        entry.size = len(recipe)
        archive.addfile(entry, io.BytesIO(recipe))
        for file in sorted(folder.rglob("*")):
            archive.add(file, arcname=f"release/{file.relative_to(folder).as_posix()}", recursive=False, filter=_plain)
    return packed.getvalue()


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname = 0, 0, 0, "", ""
    # Any user may run it, nobody may change it.
    entry.mode = (entry.mode | 0o444 | (0o111 if entry.isdir() or entry.mode & 0o100 else 0)) & 0o755
    return entry


def take_away(step: Step, release: Release) -> Callable[[], None]:
    """Remove the image of a release under its name, as a cleaning engine does. Returns a function that restores it.

    Meanwhile it is kept under another name, which is removed with the phase. Raises EngineFailed.
    """
    site = step.site
    assert site.engine is not None, "without an engine there is no image"
    client, kept = site.engine.client(), f"{release.image}-kept"
    with (
        step.act(f"keep image {kept}", {"kind": "image", "name": kept, "run": site.run.id}),
        engine_request(f"take image {release.image} away"),
    ):
        client.images.get(release.image).tag(*kept.rsplit(":", 1))
        client.images.remove(release.image)

    def restore() -> None:
        with engine_request(f"restore image {release.image}"), contextlib.suppress(docker.errors.ImageNotFound):
            client.images.get(kept).tag(*release.image.rsplit(":", 1))
            client.images.remove(kept)

    return restore
