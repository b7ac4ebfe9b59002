"""Installs and starts Docker on Debian or Ubuntu, as root, if no engine answers.

An existing engine, its containers and its images are never changed.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rollout import environment
from rollout.errors import NoEngine
from rollout.process import Background, start
from rollout.site.engine.client import Engine
from rollout.site.engine.discovery import ask
from rollout.site.engine.host_command import run_on_host

PACKAGES = ("docker.io", "iptables", "debootstrap", "debian-archive-keyring")
SOCKET = "unix:///var/run/docker.sock"
LOG = Path("/var/log/xavos-dockerd.log")
PID_FILE = Path("/run/xavos-dockerd.pid")
_START_SECONDS = 45.0
_SERVICE_SECONDS = 8.0
_APT_SECONDS = 900.0
_APT = ("apt-get", "-o", "DPkg::Lock::Timeout=180", "-o", "Acquire::Retries=3")

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One way to start dockerd: further arguments, a folder to prepend to PATH, and a message about the drawback."""

    arguments: tuple[str, ...] = ()
    path: str = ""
    cost: str = ""


def commands() -> tuple[str, ...]:
    """The commands that an administrator has to run, one per line."""
    return (
        f"sudo apt-get update && sudo apt-get install --no-install-recommends {' '.join(PACKAGES)}",
        "sudo service docker start",
        'sudo usermod -aG docker "$USER"   # then log in again',
    )


def install_engine(say: Say, *, reason: str = "none is installed") -> Engine:
    """Install Debian's docker.io if it is missing, start dockerd, wait until it answers.

    Raises NoEngine: not root, not Debian or Ubuntu, or dockerd does not start (with the end of its log).
    """
    if os.geteuid() != 0:
        raise NoEngine(reason=f"{reason}; installing one needs root", commands=commands())
    if not is_debian_like():
        raise NoEngine(
            reason=f"{reason}; one is installed only on Debian and Ubuntu", commands=("install Docker or Podman",)
        )
    if shutil.which("dockerd") is None or shutil.which("debootstrap") is None:
        _install_packages(say)
    found = _start_service(say)
    if found is None:
        found = _start_daemon(say)
    say(f"Docker {found.version} answers at {found.url}.")
    return found


def is_debian_like(text: str | None = None) -> bool:
    """Whether /etc/os-release (or `text`) names Debian, Ubuntu or a derivative."""
    if text is None:
        try:
            text = Path("/etc/os-release").read_text(encoding="utf-8")
        except OSError:
            return False
    words = re.findall(r'^ID(?:_LIKE)?="?([^"\n]*)"?$', text, re.MULTILINE)
    return bool({"debian", "ubuntu"} & set(" ".join(words).split()))


def _install_packages(say: Say) -> None:
    say(f"No container engine answers. Installing {', '.join(PACKAGES)} with apt-get (about a minute) ...")
    env = {"DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (("update",), ("install", "--yes", "--no-install-recommends", *PACKAGES)):
        outcome = run_on_host(*_APT, *arguments, deadline=_APT_SECONDS, env=env)
        if not outcome.ok:
            raise NoEngine(reason=f"{outcome.describe()}:\n{_end_of(outcome.tail)}\n", commands=commands())


def _start_service(say: Say) -> Engine | None:
    """Start Docker with systemd or the init script. None if there is neither, or Docker does not answer."""
    if Path("/run/systemd/system").is_dir():
        argv = ("systemctl", "start", "docker")
    elif Path("/etc/init.d/docker").exists():
        argv = ("service", "docker", "start")
    else:
        return None
    say(f"Starting Docker: {' '.join(argv)}")
    run_on_host(*argv, deadline=60)
    return _wait(_SERVICE_SECONDS)


def _start_daemon(say: Say) -> Engine:
    """Start dockerd as a daemon that outlives this process. Tries `attempts` until one works."""
    for attempt in attempts():
        if attempt.cost:
            say(attempt.cost)
        say(f"Starting dockerd {' '.join(attempt.arguments)}".rstrip() + f" (log: {LOG})")
        daemon = _spawn(attempt)
        found = _wait(_START_SECONDS, daemon)
        if found is not None:
            return found
        _stop(daemon)
        if not _is_network_problem(_log()):
            break
    raise NoEngine(
        reason=f"dockerd does not start; the end of {LOG}:\n{_end_of(_log())}\n",
        commands=("dockerd   # and read its output",),
    )


def attempts() -> Sequence[Attempt]:
    """Attempts in order: default; with iptables-legacy; without iptables, which costs the bridge network."""
    ways = [Attempt()]
    legacy = shutil.which("iptables-legacy")
    if legacy:
        folder = Path(tempfile.gettempdir()) / f"xavos-iptables-{os.getpid()}"
        ways.append(
            Attempt(path=_linked(folder, Path(legacy)), cost="Trying again with iptables-legacy, for this daemon only.")
        )
    ways.append(
        Attempt(
            arguments=("--iptables=false", "--ip6tables=false"),
            cost="Trying again without iptables: containers reach outer networks only with --network=host, "
            "and published ports are open on this machine only.",
        )
    )
    return ways


def _linked(folder: Path, legacy: Path) -> str:
    folder.mkdir(exist_ok=True)
    for family in ("iptables", "ip6tables"):
        link = folder / family
        link.unlink(missing_ok=True)
        link.symlink_to(legacy.with_name(f"{family}-legacy"))
    return str(folder)


def _spawn(attempt: Attempt) -> Background:
    env = environment.outbound_program()
    if attempt.path:
        env["PATH"] = f"{attempt.path}:{env['PATH']}"
    if not _is_running("/var/run/docker.pid"):  # a stale pid file, left by a crash
        Path("/var/run/docker.pid").unlink(missing_ok=True)
    daemon = start(("dockerd", *attempt.arguments), env=env, cwd="/", log=LOG)
    PID_FILE.write_text(f"{daemon.pid}\n", encoding="ascii")
    return daemon


def _is_running(pid_file: str) -> bool:
    try:
        os.kill(int(Path(pid_file).read_text(encoding="ascii")), 0)
    except (OSError, ValueError):
        return False
    return True


def _stop(daemon: Background) -> None:
    daemon.stop(15)
    PID_FILE.unlink(missing_ok=True)


def _wait(seconds: float, daemon: Background | None = None) -> Engine | None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = ask(SOCKET)
        if isinstance(found, Engine):
            return found
        if daemon is not None and not daemon.is_running:
            return None
        time.sleep(0.3)
    return None


def _is_network_problem(log: str) -> bool:
    return bool(re.search(r"iptables|nat chain|network controller|bridge", log, re.IGNORECASE))


def _log() -> str:
    try:
        return LOG.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _end_of(text: str, lines: int = 6) -> str:
    """The last lines above level info."""
    relevant = [line for line in text.splitlines() if line.strip() and "level=info" not in line]
    return "\n".join(f"    {line[:300]}" for line in relevant[-lines:])
