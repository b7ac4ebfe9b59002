"""Runs on engines other than this machine's own: rootless Podman, and Docker from inside one of its containers."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from docker.types import Mount

from rollout.config.options import ROOT
from rollout.site.engine import probe
from rollout.site.engine.client import Engine, NoEngine
from rollout.site.engine.discovery import ask, find_busy_engine
from rollout.site.engine.images import present_tag
from tests.e2e.world import PATIENCE, Ended, World, finish

pytestmark = pytest.mark.timeout(1200)
THROUGH = "database"  # files, gateway, Hex, Git and PostgreSQL have all been used then, and nothing has been installed
_STARTS_WITHIN = 30.0
_PYTHONS = (sys.executable, "/usr/bin/python3")


@pytest.fixture(scope="module")
def here() -> Engine:
    found = find_busy_engine()
    if isinstance(found, NoEngine):
        pytest.skip(f"no container engine: {found.reason}")
    return found


def left(engine: Engine, home: Path) -> list[str]:
    """Probes on an engine that share a folder below `home`. Other runs have their own."""
    found = engine.client().api.containers(all=True, filters={"label": probe.LABEL})
    return [str(item["Names"]) for item in found if str(home) in str(item["Mounts"])]


# -- Docker from inside one of its containers -------------------------------------------------------

INSIDE = "/elsewhere"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A container with the engine's socket, like a CI job. The host has the checkout at another path."""

    engine: Engine
    image: str
    world: World

    def run(self, *arguments: str) -> Ended:
        socket = self.engine.url.removeprefix("unix://")
        shared = {str(ROOT): f"{INSIDE}/checkout", str(self.world.home): f"{INSIDE}/home",
                  str(self.world.cache): f"{INSIDE}/cache", socket: "/var/run/docker.sock"}  # fmt: skip
        pythons = {sys.prefix, sys.base_prefix}
        mounts = [Mount(inside, outside, type="bind") for outside, inside in shared.items()]
        mounts += [Mount(folder, folder, type="bind", read_only=True) for folder in pythons]
        environment = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/srv/home",
            "NO_COLOR": "1",
            "XAVOS_CACHE_DIR": f"{INSIDE}/cache", "XAVOS_STATE_DIR": f"{INSIDE}/home/state",
            "XAVOS_REPORTS_DIR": f"{INSIDE}/home/reports", "PYTHONDONTWRITEBYTECODE": "1",
        }  # fmt: skip
        own = ("--source=rehearsal", f"--port={self.world.port}", f"--name={self.world.name}", "--keep=never")
        container = self.engine.client().containers.run(
            self.image, [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *own, *arguments],
            detach=True, mounts=mounts, environment=environment, working_dir=f"{INSIDE}/checkout",
            labels={"xavos.test": "job"},
        )  # fmt: skip
        try:
            code = int(container.wait(timeout=PATIENCE)["StatusCode"])
            return Ended(code=code, output=container.logs().decode("utf-8", "replace"))
        finally:
            container.remove(force=True, v=True)


@pytest.fixture
def job(here: Engine, world: World) -> Job:
    image = present_tag(here, "forge")
    if image is None:
        pytest.skip("the forge's image is not on this engine")
    if not here.url.startswith("unix://"):
        pytest.skip(f"the engine has no socket that could be mounted: {here.url}")
    if Path(sys.base_prefix) in (Path("/usr"), Path("/usr/local")):
        pytest.skip(f"this Python is the system's ({sys.base_prefix}) and cannot be mounted into another")
    return Job(engine=here, image=image, world=world)


def test_a_rehearsal_deploys_in_a_container_with_the_engines_socket(job: Job) -> None:
    """Its folders are mounted from other paths of the host, and it has its own network."""
    before = job.world.seen()
    ended = job.run(f"--directory={INSIDE}/home/sites/xavos", f"--through={THROUGH}")
    assert 0 == ended.code, ended.output[-4000:]
    path = job.world.verdict()["paths"]["realistic"]
    assert ("deployed", [], 0) == (path["outcome"], path["residue"], path["checks"]["failed"])
    assert before == job.world.seen()
    assert [] == left(job.engine, job.world.home)


