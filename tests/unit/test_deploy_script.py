"""scripts/deploy_xavos.sh with releases of a few lines: what it runs, in which order, and how it takes one back."""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import shutil
import signal
import socket
import subprocess
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rollout.config.options import ROOT
from tests.unit.haproxy_stub import StubProxy

# A release's server. `bad` lists ports at which it never becomes ready, and ports at which it ends at once as `-PORT`.
# It writes what happens to it to a file.
_SERVER = """#!/usr/bin/env -S python3 -S -E
import os, pathlib, signal, socket, sys
release, port = pathlib.Path(sys.argv[0]).resolve().parents[1], os.environ["PORT"]
def say(what):
    with open(release.parent / "events", "a") as events:
        events.write(f"{what} {release.name} {port}\\n")
def end(*_):
    say("ended")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
bad = (release / "bad").read_text().split() if (release / "bad").exists() else []
if f"-{port}" in bad:
    sys.exit("the configuration is wrong")
server = socket.create_server(("127.0.0.1", int(port)))
say("started")
said = False
while True:
    client, _ = server.accept()
    with client:
        asked = client.recv(4096).decode()
        refused = asked.startswith("GET /health/ready") and port in bad
        if not refused and not said and "/health/ready" in asked:
            said = True
            say("ready")
        status = 503 if refused else 200
        client.sendall(f"HTTP/1.1 {status} X\\r\\nconnection: close\\r\\n\\r\\n{release.name}".encode())
"""
_MIGRATE = """#!/bin/sh
folder=$(dirname "$0")/..
case "${1:-}" in
  status) printf 'up\\t1\\tfirst\\ndown\\t20260101\\tsecond\\n'; exit ;;
esac
echo "migrated $DATABASE_URL" >>"$folder/../migrations"
[ ! -e "$folder/broken" ] || { echo "division by zero" >&2; exit 1; }
"""
# An engine that runs what stands in $RELEASES/IMAGE, and that calls nothing a container.
_ENGINE = """#!/bin/bash
case "$1 $2" in
  "image inspect") [ -d "$RELEASES/$3" ] ;;
  "container inspect") kill -0 "$(cat "$RELEASES/$5.pid")" 2>/dev/null && echo true ;;
  "rm "*) true ;;
  "stop --time")
    pid=$(cat "$RELEASES/$4.pid")
    kill -TERM "$pid"
    while kill -0 "$pid" 2>/dev/null; do :; done ;;
  "run --env-file"*)
    for word in "$@"; do case $word in PORT=*) export "$word" ;; xavos-*) name=$word ;; esac; done
    if [ "${@: -1}" = /app/bin/migrate ]; then exec "$RELEASES/${@: -2:1}/bin/migrate"; fi
    "$RELEASES/${@: -2:1}/bin/server" </dev/null >/dev/null 2>&1 &
    echo $! >"$RELEASES/$name.pid" ;;
esac
"""
_MIX = """#!/bin/sh
echo "$MIX_ENV $XAVOS_REVISION ${DATABASE_URL:-nothing}" >>"$CALLS"
case "$*" in *--path*) for last; do :; done; mkdir -p "$last/bin"; echo >"$last/bin/server" ;; esac
"""


