"""Provides the base image (Debian trixie): pulls it from a registry, else builds it with debootstrap."""

from __future__ import annotations

import contextlib
import os
import queue
import re
import shlex
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import docker.errors
import requests
from docker.utils import parse_repository_tag

from rollout import environment
from rollout.errors import RolloutError
from rollout.process import start
from rollout.site.engine.host_command import run_on_host

if TYPE_CHECKING:
    from docker import DockerClient

    from rollout.site.engine.client import Engine

PULLED_BASE = "debian:trixie-slim"
OWN_BASE = "xavos-base:trixie"
BASES = (PULLED_BASE, OWN_BASE, "debian:trixie", "debian:13-slim", "debian:13")  # each is accepted
# Prefixes that an engine may add to a name without registry: none (Docker) or these (Podman).
_PREFIXES = ("", "localhost/", "docker.io/library/")
SUITE = "trixie"
_FIRST_EVENT_SECONDS = 20.0
_PULL_SECONDS = 300.0
_DEBOOTSTRAP_SECONDS = 600.0
_TAR_SECONDS = 60.0  # after the end of its output
_LEFT_OUT = (
    "./var/cache/apt/archives/*.deb", "./var/cache/apt/*.bin", "./var/lib/apt/lists/*", "./var/log/*",
    "./usr/share/man/*", "./usr/share/locale/*", "./usr/share/info/*",
    "./usr/share/doc/*/changelog*", "./usr/share/doc/*/NEWS*", "./usr/share/doc/*/README*",
)  # fmt: skip

Say = Callable[[str], None]


class BaseUnavailable(RolloutError):
    """There is no Debian image to build on."""

    def __init__(self, *, reason: str, command: str) -> None:
        super().__init__(
            f"No base for the images: {PULLED_BASE} cannot be pulled, and {reason}.",
            advice=f"Run: {command}. Or deploy without containers: --forge=host --database=embedded.",
        )


def find_image(client: DockerClient, tag: str) -> str | None:
    """The engine's name for the image of this tag; None if it has none. Contacts no registry."""
    for prefix in _PREFIXES:
        with contextlib.suppress(docker.errors.ImageNotFound):
            client.images.get(f"{prefix}{tag}")
            return f"{prefix}{tag}"
    return None


def without_registry(name: str) -> str:
    """The tag without the prefix that an engine adds."""
    return next(name.removeprefix(prefix) for prefix in reversed(_PREFIXES) if name.startswith(prefix))


def find_base(client: DockerClient) -> str | None:
    """The name of a Debian trixie image on the engine; None if there is none."""
    return next(filter(None, (find_image(client, tag) for tag in BASES)), None)


def ensure_base(engine: Engine, say: Say) -> str:
    """The name of a Debian trixie image on the engine. Pulls or builds a missing one. Raises BaseUnavailable."""
    client = engine.client()
    return find_base(client) or pull(client, PULLED_BASE, say) or debootstrap(engine, say)


def pull(client: DockerClient, tag: str, say: Say) -> str | None:
    """Pull the image and return its name. None if the registry does not answer within 20 s, or after 300 s in all."""
    say(f"Pulling {tag} ...")
    events: queue.Queue[str | None] = queue.Queue()

    def follow() -> None:
        repository, version = parse_repository_tag(tag)  # a registry may have a port, and an image a digest
        try:
            for event in client.api.pull(repository, tag=version or "latest", stream=True, decode=True):
                events.put(str(event.get("error") or event.get("status") or ""))
        except (docker.errors.DockerException, requests.RequestException, OSError) as error:
            events.put(str(getattr(error, "explanation", None) or error))
        events.put(None)

    threading.Thread(target=follow, daemon=True).start()
    deadline = time.monotonic() + _PULL_SECONDS
    limit, last = _FIRST_EVENT_SECONDS, "no answer"
    while True:
        try:
            event = events.get(timeout=min(limit, max(0.0, deadline - time.monotonic())))
        except queue.Empty:
            say(f"  gave up on {tag}: {last}")
            return None
        if event is None:
            break
        limit, last = 60.0, event
    found = find_image(client, tag)
    if found is None:
        say(f"  {tag} cannot be pulled: {last.splitlines()[0][:160] if last else 'the engine gives no reason'}")
    return found


def base_command(engine: Engine) -> str:
    """A shell command that builds OWN_BASE on this engine, for a user with sudo."""
    install = "apt-get install -y --no-install-recommends debootstrap debian-archive-keyring >&2 && "
    arguments = " ".join(filter(None, ("--variant=minbase", SUITE, "$d", os.environ.get("XAVOS_DEBIAN_MIRROR"))))
    make = (
        f"d=$(mktemp -d /var/tmp/xavos-base.XXXXXX) && debootstrap {arguments} >&2 "
        "&& tar -C $d --one-file-system -c . && rm -rf $d"
    )
    return f"sudo sh -c '{'' if _program() else install}{make}' | {shlex.join(engine.command())} import - {OWN_BASE}"


def _program() -> str | None:
    return shutil.which("debootstrap", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def debootstrap(engine: Engine, say: Say) -> str:
    """Build OWN_BASE from Debian packages: 100 MB, about 30 s. Raises BaseUnavailable."""
    if os.geteuid() != 0:
        raise BaseUnavailable(reason="building one with debootstrap needs root", command=base_command(engine))
    program = _program()
    if program is None:
        raise BaseUnavailable(
            reason="debootstrap is not installed",
            command="apt-get install --no-install-recommends debootstrap debian-archive-keyring",
        )
    mirror = os.environ.get("XAVOS_DEBIAN_MIRROR")
    say(f"Building {OWN_BASE} with debootstrap from {mirror or 'its default mirror'} (about 30 s) ...")
    with tempfile.TemporaryDirectory(prefix="xavos-base-", dir="/var/tmp") as work:
        root = Path(work) / "root"
        # Without a mirror debootstrap uses its default. If it is too old to know the suite, it needs mirror and script.
        scripts = Path("/usr/share/debootstrap/scripts")
        script = () if (scripts / SUITE).exists() else (str(scripts / "sid"),)
        outcome = run_on_host(
            program,
            "--variant=minbase",
            SUITE,
            str(root),
            *((mirror, *script) if mirror else ()),
            deadline=_DEBOOTSTRAP_SECONDS,
        )
        if not outcome.ok:
            raise BaseUnavailable(
                reason=f"{outcome.describe()}: {' / '.join(outcome.tail.strip().splitlines()[-3:])}",
                command="check that a Debian mirror is reachable, or name one in XAVOS_DEBIAN_MIRROR",
            )
        return _import(engine.client(), root)


def _import(client: DockerClient, root: Path) -> str:
    """Import the folder and tag the image. Podman ignores the tag of an import, so it is set afterwards."""
    argv = ["tar", "--create", "--numeric-owner", "--one-file-system", f"--directory={root}"]
    argv += [f"--exclude={pattern}" for pattern in _LEFT_OUT] + ["."]
    tar = start(argv, env=environment.program(), pipes=True)
    try:
        answer = client.api.import_image_from_stream(tar.output)
        code = tar.wait(_TAR_SECONDS)
    finally:
        tar.kill()
    identity = re.findall(r'"status":\s*"(sha256:[0-9a-f]+)"', answer)
    if code == 0 and identity:
        repository, _, tag = OWN_BASE.partition(":")
        client.api.tag(identity[-1], repository, tag)
    found = find_image(client, OWN_BASE)
    if code != 0 or not identity or found is None:
        raise BaseUnavailable(reason="the engine did not import it", command="docker info  # check the disk space")
    return found