def test_in_a_container_a_folder_of_its_own_is_refused_in_one_sentence(job: Job) -> None:
    before = job.world.seen()
    ended = job.run("--directory=/opt/xavos", "--forge=container")
    assert 4 == ended.code, ended.output[-4000:]
    (line,) = [line for line in ended.output.splitlines() if "container engine" in line]
    assert "the engine cannot open a folder of this process" in line
    assert "Mount the folder of the deployment into it" in line
    assert before == job.world.seen()
    assert [] == left(job.engine, job.world.home)


# -- rootless Podman --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Rootless:
    """The Podman of a plain user, with the suite's images; `user` runs programs as that user."""

    engine: Engine
    user: pwd.struct_passwd
    home: Path
    python: str
    checkout: Path

    def environment(self) -> dict[str, str]:
        return {
            "HOME": str(self.home), "USER": self.user.pw_name, "LANG": "C.UTF-8", "NO_COLOR": "1",
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "XDG_RUNTIME_DIR": str(self.home / "run"), "DOCKER_HOST": self.engine.url,
            "XAVOS_CACHE_DIR": str(self.home / "cache"), "XAVOS_STATE_DIR": str(self.home / "state"),
            "XAVOS_REPORTS_DIR": str(self.home / "reports"), "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": f"{self.checkout}:{sysconfig.get_path('purelib')}",
        }  # fmt: skip

    def world(self) -> World:
        return World(home=self.home, cache=self.home / "cache")

    def run(self, *arguments: str) -> Ended:
        return finish(
            subprocess.Popen(
                [*as_user(self.user), self.python, "-m", "pytest", "-p", "no:cacheprovider", "--source=rehearsal",
                 "--keep=never", f"--directory={self.home}/sites/xavos", f"--port={self.world().port}", *arguments],
                cwd=self.checkout, env=self.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, text=True, errors="replace",
            )
        )  # fmt: skip


def as_user(user: pwd.struct_passwd) -> tuple[str, ...]:
    if user.pw_uid == os.geteuid():
        return ()
    return ("setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--init-groups", "--")