class Machine:
    """A folder with the scripts and with releases, and the ports of four instances."""

    def __init__(self, folder: Path) -> None:
        self.root, self.releases = folder / "app", folder / "releases"
        shutil.copytree(ROOT / "app/scripts", self.root / "scripts")
        self.releases.mkdir()
        self.programs = folder / "programs"
        self.programs.mkdir()
        (self.root / "production.env").write_text("DATABASE_URL=ecto://stub\n")
        self.port = _free_ports()
        self.environment = {
            "PATH": f"{self.programs}:{os.environ['PATH']}", "RELEASES": str(self.releases),
            "CALLS": str(folder / "calls"), "XAVOS_READY_SECONDS": "30", "XAVOS_STOP_SECONDS": "30",
        }  # fmt: skip

    def release(self, name: str, *, bad: str = "", broken: bool = False) -> str:
        folder = self.releases / name
        self.program(folder / "bin/server", _SERVER)
        self.program(folder / "bin/migrate", _MIGRATE)
        if bad:
            (folder / "bad").write_text(bad)
        if broken:
            (folder / "broken").touch()
        return str(folder)

    def program(self, file: Path, text: str) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(0o755)

    def command(self, *words: str) -> tuple[str, ...]:
        return (str(self.root / "scripts/deploy_xavos.sh"), *words)

    def __call__(self, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*words), env={**self.environment, **env}, capture_output=True, text=True, check=False,
            stdin=subprocess.DEVNULL, cwd=self.root, timeout=120,
        )  # fmt: skip

    def begun(self, *words: str) -> subprocess.Popen[bytes]:
        """The script while it runs, in a process group of its own."""
        return subprocess.Popen(
            self.command(*words), env=self.environment, cwd=self.root, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip

    def done(self, *words: str) -> list[str]:
        """The commands of a run that has to succeed, which are those that a dry run before it has printed."""
        planned, ended = self("--dry-run", *words), self(*words)
        assert (planned.returncode, ended.returncode) == (0, 0), planned.stderr + ended.stdout + ended.stderr
        assert _commands(planned.stdout) == _commands(ended.stdout)
        return _commands(ended.stdout)

    def first_roll(self, name: str = "a") -> None:
        ended = self(f"--first-port={self.port}", "roll", self.release(name))
        assert ended.returncode == 0, ended.stderr

    def events(self) -> list[str]:
        """What has happened to servers, with 1, 2, 3, 4 for the ports."""
        file = self.releases / "events"
        lines = file.read_text().splitlines() if file.exists() else []
        return [f"{what} {release}{int(port) - self.port + 1}" for what, release, port in map(str.split, lines)]

    def forget_events(self) -> None:
        (self.releases / "events").unlink()

    def answers(self, number: int) -> str:
        """The release that answers at a port; "" for none."""
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port + number - 1), 10) as there:
            there.sendall(b"GET / HTTP/1.1\r\n\r\n")
            return b"".join(iter(lambda: there.recv(4096), b"")).decode().rpartition("\r\n")[2]
        return ""

    def serving(self) -> dict[int, str]:
        return {number: answer for number in range(1, 5) if (answer := self.answers(number))}


def _free_ports() -> int:
    """The first of four ports in a row that are free, below those that the system gives away."""
    while True:
        first = random.randrange(15_000, 30_000, 4)
        with contextlib.suppress(OSError), contextlib.ExitStack() as taken:
            for port in range(first, first + 4):
                taken.enter_context(socket.create_server(("127.0.0.1", port)))
            return first


def _commands(printed: str) -> list[str]:
    return [line for line in printed.splitlines() if line.startswith("+ ")]


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path)
    yield made
    made("stop")
    assert made.serving() == {}


def test_every_roll_runs_what_its_dry_run_prints(machine: Machine) -> None:
    a, b = machine.release("a"), machine.release("b")
    options = (f"--first-port={machine.port}",)
    machine.done(*options, "roll", a)
    assert machine.events() == ["started a1", "ready a1", "started a3", "ready a3"]
    machine.forget_events()
    commands = machine.done("roll", b)
    assert machine.events() == [
        "started b2", "ready b2", "ended a1", "started b4", "ready b4", "ended a3",
    ]  # fmt: skip
    assert commands[0] == f"+ {b}/bin/migrate"
    assert [Path(line.split()[1]).name for line in commands[1:5]] == [
        "setsid", "deploy_xavos.sh", "kill", "deploy_xavos.sh",
    ]  # fmt: skip
    assert machine.serving() == {2: "b", 4: "b"}
    assert "bin/migrate" not in " ".join(machine.done("rollback"))
    assert machine.serving() == {1: "a", 3: "a"}
    machine.done("stop")


def test_a_dry_run_names_release_ports_and_pending_migrations_and_changes_nothing(machine: Machine) -> None:
    machine.first_roll()
    machine.forget_events()
    b = machine.release("b")
    (machine.releases / "b/releases").mkdir()
    (machine.releases / "b/releases/start_erl.data").write_text("15.2 0.7.1")
    before = sorted(machine.root.rglob("*"))
    printed = machine("--dry-run", "roll", b).stdout
    assert f"release: {b} (version 0.7.1)" in printed
    assert f"replaces: {machine.releases / 'a'}" in printed
    assert "migrations pending: 20260101\n" in printed
    assert f"instance 1: port {machine.port} → {machine.port + 1}\n" in printed
    assert (machine.events(), machine.serving()) == ([], {1: "a", 3: "a"})
    assert before == sorted(machine.root.rglob("*"))


