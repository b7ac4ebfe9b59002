"""Decides how an engine's containers share files and network with this process. Rejects engines that cannot.

A result is cached in the cache folder for six hours, as long as engine and machine are the same.
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
from rollout.site.engine import probe, probe_records
from rollout.site.engine.client import Engine
from rollout.site.engine.discovery import ask
from rollout.site.engine.own_container import mounts_of, network_of, own_container
from rollout.site.engine.probe import ProbeResult
from rollout.site.engine.sharing import HOST, Sharing

if TYPE_CHECKING:
    from docker import DockerClient

CACHED = "ways"  # folder below the cache folder
_FRESH_SECONDS = 6 * 3600.0
_BOOT = Path("/proc/sys/kernel/random/boot_id")
_NETWORK = Path("/proc/self/ns/net")
_INFO = ("Name", "OperatingSystem", "KernelVersion", "DockerRootDir", "SecurityOptions", "Rootless")


def find_sharing(engine: Engine, *, image: str, options: Options, shares_files: bool = True) -> Sharing:
    """The first candidate that a probe proves. Raises EngineUnfit with the candidates tried and advice.

    `shares_files` is False if only the database is in a container. Then this process only has to reach its port.
    """
    client = engine.client()
    try:
        info = client.info()
        own = own_container(client)
    except (docker.errors.DockerException, requests.RequestException) as error:
        raise EngineUnfit(engine=_named(engine), tried=(f"it does not describe itself ({error})",)) from error
    folder = shared_folder(options)
    cached = options.cache / CACHED / f"{_key(engine, info, own, image, folder, shares_files)}.json"
    sharing = _load(cached)
    if sharing is not None:
        return sharing
    tried = []
    for sharing in candidates(info, own):
        prove = probe.prove if shares_files or sharing.is_joined else probe.prove_port
        result = prove(client, sharing, url=engine.url, image=image, state=options.state, folder=folder)
        if not shares_files:
            result = replace(result, files="")
        if not result.problems:
            _save(cached, sharing)
            return sharing
        tried.append((sharing, result))
    raise _unfit(engine, info, own, tried)


def remove_stale_probes(state: Path) -> tuple[str, ...]:
    """Remove the containers and folders of probes whose run was killed. Returns one line for each that is left."""
    return probe_records.remove_stale(state, _connect)


def candidates(info: Mapping[str, Any], own: Mapping[str, Any] | None) -> tuple[Sharing, ...]:
    """What to try, given the engine's information and this process's own container."""
    network = network_of(own) if own else HOST
    mounts = mounts_of(own) if own else ()
    user = f"{os.getuid()}:{os.getgid()}"
    security = " ".join(map(str, info.get("SecurityOptions") or ()))
    if is_rootless(info):
        # Podman's keep-id has the same effect but first copies the image for the user: 5 to 20 s.
        return (Sharing(user="0:0", mapped=True, network=network, mounts=mounts, isolates=False),)
    userns = "host" if "name=userns" in security else ""
    return (Sharing(user=user, userns=userns, network=network, mounts=mounts, isolates=own is None or network == HOST),)


def shared_folder(options: Options) -> Path:
    """The nearest existing parent of the deployment's folder if it is writable, else the cache folder."""
    nearest = next((parent for parent in options.directory.parents if parent.is_dir()), options.cache)
    return nearest if os.access(nearest, os.W_OK | os.X_OK) else options.cache


def is_rootless(info: Mapping[str, Any]) -> bool:
    """Whether the engine reports that it is rootless. Docker and Podman use different keys."""
    return bool(info.get("Rootless")) or any("name=rootless" in str(each) for each in info.get("SecurityOptions") or ())


def _unfit(
    engine: Engine, info: Mapping[str, Any], own: Mapping[str, Any] | None, tried: list[tuple[Sharing, ProbeResult]]
) -> EngineUnfit:
    lines = tuple(f"as {sharing.describe()}: {'; '.join(result.problems)}" for sharing, result in tried)
    return EngineUnfit(engine=_named(engine), tried=lines, advice=_advice(engine, info, own, tried))


def _advice(
    engine: Engine, info: Mapping[str, Any], own: Mapping[str, Any] | None, tried: list[tuple[Sharing, ProbeResult]]
) -> str:
    if all(result.engine for _, result in tried):
        return "Check that the engine can run a container, and read its log."
    if own is not None:
        return (
            "This process runs in a container of that engine. Mount the folder of the deployment into it "
            '(for example the checkout, with -v "$PWD:$PWD"), or choose a mounted one with --directory.'
        )
    if "Desktop" in str(info.get("OperatingSystem", "")):
        return "Docker Desktop runs containers in a virtual machine. Use Docker Engine or Podman on this machine."
    if is_rootless(info) and engine.kind == "podman":
        return "A rootless Podman serves one user. Run this as that user."
    if is_rootless(info):
        return "A rootless Docker has its own network. Use rootless Podman, or Docker as a system service."
    return "Use an engine on this machine (unset DOCKER_HOST, or name its socket)."


def _named(engine: Engine) -> str:
    return f"{engine.kind} {engine.version} at {engine.url}"


def _connect(url: str) -> DockerClient | None:
    found = ask(url)
    return found.client() if isinstance(found, Engine) else None


def _key(  # noqa: PLR0917 - no two of one type
    engine: Engine, info: Mapping[str, Any], own: Mapping[str, Any] | None, image: str, folder: Path, shares_files: bool
) -> str:
    """A digest of everything that a result depends on."""
    facts = {
        "shares_files": shares_files,
        "engine": [engine.url, engine.kind, engine.version, _socket(engine.url)],
        "info": {name: info.get(name) for name in _INFO},
        "own": [own["Id"], mounts_of(own), network_of(own)] if own else None,
        "image": image,
        "user": [os.getuid(), os.getgid()],
        "boot": _BOOT.read_text().strip() if _BOOT.exists() else "",
        "network": str(_NETWORK.readlink()) if _NETWORK.exists() else "",
        # Outside containers a whole disk is shared or not. Inside one, single folders are.
        "folder": str(folder) if own else folder.stat().st_dev,
    }
    text = json.dumps(facts, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _socket(url: str) -> list[int]:
    """Identifies the socket file. A restarted engine creates a new one."""
    if url.startswith("unix://"):
        with contextlib.suppress(OSError):
            stat = Path(url.removeprefix("unix://")).stat()
            return [stat.st_ino, stat.st_uid, int(stat.st_ctime)]
    return []


def _load(file: Path) -> Sharing | None:
    try:
        if time.time() - file.stat().st_mtime > _FRESH_SECONDS:
            return None
        facts = json.loads(file.read_text())
        return Sharing(**{**facts, "mounts": tuple((str(a), str(b)) for a, b in facts["mounts"])})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _save(file: Path, sharing: Sharing) -> None:
    """Save the result atomically, because several runs may do so at once. A failure to save is ignored."""
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        beside = file.with_suffix(f".{os.getpid()}")
        beside.write_text(json.dumps(asdict(sharing)))
        beside.replace(file)
        for other in file.parent.iterdir():
            if time.time() - other.stat().st_mtime > _FRESH_SECONDS:
                other.unlink(missing_ok=True)
