"""What our images stand on: Debian trixie, pulled where a registry answers, else debootstrapped under a tag of ours."""

from __future__ import annotations

import os
import queue
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import docker.errors
import requests

from rollout.errors import RolloutError
from rollout.site.host import run_on_host

if TYPE_CHECKING:
    from docker import DockerClient

PULLED_BASE = "debian:trixie-slim"
OWN_BASE = "xavos-base:trixie"
SUITE = "trixie"
_FIRST_WORD_SECONDS = 20.0
_PULL_SECONDS = 300.0
_DEBOOTSTRAP_SECONDS = 600.0
_LEFT_OUT = (
    "./var/cache/apt/archives/*.deb", "./var/cache/apt/*.bin", "./var/lib/apt/lists/*", "./var/log/*",
    "./usr/share/man/*", "./usr/share/locale/*", "./usr/share/info/*",
    "./usr/share/doc/*/changelog*", "./usr/share/doc/*/NEWS*", "./usr/share/doc/*/README*",
)  # fmt: skip

Say = Callable[[str], None]


class BaseUnavailable(RolloutError):
    """No Debian to build on."""

    def __init__(self, *, reason: str, command: str) -> None:
        super().__init__(
            f"No base for the images: {PULLED_BASE} cannot be pulled, and {reason}.",
            advice=f"Mend it with: {command}. Or go without containers: --forge=host --database=embedded.",
        )


def has_image(client: DockerClient, tag: str) -> bool:
    """Whether the engine has it; asks no registry."""
    try:
        client.images.get(tag)
    except docker.errors.ImageNotFound:
        return False
    return True


def ensure_base(client: DockerClient, say: Say) -> str:
    """Tag of a Debian trixie on this engine; makes one where there is none. Raises BaseUnavailable."""
    for tag in (PULLED_BASE, OWN_BASE):
        if has_image(client, tag):
            return tag
    if pull(client, PULLED_BASE, say):
        return PULLED_BASE
    debootstrap(client, say)
    return OWN_BASE


def pull(client: DockerClient, tag: str, say: Say) -> bool:
    """Try to pull; False where the registry does not answer within 20 s or the image is not there in 300 s."""
    say(f"Pulling {tag} ...")
    events: queue.Queue[str | None] = queue.Queue()

    def follow() -> None:
        repository, _, version = tag.partition(":")
        try:
            for event in client.api.pull(repository, tag=version, stream=True, decode=True):
                events.put(str(event.get("error") or event.get("status") or ""))
        except (docker.errors.DockerException, requests.RequestException, OSError) as error:
            events.put(str(getattr(error, "explanation", None) or error))
        events.put(None)

    threading.Thread(target=follow, daemon=True).start()
    deadline = time.monotonic() + _PULL_SECONDS
    limit, last = _FIRST_WORD_SECONDS, "no answer"
    while True:
        try:
            event = events.get(timeout=min(limit, max(0.0, deadline - time.monotonic())))
        except queue.Empty:
            say(f"  gave up on {tag}: {last}")
            return False
        if event is None:
            break
        limit, last = 60.0, event
    if has_image(client, tag):
        return True
    say(f"  {tag} cannot be pulled: {last.splitlines()[0][:160]}")
    return False


def debootstrap(client: DockerClient, say: Say) -> None:
    """Make OWN_BASE out of Debian's packages: 100 MB, about 30 s. Raises BaseUnavailable."""
    if os.geteuid() != 0:
        raise BaseUnavailable(reason="making one with debootstrap needs root", command="sudo make deploy")
    program = shutil.which("debootstrap", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if program is None:
        raise BaseUnavailable(
            reason="debootstrap is not installed",
            command="apt-get install --no-install-recommends debootstrap debian-archive-keyring",
        )
    mirror = os.environ.get("XAVOS_DEBIAN_MIRROR")
    say(f"Making {OWN_BASE} with debootstrap from {mirror or 'its default mirror'} (about 30 s) ...")
    with tempfile.TemporaryDirectory(prefix="xavos-base-", dir="/var/tmp") as work:
        root = Path(work) / "root"
        # Without a mirror debootstrap takes its own default; one that is too old to know the suite needs both.
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
                command="see that a Debian mirror is reachable, or name one in XAVOS_DEBIAN_MIRROR",
            )
        _import(client, root)


def _import(client: DockerClient, root: Path) -> None:
    argv = ["tar", "--create", "--numeric-owner", "--one-file-system", f"--directory={root}"]
    argv += [f"--exclude={pattern}" for pattern in _LEFT_OUT] + ["."]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as tar:
        assert tar.stdout is not None
        repository, _, tag = OWN_BASE.partition(":")
        client.api.import_image_from_stream(tar.stdout, repository=repository, tag=tag)
    if tar.returncode != 0 or not has_image(client, OWN_BASE):
        raise BaseUnavailable(reason="importing it into the engine failed", command="docker info  # has it room?")