@pytest.mark.parametrize(("sign", "seconds"), [("", "1"), ("-", "30")], ids=["never_ready", "ends_at_once"])
def test_a_release_that_does_not_become_ready_is_taken_back_while_the_old_one_serves(
    machine: Machine, sign: str, seconds: str
) -> None:
    machine.first_roll()
    bad = machine.release("bad", bad=f"{sign}{machine.port + 1}")
    with _asking(machine, 1, 3) as answers:
        ended = machine("roll", bad, XAVOS_READY_SECONDS=seconds)
    assert ended.returncode == 1
    assert f"{bad} was taken back. {machine.releases / 'a'} serves as before." in ended.stderr
    assert set(answers) == {"a"}
    assert machine.serving() == {1: "a", 3: "a"}
    assert f"release: {machine.releases / 'a'}\n" in machine("status").stdout


@contextlib.contextmanager
def _asking(machine: Machine, *numbers: int) -> Iterator[list[str]]:
    """Request these ports all the time; yields the answers, and waits for some of each."""
    answers: list[str] = []
    ended = threading.Event()

    def ask() -> None:
        while not ended.is_set() or len(answers) < 10:
            answers.extend(machine.answers(number) for number in numbers)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield answers
    finally:
        ended.set()
        thread.join()


def test_old_instances_serve_again_before_the_new_ones_end(machine: Machine) -> None:
    machine.first_roll()
    machine.forget_events()
    bad = machine.release("bad", bad=f"-{machine.port + 3}")
    assert machine("roll", bad).returncode == 1
    assert machine.events() == [
        "started bad2", "ready bad2", "ended a1", "started a1", "ready a1", "ended bad2",
    ]  # fmt: skip
    assert machine.serving() == {1: "a", 3: "a"}


def test_a_failing_migration_ends_the_roll_before_any_instance(machine: Machine) -> None:
    machine.first_roll()
    machine.forget_events()
    ended = machine("roll", machine.release("b", broken=True))
    assert (ended.returncode, machine.events()) == (1, [])
    assert "No instance was touched." in ended.stderr
    assert "division by zero" in ended.stderr
    assert machine.serving() == {1: "a", 3: "a"}


def test_a_roll_that_was_killed_leaves_nothing_that_the_next_one_keeps(machine: Machine) -> None:
    machine.first_roll()
    bad = machine.release("bad", bad=str(machine.port + 1))
    with machine.begun("roll", bad) as rolling:
        _wait_for(lambda: "started bad2" in machine.events())
        os.killpg(rolling.pid, signal.SIGKILL)
    assert machine.serving() == {1: "a", 2: "bad", 3: "a"}
    machine.done("roll", machine.release("b"))
    assert machine.serving() == {2: "b", 4: "b"}


def _wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_signal_takes_the_release_back(machine: Machine) -> None:
    machine.first_roll()
    bad = machine.release("bad", bad=str(machine.port + 3))
    with machine.begun("roll", bad) as rolling:
        _wait_for(lambda: "started bad4" in machine.events())
        os.killpg(rolling.pid, signal.SIGINT)
        assert rolling.wait(60) == 1
    assert machine.serving() == {1: "a", 3: "a"}


def test_a_tarball_is_unpacked_and_served(machine: Machine) -> None:
    machine.release("c")
    tarball = machine.releases / "c.tar.gz"
    with tarfile.open(tarball, "w:gz") as archive:
        archive.add(machine.releases / "c", arcname=".")
    machine.done(f"--first-port={machine.port}", "--instances=1", "roll", str(tarball))
    assert machine.serving() == {1: "c"}
    assert (machine.root / ".deployed/releases/c/bin/server").is_file()
    machine("stop")


