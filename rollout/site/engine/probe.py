"""Runs a probe container that proves that containers share files and network with this process.

Container and folder are recorded before they are created, so that recovery can remove them after a kill. The engine
removes the container when it ends, after 15 s at the latest.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import docker
import docker.errors
import requests

from rollout.site.engine.probe_records import recorded
from rollout.site.engine.sharing import Sharing

if TYPE_CHECKING:
    from docker import DockerClient

LABEL = "xavos.probe"
_INSIDE = "/probe"
_ASKED, _ANSWERED = "asked", "answered"
_WITHIN = 15.0  # seconds; a busy machine takes five for its first rootless container
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


_PORT = 5432  # inside; published like a database server's
_PORT_SCRIPT = r"""
use strict; use IO::Socket::INET;
my ($port, $token) = @ARGV;
alarm 15;
my $listener = IO::Socket::INET->new(Listen => 1, LocalAddr => "0.0.0.0", LocalPort => $port) or die "cannot: $!";
while (my $caller = $listener->accept) { print $caller "$token\n"; close $caller }
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeResult:
    """The result of a probe: a clause for each thing that does not work, "" if it works."""

    engine: str = ""
    files: str = ""
    network: str = ""

    @property
    def problems(self) -> tuple[str, ...]:
        return tuple(filter(None, (self.engine, self.files, self.network)))


def prove(client: DockerClient, sharing: Sharing, *, url: str, image: str, state: Path, folder: Path) -> ProbeResult:
    """Run one probe that shares a folder below `folder`. Container and folder are removed afterwards.

    `url` is the engine's address. Recovery needs it.
    """
    token = secrets.token_hex(16)
    with recorded(client, url, state, folder) as (name, shared), socket.create_server((_HERE, 0)) as listener:
        asked = shared / _ASKED
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
                network_mode=sharing.network,
                mounts=[sharing.mount(shared, _INSIDE)],
                working_dir="/",
                **sharing.identity(),
            )
        except (docker.errors.DockerException, requests.RequestException) as error:
            return _refused(error, sharing.source(shared))
        report = _report(listener, token, lambda: _runs(client, name))
        network = report.network if report.port is None else _call(report.port, token)
        return ProbeResult(files=report.files or _file_problem(shared / _ANSWERED, token), network=network)


def prove_port(
    client: DockerClient, sharing: Sharing, *, url: str, image: str, state: Path, folder: Path
) -> ProbeResult:
    """Run one probe that listens on a published port, and call it. Its container is removed afterwards.

    It mounts nothing and uses the engine's default network, as a database server does.
    """
    token = secrets.token_hex(16)
    with recorded(client, url, state, folder) as (name, shared):
        try:
            client.containers.run(
                image,
                ["-e", _PORT_SCRIPT, str(_PORT), token],
                entrypoint=["perl"],
                name=name,
                detach=True,
                auto_remove=True,
                labels={LABEL: name},
                ports={f"{_PORT}/tcp": (_HERE, 0)},
                working_dir="/",
            )
        except (docker.errors.DockerException, requests.RequestException) as error:
            return _refused(error, sharing.source(shared))
        return ProbeResult(network=_call_published(client, name, token))


def _call_published(client: DockerClient, name: str, token: str) -> str:
    """Call the probe until it answers. An engine accepts connections before the container listens."""
    until, problem = time.monotonic() + _WITHIN, "it has no published port"
    while time.monotonic() < until:
        was_running = _runs(client, name)
        with contextlib.suppress(docker.errors.APIError):
            settings = client.api.inspect_container(name)["NetworkSettings"]
            for binding in settings["Ports"].get(f"{_PORT}/tcp") or ():
                problem = _call(int(binding["HostPort"]), token)
                if not problem:
                    return ""
        if not was_running:
            break
        time.sleep(0.05)
    return f"with a published port, {problem}"


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


def _file_problem(answered: Path, token: str) -> str:
    try:
        owner, text = answered.stat().st_uid, answered.read_text()
    except FileNotFoundError:
        return "files that a container writes do not appear on this machine"
    except OSError as error:
        return f"files that a container writes cannot be read: {error.strerror}"
    if owner != os.getuid():
        return f"files that a container writes belong to user {owner}, not to user {os.getuid()}"
    return "" if text == token else "a container reads other content than this process has written"


def _refused(error: Exception, source: str) -> ProbeResult:
    text = " ".join(str(getattr(error, "explanation", None) or error).split())[:300]
    if source in text or "bind source path does not exist" in text:  # every engine names the folder that it cannot open
        return ProbeResult(files=f"the engine cannot open a folder of this process ({text})")
    return ProbeResult(engine=f"the engine refuses the container ({text})")


def _runs(client: DockerClient, name: str) -> bool:
    try:
        state = client.api.inspect_container(name)["State"]
    except docker.errors.APIError:
        return False
    return bool(state.get("Running"))
