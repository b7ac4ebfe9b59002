"""Finds a way in which an engine's containers share files and network with this process, or refuses the engine.

A proven way is remembered in the cache folder for six hours, as long as engine and machine are the same.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import docker.errors
import requests

from rollout.config.options import Options
from rollout.errors import EngineUnfit
from rollout.site import engine_probe, probe_records
from rollout.site.engine import Engine, ask
from rollout.site.engine_probe import Seen
from rollout.site.engine_sharing import HOST, Way
from rollout.site.own_container import mounts_of, network_of, own_container

if TYPE_CHECKING:
    from docker import DockerClient

REMEMBERED = "ways"  # below the cache folder
_FRESH_SECONDS = 6 * 3600.0
_BOOT = Path("/proc/sys/kernel/random/boot_id")
_NETWORK = Path("/proc/self/ns/net")
_TOLD_BY_ENGINE = ("Name", "OperatingSystem", "KernelVersion", "DockerRootDir", "SecurityOptions", "Rootless")


def find_way(engine: Engine, *, image: str, options: Options, shares_files: bool = True) -> Way:
    """The first way that a probe proves. Raises EngineUnfit with what was tried, and what to do.

    `shares_files` is False where only the database is in a container: it needs a port that this process reaches.
    """
    client = engine.client()
    try:
        info = client.info()
        own = own_container(client)
    except (docker.errors.DockerException, requests.RequestException) as error:
        raise EngineUnfit(engine=_named(engine), tried=(f"it does not describe itself ({error})",)) from error
    place = place_of(options)
    remembered = options.cache / REMEMBERED / f"{_key(engine, info, own, image, place, shares_files)}.json"
    way = _recall(remembered)
    if way is not None:
        return way
    tried = []
    for way in ways(info, own):
        prove = engine_probe.prove if shares_files or way.is_joined else engine_probe.prove_port
        seen = prove(client, way, url=engine.url, image=image, state=options.state, place=place)
        if not shares_files:
            seen = replace(seen, files="")
        if not seen.troubles:
            _remember(remembered, way)
            return way
        tried.append((way, seen))
    raise _unfit(engine, info, own, tried)


def settle_probes(state: Path) -> tuple[str, ...]:
    """Remove what the probes of killed runs left. Returns what could not be removed, one line each."""
    return probe_records.settle(state, _connect)


def ways(info: Mapping[str, Any], own: Mapping[str, Any] | None) -> tuple[Way, ...]:
    """The ways to try, from the engine's own information and the container that this process runs in."""
    network = network_of(own) if own else HOST
    mounts = mounts_of(own) if own else ()
    user = f"{os.getuid()}:{os.getgid()}"
    security = " ".join(map(str, info.get("SecurityOptions") or ()))
    if is_rootless(info):
        # Podman's keep-id comes to the same, and first copies the image for the user: 5 to 20 s.
        return (Way(user="0:0", mapped=True, network=network, mounts=mounts, isolates=False),)
    userns = "host" if "name=userns" in security else ""
    return (Way(user=user, userns=userns, network=network, mounts=mounts, isolates=own is None or network == HOST),)


def place_of(options: Options) -> Path:
    """The folder nearest to the deployment's that is there and can be written to, else the cache folder."""
    nearest = next((folder for folder in options.directory.parents if folder.is_dir()), options.cache)
    return nearest if os.access(nearest, os.W_OK | os.X_OK) else options.cache


def is_rootless(info: Mapping[str, Any]) -> bool:
    """Whether the engine reports that it is rootless; Docker and Podman say so differently."""
    return bool(info.get("Rootless")) or any("name=rootless" in str(each) for each in info.get("SecurityOptions") or ())


def _unfit(
    engine: Engine, info: Mapping[str, Any], own: Mapping[str, Any] | None, tried: list[tuple[Way, Seen]]
) -> EngineUnfit:
    lines = tuple(f"as {way.told()}: {'; '.join(seen.troubles)}" for way, seen in tried)
    return EngineUnfit(engine=_named(engine), tried=lines, advice=_advice(engine, info, own, tried))


def _advice(
    engine: Engine, info: Mapping[str, Any], own: Mapping[str, Any] | None, tried: list[tuple[Way, Seen]]
) -> str:
    if all(seen.engine for _, seen in tried):
        return "See whether the engine runs any container, and what its log says."
    if own is not None:
        return (
            "This process runs in a container of that engine: mount the folder of the deployment into it "
            '(for example the checkout, with -v "$PWD:$PWD"), or choose a mounted one with --directory.'
        )
    if "Desktop" in str(info.get("OperatingSystem", "")):
        return "Docker Desktop runs containers on a machine of its own: use Docker Engine or Podman on this one."
    if is_rootless(info) and engine.kind == "podman":
        return "A rootless Podman serves its own user: run this as the user whose Podman it is."
    if is_rootless(info):
        return "Use rootless Podman, or Docker with its system service: a rootless Docker has a network of its own."
    return "Use an engine that runs on this machine (unset DOCKER_HOST, or name its socket)."


def _named(engine: Engine) -> str:
    return f"{engine.kind} {engine.version} at {engine.url}"


def _connect(url: str) -> DockerClient | None:
    found = ask(url)
    return found.client() if isinstance(found, Engine) else None


def _key(  # noqa: PLR0917 - no two of one type
    engine: Engine, info: Mapping[str, Any], own: Mapping[str, Any] | None, image: str, place: Path, shares_files: bool
) -> str:
    """A digest of everything that a proven way depends on."""
    facts = {
        "shares_files": shares_files,
        "engine": [engine.url, engine.kind, engine.version, _socket(engine.url)],
        "told": {name: info.get(name) for name in _TOLD_BY_ENGINE},
        "own": [own["Id"], mounts_of(own), network_of(own)] if own else None,
        "image": image,
        "user": [os.getuid(), os.getgid()],
        "boot": _BOOT.read_text().strip() if _BOOT.exists() else "",
        "network": str(_NETWORK.readlink()) if _NETWORK.exists() else "",
        # Outside of containers a disk is shared or is not; in one, some of its folders are.
        "place": str(place) if own else place.stat().st_dev,
    }
    text = json.dumps(facts, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _socket(url: str) -> list[int]:
    """Identifies the socket file, which a restarted engine makes anew."""
    if url.startswith("unix://"):
        with contextlib.suppress(OSError):
            stat = Path(url.removeprefix("unix://")).stat()
            return [stat.st_ino, stat.st_uid, int(stat.st_ctime)]
    return []


def _recall(file: Path) -> Way | None:
    try:
        if time.time() - file.stat().st_mtime > _FRESH_SECONDS:
            return None
        facts = json.loads(file.read_text())
        return Way(**{**facts, "mounts": tuple((str(a), str(b)) for a, b in facts["mounts"])})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _remember(file: Path, way: Way) -> None:
    """Save the way atomically, because several runs may do so at once. A failure to save is ignored."""
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        beside = file.with_suffix(f".{os.getpid()}")
        beside.write_text(json.dumps(asdict(way)))
        beside.replace(file)
        for other in file.parent.iterdir():
            if time.time() - other.stat().st_mtime > _FRESH_SECONDS:
                other.unlink(missing_ok=True)