def test_an_image_is_run_by_the_engine(machine: Machine) -> None:
    machine.release("a")
    machine.release("b")
    machine.program(machine.programs / "docker", _ENGINE)
    machine.done(f"--first-port={machine.port}", "--instances=1", "roll", "image:a")
    commands = machine.done("roll", "image:b")
    assert machine.serving() == {2: "b"}
    settings = machine.root / "production.env"
    assert commands[0].startswith(f"+ docker run --env-file {settings} --network host --read-only")
    assert commands[0].endswith("--rm b /app/bin/migrate")
    assert f"--name xavos-{machine.port + 1} --env PORT={machine.port + 1} b /app/bin/server" in commands[1]
    assert commands[3:] == [f"+ docker stop --time 30 xavos-{machine.port}", f"+ docker rm xavos-{machine.port}"]
    refused = machine("roll", "image:missing")
    assert refused.returncode == 1
    assert "Get it with: docker pull missing" in refused.stderr
    machine("stop")


def test_haproxy_drains_an_instance_before_it_ends(machine: Machine, tmp_path: Path) -> None:
    machine.release("a")
    with StubProxy(tmp_path / "admin.sock") as proxy:
        admin = f"--admin={tmp_path / 'admin.sock'}"
        machine.done(f"--first-port={machine.port}", "--instances=1", admin, "roll", str(machine.releases / "a"))
        proxy.changes.clear()
        machine.done(admin, "roll", machine.release("b"))
        machine(admin, "stop")
        assert proxy.changes[:2] == [f"xavos/p{machine.port + 1} ready", f"xavos/p{machine.port} drain"]


def test_a_release_is_built_without_any_setting_of_the_deployment(machine: Machine) -> None:
    machine.program(machine.programs / "mix", _MIX)
    (machine.root / ".env").write_text("DATABASE_URL=ecto://secret\nPORT=4001\n")
    commands = machine.done("release", "r7")
    assert [line.split()[4:6] for line in commands[:5]] == [
        ["mix", "deps.get"], ["mix", "deps.compile"], ["mix", "compile"], ["mix", "assets.deploy"], ["mix", "release"],
    ]  # fmt: skip
    assert set(Path(machine.environment["CALLS"]).read_text().splitlines()) == {"prod r7 nothing"}
    with tarfile.open(machine.root / "releases/r7.tar.gz") as archive:
        assert "./bin/server" in archive.getnames()


def test_a_second_roll_at_the_same_time_is_refused(machine: Machine) -> None:
    machine.first_roll()
    with (machine.root / ".deployed/lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        refused = machine("roll", machine.release("b"))
    assert (refused.returncode, machine.serving()) == (1, {1: "a", 3: "a"})
    assert "another roll is going on" in refused.stderr


def test_a_port_that_somebody_else_has_is_named(machine: Machine) -> None:
    with socket.create_server(("127.0.0.1", machine.port)):
        refused = machine(f"--first-port={machine.port}", "roll", machine.release("a"))
    assert refused.returncode == 1
    assert f"port {machine.port} is taken by another process" in refused.stderr
    assert "No release serves" in refused.stderr


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ((), 2, "no command is given"),
        (("fly",), 2, "fly is no command"),
        (("--fast", "roll", "x"), 2, "--fast is no option"),
        (("--instances=0", "roll", "x"), 2, "--instances=0 is not valid"),
        (("roll",), 2, "roll needs an argument"),
        (("roll", "nowhere"), 1, "nowhere does not exist"),
        (("roll", "scripts"), 1, "is no release of XAVOS: bin/server is missing"),
        (("rollback",), 1, "there is no release before"),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_reason(
    machine: Machine, words: tuple[str, ...], code: int, told: str
) -> None:
    refused = machine(*words)
    assert refused.returncode == code
    assert told in refused.stderr


def test_help_lists_every_command_and_option(machine: Machine) -> None:
    told = machine("--help").stdout
    script = (machine.root / "scripts/deploy_xavos.sh").read_text()
    options = {line.split(")")[0].strip().split("=")[0] for line in script.splitlines() if line.startswith("    --")}
    assert options
    assert [each for each in (*options, "release", "migrate", "roll", "rollback", "wait", "status", "stop", "proxy")
            if f"\n  {each}" not in told] == []  # fmt: skip


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_shellcheck_finds_nothing() -> None:
    scripts = sorted((ROOT / "app/scripts").glob("*.sh"))
    found = subprocess.run(["shellcheck", "-x", "-P", str(ROOT / "app/scripts"), *map(str, scripts)],
                           capture_output=True, text=True, check=False)  # fmt: skip
    assert found.stdout == ""
