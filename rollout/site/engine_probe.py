"""The probe container: proves that containers share files and network with this process.

Its container and folder are recorded before they are made, so that recovery can remove them after a kill. The
container also ends and is removed by itself after 15 s.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import docker
import docker.errors
import filelock
import requests

from rollout.errors import EngineFailed, FolderUnwritable
from rollout.site.engine_sharing import Way

if TYPE_CHECKING:
    from docker import DockerClient

LABEL = "xavos.probe"
RECORDS = "probes"  # below the state folder
_INSIDE = "/probe"
_ASKED, _ANSWERED = "asked", "answered"
_RECORD: Mapping[str, Any] = {"url": str, "name": str, "folder": str, "at": (int, float)}
_WITHIN = 15.0  # seconds; a busy machine takes five for its first rootless container
_REMOVED_WITHIN = 20.0
_APPEARS_WITHIN = 15.0  # seconds after an engine was asked for a container by a client that is gone
_HERE = "127.0.0.1"
# Perl is part of every Debian, so of every image of ours.
_SCRIPT = r"""
use strict; use IO::Socket::INET;
my ($folder, $host, $port, $token) = @ARGV; my $files = "";
alarm 15;
if (open my $in, "<", "$folder/asked") {
  local $/; my $text = <$in>;
  if (open my $out, ">", "$folder/answered") { print $out $text; close $out or $files = "cannot write there: $!" }
  else { $files = "cannot write there: $!" }
} else { $files = "cannot read a file of this process: $!" }
my $listener = IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1") or die "cannot listen: $!";
my $there = IO::Socket::INET->new(PeerAddr => $host, PeerPort => $port, Timeout => 5) or die "cannot connect: $!";
print $there join(" ", $token, $listener->sockport, $files), "\n"; close $there;
my $caller = $listener->accept; print $caller "$token\n"; close $caller;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The result of a probe: a clause for everything that does not work, "" where it works."""

    engine: str = ""
    files: str = ""
    network: str = ""

    @property
    def troubles(self) -> tuple[str, ...]:
        return tuple(filter(None, (self.engine, self.files, self.network)))


def prove(client: DockerClient, way: Way, *, url: str, image: str, state: Path, place: Path) -> Seen:
    """Run one probe in this way, with a folder in `place`. Nothing of it is left.

    `url` is the engine's, by which recovery finds it again.
    """
    token = secrets.token_hex(16)
    with _recorded(client, url, state, place) as (name, folder), socket.create_server((_HERE, 0)) as listener:
        asked = folder / _ASKED
        asked.touch(mode=0o600)
        asked.write_text(token)
        port = str(listener.getsockname()[1])
        try:
            client.containers.run(
                image,
                ["-e", _SCRIPT, _INSIDE, _HERE, port, token],
                entrypoint=["perl"],
                name=name,
                detach=True,
                auto_remove=True,
                labels={LABEL: name},
                network_mode=way.network,
                mounts=[way.mount(folder, _INSIDE)],
                working_dir="/",
                **way.identity(),
            )
        except (docker.errors.DockerException, requests.RequestException) as error:
            return _refused(error, way.source(folder))
        report = _report(listener, token, lambda: _runs(client, name))
        network = report.network if report.port is None else _call(report.port, token)
        return Seen(files=report.files or _judge(folder / _ANSWERED, token), network=network)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Report:
    port: int | None = None
    files: str = ""
    network: str = ""


def _report(listener: socket.socket, token: str, runs: Callable[[], bool]) -> _Report:
    """Wait for the probe's connection, which carries its token, its port and its file errors."""
    until = time.monotonic() + _WITHIN
    listener.settimeout(0.2)
    while time.monotonic() < until:
        was_running = runs()
        with contextlib.suppress(TimeoutError):
            peer, _ = listener.accept()
            with peer:
                peer.settimeout(5)
                words = _received(peer).split(" ", 2)
                if words[0] == token and len(words) == 3:
                    return _Report(port=int(words[1]), files=words[2].strip() and f"a container {words[2].strip()}")
            continue
        if not was_running:
            return _Report(network="a container does not reach a listener of this process on 127.0.0.1")
    return _Report(network=f"a container made no connection to this process within {_WITHIN:.0f} s")


def _call(port: int, token: str) -> str:
    with contextlib.suppress(OSError), socket.create_connection((_HERE, port), 5) as there:
        if _received(there).strip() == token:
            return ""
    return "this process does not reach a listener of a container on 127.0.0.1"


def _received(peer: socket.socket) -> str:
    with contextlib.suppress(OSError), peer.makefile("r", encoding="utf-8", errors="replace") as file:
        return file.readline()
    return ""


def _judge(answered: Path, token: str) -> str:
    try:
        owner, text = answered.stat().st_uid, answered.read_text()
    except FileNotFoundError:
        return "what a container writes into a folder of this machine does not arrive there"
    except OSError as error:
        return f"what a container writes cannot be read: {error.strerror}"
    if owner != os.getuid():
        return f"what a container writes belongs to user {owner}, not to user {os.getuid()}"
    return "" if text == token else "a container reads something else than what was written"


def _refused(error: Exception, source: str) -> Seen:
    text = " ".join(str(getattr(error, "explanation", None) or error).split())[:300]
    if source in text or "bind source path does not exist" in text:  # every engine names the folder that it cannot have
        return Seen(files=f"the engine cannot open a folder of this process ({text})")
    return Seen(engine=f"the engine refuses the container ({text})")


def _runs(client: DockerClient, name: str) -> bool:
    try:
        state = client.api.inspect_container(name)["State"]
    except docker.errors.APIError:
        return False
    return bool(state.get("Running"))


@contextlib.contextmanager
def _recorded(client: DockerClient, url: str, state: Path, place: Path) -> Iterator[tuple[str, Path]]:
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
