"""Invalid input and missing resources: one clear error, a non-zero exit code, and nothing changed."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from rollout.journal import read_events
from tests.e2e.world import Ended, World

pytestmark = pytest.mark.timeout(180)


def refused(world: World, ended: Ended, *words: str, before: tuple[str, ...]) -> None:
    """The exit code is not 0, the words are printed without a traceback, and nothing has changed."""
    assert 0 != ended.code, ended.output[-3000:]
    assert [] == [word for word in words if word not in ended.output], ended.output[-3000:]
    assert "Traceback" not in ended.output, ended.output[-3000:]
    assert "INTERNALERROR" not in ended.output, ended.output[-3000:]
    assert before == world.seen()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--source=hex.pm"], ["--source='hex.pm' is not valid", "rehearsal"]),
        (["--source=mirror:http://[::1"], ["--source='mirror:http://[::1' is not valid"]),
        (["--source=mirror:https://me:hunter2@127.0.0.1:9"], ["https://me:***@127.0.0.1:9"]),
        (["--directory=~nosuchuser/x"], ["--directory='~nosuchuser/x' is not valid", "this user does not exist"]),
        (["--database=postgresql://me:hunter2@2024@h/x"], ["--database='postgresql://***' is not valid", "@ is %40"]),
        (["--forge=podman"], ["--forge='podman' is not valid", "container or host"]),
        (["--database=mysql://me:hunter2@host/x"], ["--database=", "postgresql://"]),
        (["--port=http"], ["--port='http' is not valid", "1024"]),
        (["--keep=forever"], ["--keep='forever' is not valid"]),
        (["--path=ambitous"], ["--path='ambitous' is not valid", "did you mean ambitious?"]),
        (["--path=script:/nonexistent/deploy.sh"], ["there is none at /nonexistent/deploy.sh"]),
        (["--path=realistic", "--gate=ambitious"], ["--gate='ambitious' is not valid", "paths that run: realistic"]),
        (["--path=all", "--jobs=none"], ["--jobs='none' is not valid"]),
        (["--name=My App"], ["--name='My App' is not valid"]),
        (["--name=phoenix"], ["--name='phoenix' is not valid", "an application of the installed packages"]),
        (["--name=end"], ["--name='end' is not valid", "a reserved word of Elixir"]),
        (["--through=databse"], ["--through='databse' is not valid", "did you mean database?"]),
        (["--scenario=nonesuch"], ["nonesuch"]),
        (["--source=mirror:http://127.0.0.1:9"], ["http://127.0.0.1:9"]),
        (["--source=bundle:/nonexistent/bundle"], ["/nonexistent/bundle"]),
        (["--database=postgresql://me:hunter2@127.0.0.1:9/x", "-k", "phase_passed"], ["127.0.0.1:9"]),
        (
            ["--campaign", "--faults=registry_dwon"],
            ["--faults='registry_dwon' is not valid", "did you mean registry_down?"],
        ),
        (
            ["--campaign", "--faults=registry_down@serverr"],
            ["--faults='registry_down@serverr' is not valid", "ash_core"],
        ),
        (["--campaign", "--through=server"], ["A campaign measures whole paths", "--through"]),
        (["--campaign", "--fault=registry_down"], ["Name the faults with --faults"]),
        (["--campaign", "--cluster=tcp://127.0.0.1:9"], ["The Dask cluster tcp://127.0.0.1:9 cannot be used"]),
        (
            ["--campaign", "--database=postgresql://me:hunter2@127.0.0.1:9/x"],
            ["The path ambitious", "Leave out the path or --database"],
        ),
        (["--campaign", "--resume=nonesuch"], ["--resume='nonesuch' is not valid"]),
        (["--nosuchflag"], ["unrecognized arguments: --nosuchflag"]),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else None,
)
def test_an_invalid_option_is_refused(world: World, arguments: list[str], words: list[str]) -> None:
    """The error names the option and valid values. It does not show a password."""
    before = world.seen()
    ended = world.run(*arguments)
    refused(world, ended, *words, before=before)
    assert "hunter2" not in ended.output
    if "--campaign" in arguments:
        assert () == world.runs()


def test_an_invalid_value_in_a_variable_is_refused(world: World) -> None:
    """The error names the variable, not its flag, even before plans are read."""
    before = world.seen()
    refused(world, world.run(XAVOS_THROUGH="databse"), "XAVOS_THROUGH='databse' is not valid", before=before)


def in_use(folder: Path) -> None:
    """A realistic folder: private, large, and with a file that never ends."""
    folder.mkdir(parents=True)
    (folder / "precious").write_text("mine")
    os.mkfifo(folder / "pipe")
    (folder / "shut").mkdir(mode=0o000)
    with (folder / "huge").open("wb") as file:
        file.truncate(1 << 40)


def refused_before_anything(world: World, ended: Ended, *paths: str, cause: str = "in_the_way") -> None:
    """Each path's verdict says so. No act was announced, nothing was copied, no path was started."""
    assert ended.code == 1, ended.output[-3000:]
    assert "Traceback" not in ended.output, ended.output[-3000:]
    verdict = world.verdict()
    assert (verdict["exit_code"], tuple(verdict["paths"])) == (1, paths)
    for path in verdict["paths"].values():
        assert (path["outcome"], path["failure"]["cause"], path["residue"]) == ("refused", cause, [])
        assert ["refused"] == [phase["outcome"] for phase in path["phases"] if phase["outcome"] != "blocked"]
    events = [event["event"] for event in read_events(world.reports / "latest" / "journal.jsonl")]
    assert set(events) <= {"run.started", "path.started", "phase.started", "phase.finished", "phase.blocked",
                           "path.finished", "check.finished", "run.finished"}  # fmt: skip
    assert not world.cache.exists()
    assert [] == [path for path in world.state.rglob("*") if path.is_file() and path.suffix != ".lock"]
    assert {"verdict.json", "report.html", "junit.xml", "summary.md"} <= {
        path.name for path in (world.reports / "latest").iterdir()
    }
    assert 1 == len(world.runs())


