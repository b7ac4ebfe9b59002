"""Real engines: the one of this machine, and one with another network and other folders."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from rollout.config.options import Options
from rollout.site.engine.base_image import find_base
from rollout.site.engine.client import Engine, NoEngine
from rollout.site.engine.discovery import ask, find_busy_engine
from rollout.site.engine.images import present_tag
from tests.unit.fakes import options

_STARTS_WITHIN = 40.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """An engine with an image that has Perl, and the folders of a run."""

    engine: Engine
    image: str
    options: Options


@pytest.fixture(scope="session")
def here() -> Engine:
    found = find_busy_engine()
    if isinstance(found, NoEngine):
        pytest.skip(f"no container engine: {found.reason}")
    return found


@pytest.fixture(scope="session")
def image(here: Engine) -> str:
    """The small Debian image on which the suite's images are based."""
    found = find_base(here.client()) or present_tag(here, "forge")
    if found is None:
        pytest.skip("none of the suite's images is on this engine")
    return found


@pytest.fixture
def bench(here: Engine, image: str, tmp_path: Path) -> Bench:
    return Bench(engine=here, image=image, options=place(tmp_path))


def place(folder: Path) -> Options:
    made = options(folder)
    made.cache.mkdir(parents=True)
    return made


@pytest.fixture(scope="session")
def hidden(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the other engine does not see."""
    return tmp_path_factory.mktemp("hidden")


@pytest.fixture(scope="session")
def other_machine(here: Engine, image: str, hidden: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A second Docker with another network, like one in a virtual machine that shares only some folders.

    Skips where it cannot be started: it takes root, dockerd and unshare.
    """
    if os.geteuid() != 0 or not all(map(shutil.which, ("dockerd", "unshare", "ip"))):
        pytest.skip("a second Docker takes root, dockerd, unshare and ip")
    folder = tmp_path_factory.mktemp("engine")
    socket = folder / "d.sock"
    dockerd = ["dockerd", f"--host=unix://{socket}", f"--data-root={folder}/data", f"--exec-root={folder}/exec",
               f"--pidfile={folder}/pid", "--bridge=none", "--iptables=false", "--ip6tables=false"]  # fmt: skip
    script = 'ip link set lo up; mount -t tmpfs none "$0"; exec "$@"'
    with (folder / "log").open("w") as log:
        daemon = subprocess.Popen(
            ["unshare", "--net", "--mount", "--propagation=private", "sh", "-c", script, str(hidden), *dockerd],
            stdout=log, stderr=log, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    try:
        engine = _answer(socket, daemon, folder / "log")
        _load(here, image, engine)
        yield engine
    finally:
        daemon.terminate()
        daemon.wait(timeout=60)
        shutil.rmtree(folder, ignore_errors=True)


def _answer(socket: Path, daemon: subprocess.Popen[bytes], log: Path) -> Engine:
    until = time.monotonic() + _STARTS_WITHIN
    found: Engine | str = "not asked"
    while time.monotonic() < until and daemon.poll() is None:
        found = ask(f"unix://{socket}") if socket.exists() else "no socket yet"
        if isinstance(found, Engine):
            return found
        time.sleep(0.2)
    pytest.skip(f"a second Docker does not start here ({found}): {log.read_text()[-300:]}")


def _load(here: Engine, image: str, other: Engine) -> None:
    other.client().images.load(b"".join(here.client().images.get(image).save(named=True)))
