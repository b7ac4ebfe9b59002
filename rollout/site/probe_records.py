"""Records of engine probes: what recovery needs to remove the container and folder of a probe that was killed."""

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
_APPEARS_WITHIN = 15.0  # seconds after an engine was asked for a container by a client that is gone


@contextlib.contextmanager
def recorded(client: DockerClient, url: str, state: Path, place: Path) -> Iterator[tuple[str, Path]]:
    """Name of the container and folder to share: recorded, made, and gone at the end."""
    name = f"xavos-probe-{secrets.token_hex(6)}"
    folder = place / f".{name}"
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
                raise FolderUnwritable(folder=place, reason=reason, variable="--directory") from None
            yield name, folder
        finally:
            _remove(client, name)
            shutil.rmtree(folder, ignore_errors=True)
            record.unlink(missing_ok=True)
    _lock_file(record).unlink(missing_ok=True)


def settle(state: Path, connect: Callable[[str], DockerClient | None]) -> tuple[str, ...]:
    """Remove what probes of killed processes left. `connect` gives the client of an engine, None where it is silent.

    Returns what is left, a line each.
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
            continue  # of a process that is alive
        except OSError as error:
            left.append(f"{record}: {error.strerror}")
            continue
        _lock_file(record).unlink(missing_ok=True)
    return tuple(left)


def _facts(record: Path) -> dict[str, Any] | None:
    """What a record says; None where it is not whole: its process was killed before it had made anything."""
    try:
        found = json.loads(record.read_text()) if record.is_file() else None
    except (OSError, ValueError):
        return None
    if not isinstance(found, dict) or not all(isinstance(found.get(key), kind) for key, kind in _RECORD.items()):
        return None
    # A folder of another name is not the probe's, whatever the record says.
    return found if found["name"] == record.stem and Path(found["folder"]).name == f".{record.stem}" else None


def _remove(client: DockerClient, name: str, *, until: float = 0.0) -> None:
    """Remove the probe of exactly this name, and see that it is gone.

    It is waited for until that time: an engine goes on making what a client that is gone had asked for.
    """
    gone_by = time.monotonic() + _REMOVED_WITHIN
    while True:
        try:
            client.api.remove_container(name, force=True, v=True)
        except docker.errors.NotFound:
            if time.time() >= until:
                return
        except docker.errors.APIError as error:
            # It is being removed already, as every probe is when it has ended. Engines have several words for that.
            if time.monotonic() > gone_by:
                raise EngineFailed(asked=f"remove container {name}", reason=str(error)) from error
        else:
            until = 0.0
        time.sleep(0.05)


def _lock(record: Path) -> filelock.BaseFileLock:
    return filelock.FileLock(_lock_file(record), timeout=0)


def _lock_file(record: Path) -> Path:
    return record.with_suffix(".lock")