@pytest.mark.parametrize("site", [(), ("--forge=host", "--database=embedded")], ids=["containers", "host"])
def test_a_folder_that_exists(world: World, site: tuple[str, ...]) -> None:
    """Refused by its lstat. It is not read, copied or journaled, and its content stays."""
    world.cache = world.home / "cache"
    in_use(world.directory)
    before = sorted(world.home.rglob("*"))
    ended = world.run(*site)
    refused_before_anything(world, ended, "realistic")
    assert f"The folder {world.directory} exists already" in " ".join(ended.output.split())
    assert "--directory" in ended.output
    assert set(before) <= set(world.home.rglob("*"))
    assert (world.directory / "precious").read_text() == "mine"


def test_the_root_of_the_file_system(world: World) -> None:
    """Regression: it was read completely, until `OSError: [Errno 22]`."""
    world.cache = world.home / "cache"
    refused_before_anything(world, ended := world.run("--directory=/"), "realistic")
    assert "It is the root of the file system." in " ".join(ended.output.split())


def test_an_obstacle_of_one_path_refuses_all(world: World) -> None:
    """Before any path starts. The error names the path."""
    world.cache = world.home / "cache"
    in_use(place := world.directory.with_name(f"{world.name}_ambitious"))
    ended = world.run("--path=all")
    refused_before_anything(world, ended, "realistic", "incremental", "ambitious")
    messages = {name: path["failure"]["message"] for name, path in world.verdict()["paths"].items()}
    assert f"The folder {place} exists already" in messages["ambitious"]
    assert messages["realistic"].startswith("Not started, because the path ambitious cannot start: The folder")
    assert ["failed"] == [
        event["outcome"]
        for event in read_events(world.reports / "latest" / "journal.jsonl")
        if event["event"] == "check.finished"
    ]


def test_a_port_that_is_taken(world: World) -> None:
    """Refused. The error names the process that has the port."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", world.port))
        listener.listen()
        before = world.seen()
        refused(
            world,
            world.run("-k", "phase_passed"),
            f"Port {world.port} is already in use",
            f"pid {os.getpid()}",
            before=before,
        )


def test_no_engine(world: World) -> None:
    """A container is requested and no engine answers."""
    before = world.seen()
    ended = world.run("--forge=container", DOCKER_HOST="unix:///nonexistent")
    refused(world, ended, "No container engine answers", "--forge=host", before=before)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of two megabytes."""
    place = tmp_path / "small"
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip("a small disk can only be mounted by root")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_disk_under_the_deployment(world: World, small_disk: Path) -> None:
    """The cause is disk_full, and everything is undone."""
    before = world.seen()
    ended = world.run("-k", "phase_passed", f"--directory={small_disk}/site", "--fresh")
    refused(world, ended, "disk_full", before=before)
    path = world.verdict()["paths"]["realistic"]
    assert ("rolled_back", []) == (path["outcome"], path["residue"])


def test_a_full_disk_under_the_journal(world: World, small_disk: Path) -> None:
    """Nothing may happen unjournaled: one phase fails, the others are blocked, and everything is undone."""
    (small_disk / "fill").write_bytes(b"x" * (2 * 1024 * 1024 - 8 * 4096))
    before = world.seen()
    ended = world.run("-k", "phase_passed", "--fresh", XAVOS_STATE_DIR=str(small_disk / "state"))
    assert 0 != ended.code
    assert "cannot be written" in ended.output, ended.output[-3000:]
    path = world.verdict()["paths"]["realistic"]
    assert (path["outcome"], path["failure"]["cause"], path["checks"]["failed"]) == ("rolled_back", "disk_full", 1)
    assert any((small_disk / "state/open").iterdir()), "what the journal does not know to be undone is not forgotten"
    (small_disk / "fill").unlink()
    assert world.run("--recover", XAVOS_STATE_DIR=str(small_disk / "state")).code == 0
    assert not any((small_disk / "state/open").iterdir())
    assert [fact for fact in before if "small" not in fact] == [fact for fact in world.seen() if "small" not in fact]


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A folder that even root cannot write to."""
    place = tmp_path / "shut"
    place.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(place)], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("a read-only folder for root can only be mounted by root")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.parametrize("what", ["directory", "XAVOS_STATE_DIR", "XAVOS_REPORTS_DIR", "XAVOS_CACHE_DIR"])
def test_a_folder_that_cannot_be_written(world: World, read_only: Path, what: str) -> None:
    """The error names the folder, for each of the four folders."""
    before = world.seen()
    if what == "directory":
        ended = world.run("-k", "phase_passed", f"--directory={read_only}/site")
    else:
        ended = world.run("-k", "phase_passed", **{what: str(read_only / "x")})
    refused(world, ended, str(read_only), before=before)
