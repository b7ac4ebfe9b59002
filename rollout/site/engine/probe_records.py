"""Records each probe of the engine, so that recovery can remove its container and folder."""

from __future__ import annotations

import contextlib
import json
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import docker.errors
import filelock

from rollout.errors import EngineFailed, FolderUnwritable

if TYPE_CHECKING:
    from docker import DockerClient

RECORDS = "probes"  # below the state folder
_RECORD: Mapping[str, Any] = {"url": str, "name": str, "folder": str, "at": (int, float)}
_REMOVED_WITHIN = 20.0
_APPEARS_WITHIN = 15.0  # seconds between the request of a killed client and its container


@contextlib.contextmanager
def recorded(client: DockerClient, url: str, state: Path, parent: Path) -> Iterator[tuple[str, Path]]:
    """Record a probe and create its folder. Yields the container's name and the folder; removes both at the end."""
    name = f"xavos-probe-{secrets.token_hex(6)}"
    folder = parent / f".{name}"
    record = state / RECORDS / f"{name}.json"
    record.parent.mkdir(parents=True, exist_ok=True)
    with _lock(record):
        facts = {"url": url, "name": name, "folder": str(folder), "at": time.time()}
        record.write_text(json.dumps(facts))
        try:
            try:
                folder.mkdir(mode=0o755)
            except OSError as error:
                reason = error.strerror or str(error)
                raise FolderUnwritable(folder=parent, reason=reason, variable="--directory") from None
            yield name, folder
        finally:
            _remove(client, name)
            shutil.rmtree(folder, ignore_errors=True)
            record.unlink(missing_ok=True)
    _lock_file(record).unlink(missing_ok=True)


def remove_stale(state: Path, connect: Callable[[str], DockerClient | None]) -> tuple[str, ...]:
    """Remove containers and folders of probes whose process was killed. Returns one line for each that is left.

    `connect` returns the client of the engine at a URL, None if that engine does not answer.
    """
    left = []
    # A process may have been killed between its lock and its record.
    for record in sorted({path.with_suffix(".json") for path in (state / RECORDS).glob("xavos-probe-*")}):
        try:
            with _lock(record):
                facts = _facts(record)
                client = connect(facts["url"]) if facts else None
                if facts and client is None:
                    left.append(f"container {facts['name']}: its engine {facts['url']} does not answer")
                    continue
                if facts and client is not None:
                    _remove(client, facts["name"], until=facts["at"] + _APPEARS_WITHIN)
                    shutil.rmtree(facts["folder"], ignore_errors=True)
                record.unlink(missing_ok=True)
        except filelock.Timeout:
            continue  # its process is alive
        except OSError as error:
            left.append(f"{record}: {error.strerror}")
            continue
        _lock_file(record).unlink(missing_ok=True)
    return tuple(left)


def _facts(record: Path) -> dict[str, Any] | None:
    """The content of a record. None if it is incomplete: its process was killed before it created anything."""
    try:
        found = json.loads(record.read_text()) if record.is_file() else None
    except (OSError, ValueError):
        return None
    if not isinstance(found, dict) or not all(isinstance(found.get(key), kind) for key, kind in _RECORD.items()):
        return None
    # A folder with another name is not the probe's.
    return found if found["name"] == record.stem and Path(found["folder"]).name == f".{record.stem}" else None


def _remove(client: DockerClient, name: str, *, until: float = 0.0) -> None:
    """Remove the probe container of exactly this name, and wait until it is gone.

    A container that does not exist yet is awaited `until` that time: an engine completes requests of dead clients.
    """
    gone_by = time.monotonic() + _REMOVED_WITHIN
    while True:
        try:
            client.api.remove_container(name, force=True, v=True)
        except docker.errors.NotFound:
            if time.time() >= until:
                return
        except docker.errors.APIError as error:
            # The engine is already removing it, as it does with every ended probe. Engines word this differently.
            if time.monotonic() > gone_by:
                raise EngineFailed(asked=f"remove container {name}", reason=str(error)) from error
        else:
            until = 0.0
        time.sleep(0.05)


def _lock(record: Path) -> filelock.BaseFileLock:
    return filelock.FileLock(_lock_file(record), timeout=0)


def _lock_file(record: Path) -> Path:
    return record.with_suffix(".lock")