def plain_user() -> pwd.struct_passwd:
    """A plain user with subordinate ids: the current user or, for root, the first of /etc/subuid."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid())
    listed = Path("/etc/subuid").read_text().splitlines() if Path("/etc/subuid").exists() else []
    for name in (line.partition(":")[0] for line in listed):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        if user.pw_uid != 0:
            return user
    pytest.skip("no plain user of this machine has subordinate ids (/etc/subuid)")


def a_python(user: pwd.struct_passwd, checkout: Path) -> str:
    """A Python that the user may run, with the packages of this one."""
    packages = f"{checkout}:{sysconfig.get_path('purelib')}"
    said = b""
    for python in _PYTHONS:
        asked = subprocess.run(
            [*as_user(user), python, "-c", "import docker, psycopg, pytest, rollout.site.engine.selection"],
            env={"PYTHONPATH": packages, "HOME": "/", "PYTHONDONTWRITEBYTECODE": "1"}, cwd="/", capture_output=True,
            check=False,
        )  # fmt: skip
        if asked.returncode == 0:
            return python
        said = asked.stderr
    pytest.skip(f"the user {user.pw_name} can run no Python with the suite's packages: {said[-200:]!r}")


@pytest.fixture(scope="module")
def rootless(here: Engine) -> Iterator[Rootless]:
    """Podman's API as a plain user, with storage below /var/tmp, because a socket's path must be short."""
    needed = ("podman", "newuidmap", "slirp4netns", "setpriv")
    if missing := [name for name in needed if shutil.which(name) is None]:
        pytest.skip(f"rootless Podman takes {', '.join(missing)}: apt-get install podman uidmap slirp4netns")
    if not os.access("/dev/net/tun", os.F_OK) or Path("/dev/net/tun").stat().st_mode & 0o006 != 0o006:
        pytest.skip("networks of rootless Podman take /dev/net/tun, which is closed to plain users")
    user = plain_user()
    python = a_python(user, ROOT)
    home = Path("/var/tmp") / f"xavos-rootless-{os.getpid()}"  # noqa: S108 - one of its own, made with mkdir
    for folder in (home, home / "run"):
        folder.mkdir(mode=0o700)
        os.chown(folder, user.pw_uid, user.pw_gid)
    storage = home / "storage.conf"
    storage.write_text('[storage]\ndriver = "overlay"\n')
    podman = Podman(user=user, home=home)
    service = podman.serve()
    try:
        engine = podman.answer(service)
        for name in ("forge", "postgres"):
            podman.load(here, name)
        yield Rootless(engine=engine, user=user, home=home, python=python, checkout=ROOT)
    finally:
        # Podman has a second process in the user's namespace. On a signal it waits for open connections.
        os.killpg(service.pid, signal.SIGKILL)
        service.wait(timeout=60)
        podman.call("rm", "--all", "--force", "--time=0")
        if os.geteuid() != 0:  # some files belong to subordinate users
            podman.call("unshare", "rm", "-rf", f"{home}/.local")
        podman.end_monitors()
        podman.call("system", "migrate")  # ends the process that keeps the user's name space
        shutil.rmtree(home, ignore_errors=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Podman:
    """The podman command of a user, and its API on a socket in the user's home."""

    user: pwd.struct_passwd
    home: Path

    @property
    def environment(self) -> dict[str, str]:
        return {
            "HOME": str(self.home), "XDG_RUNTIME_DIR": str(self.home / "run"),
            "CONTAINERS_STORAGE_CONF": str(self.home / "storage.conf"),
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        }  # fmt: skip

    def call(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run([*as_user(self.user), "podman", *arguments], env=self.environment, cwd="/", check=False,
                              capture_output=True, timeout=300, **options)  # fmt: skip

    def end_monitors(self) -> None:
        """End the process that watches ended commands: it stays for five minutes, then recreates the home."""
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.uids().real == self.user.pw_uid and str(self.home) in " ".join(process.cmdline()):
                    process.kill()

    def serve(self) -> subprocess.Popen[bytes]:
        address = f"unix://{self.home}/run/podman.sock"
        return subprocess.Popen([*as_user(self.user), "podman", "system", "service", "--time=0", address],
                                env=self.environment, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL, start_new_session=True)  # fmt: skip

    def answer(self, service: subprocess.Popen[bytes]) -> Engine:
        socket = self.home / "run/podman.sock"
        until = time.monotonic() + _STARTS_WITHIN
        while time.monotonic() < until and service.poll() is None:
            found = ask(f"unix://{socket}") if socket.exists() else None
            if isinstance(found, Engine):
                return found
            time.sleep(0.2)
        said = self.call("info").stderr.decode("utf-8", "replace")
        pytest.skip(f"rootless Podman does not run here: {said[-300:]}")

    def load(self, here: Engine, name: str) -> None:
        tag = present_tag(here, name)
        if tag is None:
            pytest.skip(f"the image {name} is not on this machine's engine")
        with subprocess.Popen([*as_user(self.user), "podman", "load"], env=self.environment, cwd="/",
                              stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as loading:  # fmt: skip
            assert loading.stdin is not None
            for chunk in here.client().images.get(tag).save(named=tag):
                loading.stdin.write(chunk)
            loading.stdin.close()
        assert 0 == loading.returncode


def test_a_rehearsal_deploys_under_rootless_podman(rootless: Rootless) -> None:
    ended = rootless.run(f"--through={THROUGH}")
    assert 0 == ended.code, ended.output[-4000:]
    path = rootless.world().verdict()["paths"]["realistic"]
    assert ("deployed", [], 0) == (path["outcome"], path["residue"], path["checks"]["failed"])
    assert [] == rootless.engine.client().api.containers(all=True)
    assert not (rootless.home / "sites").exists()


def test_what_a_rootless_podman_cannot_isolate_is_refused(rootless: Rootless) -> None:
    ended = rootless.run("--offline", "--forge=container", "--database=container")
    assert 4 == ended.code, ended.output[-4000:]
    assert "--offline needs an engine whose own networks this process reaches" in ended.output
    assert [] == rootless.engine.client().api.containers(all=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone can ask the Podman of somebody else")
def test_the_podman_of_another_user_is_refused_in_one_sentence(rootless: Rootless, world: World) -> None:
    before = world.seen()
    ended = world.run("--forge=container", DOCKER_HOST=rootless.engine.url)
    assert 4 == ended.code, ended.output[-4000:]
    (line,) = [line for line in ended.output.splitlines() if "container engine" in line]
    assert "Run this as that user" in line
    assert before == world.seen()
    assert [] == rootless.engine.client().api.containers(all=True)
