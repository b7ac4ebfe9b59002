"""A machine without a container engine: trixie with its own Elixir, Python, make and a clean checkout; no network.

It is a container, so that a test can examine it from outside: the engine reports the changes of its disk, and its
processes, ports and shared memory are its own.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import secrets
import shlex
import ssl
import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import docker.errors
import pytest
from docker.types import Mount

from rollout.config.options import ROOT
from rollout.site.engine import container_exec
from rollout.site.engine.client import Engine
from rollout.site.engine.images import ensure_image
from tests.e2e.world import Ended

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

CHECKOUT = "/home/dev/rollout"
CACHE = "/srv/cache"
HOMES = {"dev": "/home/dev", "root": "/root"}
_UID = 1000
_DOCKERFILE = f"""
FROM {{forge}}
RUN apt-get update && apt-get install --yes --no-install-recommends python3 python3-venv && rm -rf /var/lib/apt/lists/*
RUN useradd --uid {_UID} --create-home dev; chmod 0700 /home/dev; \\
    install --directory --owner=dev {CHECKOUT} {CACHE}/dev; \\
    for home in /home/dev /root; do \\
        hex=$home/.mix/archives/hex-2.0.6; mkdir -p $hex; cp -a /usr/lib/elixir/lib/hex $hex/hex-2.0.6; \\
    done; chown -R dev /home/dev/.mix; rm -r /usr/lib/elixir/lib/hex
"""
# Elixir as version managers (asdf, mise) install it: a program that finds the real one by the user's HOME. Hex, above,
# is where `mix local.hex` installs it.
_SHIM = """#!/bin/sh
[ "$HOME" = {home} ] || {{ echo "shim: no version is set for $HOME" >&2; exit 126; }}
exec /usr/bin/{program} "$@"
"""
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_NO_NETWORK = ("Temporary failure", "Could not resolve", "Connection refused", "Network is unreachable",
               "Retrying (Retry(", "Unable to fetch", "CERTIFICATE_VERIFY_FAILED")  # fmt: skip
# Processes (without those of this script), listeners, shared memory: one line each. A run's line in the history
# stays, as its reports do.
# $PPID is the shell that prints the end mark of this command.
_SEEN = r"""
for process in /proc/[0-9]*; do
  pid=${process#/proc/}
  case "$pid" in 1 | $$ | $PPID) continue ;; esac
  [ "$(cut -d ' ' -f 4 "$process/stat" 2>/dev/null)" = $$ ] && continue
  tr '\0' ' ' 2>/dev/null <"$process/cmdline" | sed "s/^/process $pid /"; echo
done | grep . || true
awk '$4 == "0A" {print "listener " $2}' /proc/net/tcp /proc/net/tcp6
find /dev/shm -mindepth 1
find /home/dev/.local /root/.local -type f ! -name 'history*' 2>/dev/null
"""
# Files that are new, changed or gone, and new folders. (Every parent of a changed file has changed too.)
_CHANGED = r"""
for path; do
  if [ -L "$path" ] || [ ! -d "$path" ]; then echo "file $path $(cksum "$path" 2>&1)"
  elif [ -n "$(find "$path" -maxdepth 0 -empty)" ]; then echo "empty folder $path"
  fi
done
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A container of an image. It is removed at the end with everything in it."""

    container: Container

    def run(self, user: str, *argv: str, **environment: str) -> Ended:
        """Run a program in the checkout, with the environment of a plain log-in and the user's own cache."""
        home = HOMES[user]
        plain = {"HOME": home, "USER": user, "PATH": f"{home}/shims:{_PATH}", "LANG": "C.UTF-8"}
        words = [
            f"{name}={value}" for name, value in {**plain, "XAVOS_CACHE_DIR": f"{CACHE}/{user}", **environment}.items()
        ]
        return _execute(self.container, user, {}, "env", "-i", *words, *argv)

    def pytest(self, user: str, *arguments: str, **environment: str) -> Ended:
        words = ("-m", "pytest", "-p", "no:cacheprovider", "-p", "tests.e2e.sabotage", *arguments)
        return self.run(user, ".venv/bin/python", *words, **environment)

    def verdict(self) -> dict[str, Any]:
        """verdict.json of the newest run."""
        found: dict[str, Any] = json.loads(self.run("root", "cat", "reports/latest/verdict.json").output)
        return found

    def journal(self) -> str:
        return self.run("root", "cat", "reports/latest/journal.jsonl").output

    def seen(self) -> frozenset[str]:
        """Everything on the machine that differs from a fresh one, but reports, cache and Python's byte code."""
        facts = set(self.run("root", "sh", "-c", _SEEN).output.splitlines())
        changed = sorted(str(entry["Path"]) for entry in self.container.diff() or ())
        ours = [path for path in changed if not _is_expected(path)]
        return frozenset(facts | set(self.run("root", "sh", "-c", _CHANGED, "sh", *ours).output.splitlines()))


def _is_expected(path: str) -> bool:
    """Whether a path is a report, a cache or byte code. State folders are checked separately."""
    ours = (f"{CHECKOUT}/reports", f"{CHECKOUT}/.pytest_cache", CACHE, *(f"{home}/.local" for home in HOMES.values()))
    return path.startswith(ours) or "__pycache__" in path


@contextlib.contextmanager
def machine(engine: Engine) -> Iterator[Machine]:
    """A fresh machine with decoys: a folder and a process with names like ours. Skips if it cannot be built."""
    client = engine.client()
    image = _image(engine)
    container = _start(client, image, network_mode="none")
    try:
        container.put_archive("/", _checkout())
        made = Machine(container=container)
        made.run("dev", "sh", "-ec", "mkdir -p deployments/xavos2; echo theirs >deployments/xavos2/precious.txt")
        other = {"XAVOS_RUN": "20260101-000000-abcdef"}
        container_exec.start_detached(container, "sleep", "86400", user="dev", env=other)
        yield made
    finally:
        container.remove(force=True)


def _image(engine: Engine) -> str:
    """An image for each lock, with the `.venv` that bootstrap.py creates on a fresh machine, without the checkout."""
    client = engine.client()
    text = _DOCKERFILE.format(forge=ensure_image(engine, "forge").tag)
    parts = (text.encode(), (ROOT / "requirements.lock").read_bytes(), (ROOT / "bootstrap.py").read_bytes())
    tag = f"xavos-test-machine:{hashlib.blake2b(b'|'.join(parts), digest_size=8).hexdigest()}"
    with contextlib.suppress(docker.errors.ImageNotFound):
        client.images.get(tag)
        return tag
    try:
        base, _log = client.images.build(fileobj=io.BytesIO(text.encode()), network_mode="host", rm=True, forcerm=True)
    except docker.errors.BuildError as error:
        _skip_without_network("apt-get", "".join(str(line.get("stream", "")) for line in error.build_log))
        raise
    _add_venv(client, str(base.id), tag)
    return tag


def _add_venv(client: DockerClient, base: str, tag: str) -> None:
    """Run bootstrap.py in a container with this machine's settings for pip, and commit it as an image."""
    mounts, environment = _settings_of_pip()
    container = _start(client, base, network_mode="host", mounts=mounts)
    try:
        container.put_archive("/", _archive([ROOT / "bootstrap.py", ROOT / "requirements.lock"]))
        variables = {"HOME": HOMES["dev"], **environment}
        made = _execute(container, "dev", variables, "python3", "bootstrap.py", "pip", "--version")
        if made.code != 0:
            _skip_without_network("pip", made.output)
        assert made.code == 0, made.output
        repository, _, version = tag.partition(":")
        container.commit(repository=repository, tag=version)
    finally:
        container.remove(force=True)


def _start(client: DockerClient, image: str, **how: Any) -> Container:
    name = f"xavos-test-machine-{secrets.token_hex(4)}"
    return client.containers.run(image, ["sleep", "infinity"], name=name, init=True, detach=True, **how)


def _execute(container: Container, user: str, environment: Mapping[str, str], *argv: str) -> Ended:
    command = ("sh", "-c", 'exec 2>&1; exec "$@"', "sh", *argv)
    done = container_exec.ask(container, *command, repeatable=False, user=user, cwd=CHECKOUT, env=environment)
    assert done.exit_code is not None
    return Ended(code=done.exit_code, output=done.text + done.errors.decode())


def _settings_of_pip() -> tuple[list[Mount], dict[str, str]]:
    """Mounts and variables with which pip reaches the index of this machine."""
    names = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST", "PIP_DEFAULT_TIMEOUT", "http_proxy",
             "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")  # fmt: skip
    environment = {name: os.environ[name] for name in names if name in os.environ}
    mounts = []  # not volumes, which would stay with the image
    known = os.environ.get("PIP_CERT") or os.environ.get("SSL_CERT_FILE") or ssl.get_default_verify_paths().cafile
    if known and Path(known).is_file():
        mounts.append(Mount("/etc/machine.pem", known, type="bind", read_only=True))
        environment["PIP_CERT"] = "/etc/machine.pem"
    return mounts, environment


def _skip_without_network(program: str, text: str) -> None:
    if any(sign in text for sign in _NO_NETWORK):
        pytest.skip(f"a machine without an engine cannot be built, {program} reaches no registry: {text[-300:]}")


def _checkout() -> bytes:
    """The files of a clone of this working tree, and a fake version manager in both home folders."""
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT,
                            check=False, capture_output=True, text=True)  # fmt: skip
    if listed.returncode != 0:
        pytest.skip(f"this checkout is no Git repository: {listed.stderr.strip()}")
    files = [ROOT / name for name in listed.stdout.split("\0") if name]
    shims = {
        f"{home}/shims/{program}": _SHIM.format(home=shlex.quote(home), program=program)
        for home in HOMES.values()
        for program in ("elixir", "mix", "iex", "erl")
    }
    return _archive([path for path in files if path.is_symlink() or path.is_file()], shims)


def _archive(files: list[Path], more: Mapping[str, str] | None = None) -> bytes:
    """A tar of `files` at the checkout and of programs at their absolute paths; all of them belong to the user dev."""

    def owned(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.uid = entry.gid = _UID
        entry.uname = entry.gname = "dev"
        return entry

    buffer, folders = io.BytesIO(), set()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path in files:
            name = Path(CHECKOUT) / path.relative_to(ROOT)
            for parent in reversed(name.parents[: len(name.parents) - len(Path(CHECKOUT).parents) - 1]):
                if parent not in folders:
                    folders.add(parent)
                    folder = tarfile.TarInfo(str(parent).lstrip("/"))
                    folder.type, folder.mode = tarfile.DIRTYPE, 0o755
                    archive.addfile(owned(folder))
            archive.add(path, str(name).lstrip("/"), recursive=False, filter=owned)
        for place, content in (more or {}).items():
            entry = tarfile.TarInfo(place.lstrip("/"))
            entry.size, entry.mode = len(content.encode()), 0o755
            archive.addfile(owned(entry), io.BytesIO(content.encode()))
    return buffer.getvalue()
