"""The probe detects engines that do not share files or network with this process."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rollout.config.options import Options
from rollout.errors import EngineUnfit, FolderUnwritable
from rollout.site.engine import probe_records, selection
from rollout.site.engine.client import Engine
from rollout.site.engine.own_container import own_container, possible_ids
from rollout.site.engine.selection import candidates, find_sharing
from rollout.site.engine.sharing import Sharing
from tests.unit.fakes import options
from tests.unit.site.fake_engine import ID, FakeEngine, elsewhere, engine

pytestmark = pytest.mark.skipif(shutil.which("perl") is None, reason="the probe's script is Perl, which is not here")
USER = f"{os.getuid()}:{os.getgid()}"


@pytest.fixture
def fake() -> FakeEngine:
    return FakeEngine(Name="here", OperatingSystem="Debian")


@pytest.fixture
def found(fake: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> Engine:
    monkeypatch.setattr(selection, "own_container", lambda client: fake.own)
    return engine(fake, monkeypatch)


@pytest.fixture
def place(tmp_path: Path) -> Options:
    made = options(tmp_path)
    made.cache.mkdir()
    return made


def seen(folder: Path) -> list[str]:
    """Every file below a folder, except cached probe results."""
    return sorted(
        str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and "ways" not in path.parts
    )


def refused(found: Engine, place: Options, fake: FakeEngine) -> str:
    """The text of the error. Nothing of the probe may be left."""
    before = seen(place.cache.parent)
    with pytest.raises(EngineUnfit) as error:
        find_sharing(found, image="forge:1", options=place)
    assert () == fake.left
    assert before == seen(place.cache.parent)
    assert "engine_unfit" == error.value.cause
    return str(error.value)


def test_an_engine_of_this_machine_runs_as_this_user_on_the_hosts_network(
    found: Engine, place: Options, fake: FakeEngine
) -> None:
    sharing = find_sharing(found, image="forge:1", options=place)
    assert Sharing(user=USER) == sharing
    assert [("forge:1", "host", USER, True)] == [
        (made["image"], made["network_mode"], made["user"], made["auto_remove"]) for made in fake.made
    ]
    assert () == fake.left
    assert [] == seen(place.cache.parent)


def test_an_engine_that_sees_other_folders_is_refused(
    found: Engine, place: Options, fake: FakeEngine, tmp_path: Path
) -> None:
    fake.bend = elsewhere(tmp_path / "of another machine")
    said = refused(found, place, fake)
    assert "a container cannot read a file of this process: No such file or directory" in said
    assert "unset DOCKER_HOST" in said
    assert "--forge=host --database=embedded" in said


def test_an_engine_whose_files_do_not_arrive_here_is_refused(
    found: Engine, place: Options, fake: FakeEngine, tmp_path: Path
) -> None:
    """A copy of the folder is mounted, as by the file sharing of a virtual machine."""

    def copied(argv: list[str]) -> list[str]:
        shutil.copytree(argv[1], tmp_path / "copy")
        return [argv[0], str(tmp_path / "copy"), *argv[2:]]

    fake.bend = copied
    with pytest.raises(
        EngineUnfit, match="files that a container writes do not appear on this machine"
    ):
        find_sharing(found, image="forge:1", options=place)
    assert () == fake.left


def test_an_engine_that_writes_as_another_user_is_refused(
    found: Engine, place: Options, fake: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = os.getuid()
    monkeypatch.setattr("rollout.site.engine.probe.os.getuid", lambda: here + 1)
    assert f"files that a container writes belong to user {here}, not to user {here + 1}" in refused(found, place, fake)


def test_an_engine_that_cannot_write_to_our_folder_is_refused(found: Engine, place: Options, fake: FakeEngine) -> None:
    def in_the_way(argv: list[str]) -> list[str]:
        (Path(argv[1]) / "answered").mkdir()
        return argv

    fake.bend = in_the_way
    assert "a container cannot write there: Is a directory" in refused(found, place, fake)


def test_an_engine_that_does_not_know_the_folder_is_refused(found: Engine, place: Options, fake: FakeEngine) -> None:
    """Docker's message for a missing source of a bind mount. Nothing is created there."""
    fake.refuses = 'invalid mount config for type "bind": bind source path does not exist: /x'
    assert "the engine cannot open a folder of this process" in refused(found, place, fake)


def test_an_engine_that_may_not_enter_the_folder_is_refused(
    place: Options, fake: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Podman's message if its user may not enter a parent folder."""
    monkeypatch.setattr(selection, "own_container", lambda client: None)
    podman = engine(fake, monkeypatch, kind="podman")
    fake.facts = {"Rootless": True}
    fake.refuses = "statfs {source}: permission denied"
    said = refused(podman, place, fake)
    assert "the engine cannot open a folder of this process (statfs /" in said
    assert "Run this as that user" in said


def test_an_engine_that_refuses_a_container_is_quoted(found: Engine, place: Options, fake: FakeEngine) -> None:
    fake.refuses = "OCI runtime error: no cgroups"
    assert "OCI runtime error: no cgroups" in refused(found, place, fake)


def test_an_engine_with_another_host_network_is_refused(found: Engine, place: Options, fake: FakeEngine) -> None:
    """On the host network of a virtual machine nothing listens on our port."""
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = str(gone.getsockname()[1])
    fake.bend = lambda argv: [*argv[:3], port, argv[4]]
    assert "a container does not reach a listener of this process on 127.0.0.1" in refused(found, place, fake)


def test_an_engine_whose_listeners_are_not_reached_from_here_is_refused(
    found: Engine, place: Options, fake: FakeEngine
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    fake.bend = lambda argv: [argv[0].replace("$listener->sockport", str(port)), *argv[1:]]
    assert "this process does not reach a listener of a container" in refused(found, place, fake)


def test_an_engine_of_the_database_alone_needs_a_port_that_this_process_reaches(
    found: Engine, place: Options, fake: FakeEngine
) -> None:
    """Nothing is mounted. The result is cached separately from that for a forge."""
    assert Sharing(user=USER) == find_sharing(found, image="postgres:1", options=place, shares_files=False)
    assert [("postgres:1", False)] == [(made["image"], "mounts" in made) for made in fake.made]
    find_sharing(found, image="postgres:1", options=place, shares_files=False)
    assert 1 == len(fake.made)
    find_sharing(found, image="postgres:1", options=place)
    assert "mounts" in fake.made[-1]
    assert ((), []) == (fake.left, seen(place.cache.parent))


def test_an_engine_whose_published_ports_are_on_another_machine_is_refused(
    found: Engine, place: Options, fake: FakeEngine
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = str(gone.getsockname()[1])
    fake.bend = lambda argv: [argv[0].replace("alarm 15", "alarm 1"), port, *argv[2:]]
    with pytest.raises(EngineUnfit, match="with a published port, this process does not reach a listener"):
        find_sharing(found, image="postgres:1", options=place, shares_files=False)
    assert ((), []) == (fake.left, seen(place.cache.parent))


def test_a_rootless_engine_maps_its_user_0_to_us(found: Engine, place: Options, fake: FakeEngine) -> None:
    """Podman reports it in a field, Docker in its security options. User 0 inside has only our permissions."""
    for info in ({"Rootless": True}, {"SecurityOptions": ["name=seccomp,profile=default", "name=rootless"]}):
        fake.facts = info
        sharing = find_sharing(found, image=f"forge:{len(fake.made)}", options=place)
        assert ("0:0", True, False) == (sharing.user, sharing.mapped, sharing.isolates)
        assert ["ALL"] == fake.made[-1]["cap_drop"]


def test_a_rootless_engine_of_another_user_is_refused_with_what_to_do(
    place: Options, fake: FakeEngine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(selection, "own_container", lambda client: None)
    podman = engine(fake, monkeypatch, kind="podman")
    fake.facts = {"Rootless": True}
    fake.bend = elsewhere(tmp_path / "closed")
    assert "Run this as that user" in refused(podman, place, fake)


def test_containers_leave_the_user_namespace_of_the_daemon() -> None:
    (sharing,) = candidates({"SecurityOptions": ["name=userns"]}, None)
    assert {"user": USER, "userns_mode": "host"} == sharing.identity()


def test_the_probe_uses_no_init(found: Engine, place: Options, fake: FakeEngine) -> None:
    """Podman has none without catatonit, and reports that only when the container starts."""
    find_sharing(found, image="forge:1", options=place)
    assert "init" not in fake.made[0]


# -- in a container of the engine -------------------------------------------------------------------


def own(**more: Any) -> dict[str, Any]:
    return {"Id": ID, "State": {"Running": True}, "HostConfig": {"NetworkMode": "bridge"}, "Mounts": [], **more}


def test_in_a_container_its_network_is_joined_and_its_mounts_are_translated(
    found: Engine, place: Options, fake: FakeEngine, tmp_path: Path
) -> None:
    outside = tmp_path.with_name(f"{tmp_path.name}-outside")
    outside.symlink_to(tmp_path)  # the same folder under the name that the engine knows
    fake.own = own(
        Mounts=[{"Destination": "/", "Source": "/nowhere"}, {"Destination": str(tmp_path), "Source": str(outside)}]
    )
    sharing = find_sharing(found, image="forge:1", options=place)
    assert (f"container:{ID}", True, False) == (sharing.network, sharing.is_joined, sharing.isolates)
    assert str(outside / "deployments/xavos") == sharing.source(tmp_path / "deployments/xavos")
    assert str(outside) in str(fake.made[0]["mounts"][0]["Source"])
    outside.unlink()


def test_in_a_container_without_the_folder_the_error_says_what_to_mount(
    found: Engine, place: Options, fake: FakeEngine
) -> None:
    fake.own = own()
    fake.refuses = "bind source path does not exist: /builds"
    assert "Mount the folder of the deployment into it" in refused(found, place, fake)


def test_a_container_on_the_hosts_network_needs_no_joining() -> None:
    (sharing,) = candidates({}, own(HostConfig={"NetworkMode": "host"}))
    assert ("host", True) == (sharing.network, sharing.isolates)


def test_a_read_only_mount_is_not_used_for_a_deployment() -> None:
    (sharing,) = candidates({}, own(Mounts=[{"Destination": "/src", "Source": "/home/ci", "RW": False}]))
    assert "/src/deployments" == sharing.source(Path("/src/deployments"))


DOCKER = f"""\
612 590 0:52 / / rw,relatime - overlay overlay rw
640 612 254:0 /var/lib/docker/containers/{ID}/resolv.conf /etc/resolv.conf rw - ext4 /dev/vda rw
"""
PODMAN = f"900 880 0:99 /containers/overlay-containers/{ID}/userdata/hostname /etc/hostname rw - tmpfs tmpfs rw\n"
# On the host, mounts of other containers are visible. None of them is the own container.
OUTSIDE = f"88 30 0:47 / /var/lib/docker/containers/{ID}/mounts/shm rw - tmpfs shm rw\n"


@pytest.mark.parametrize(
    ("mountinfo", "hostname", "expected"),
    [(DOCKER, "ci", [ID]), (PODMAN, "ci", [ID]), ("", ID[:12], [ID[:12]]), (OUTSIDE, "vm", []), ("", "vm", [])],
)
def test_the_own_container_is_found_by_mounts_or_host_name(
    mountinfo: str, hostname: str, expected: list[str]
) -> None:
    assert expected == list(possible_ids(mountinfo, hostname))


def test_the_container_of_another_engine_is_not_the_own_one(fake: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rollout.site.engine.own_container.socket.gethostname", lambda: "0123456789ab")
    assert own_container(fake) is None  # type: ignore[arg-type]


# -- cached, and recovered ----------------------------------------------------------------------


def test_a_cached_result_is_used_until_something_changes(
    found: Engine, place: Options, fake: FakeEngine
) -> None:
    first = find_sharing(found, image="forge:1", options=place)
    assert first == find_sharing(found, image="forge:1", options=place)
    assert 1 == len(fake.made)
    find_sharing(found, image="forge:2", options=place)
    fake.facts = {**fake.facts, "DockerRootDir": "/elsewhere"}
    find_sharing(found, image="forge:2", options=place)
    assert 3 == len(fake.made)


def test_an_old_result_is_probed_again_and_removed(
    found: Engine, place: Options, fake: FakeEngine
) -> None:
    find_sharing(found, image="forge:1", options=place)
    (old,) = (place.cache / "ways").iterdir()
    os.utime(old, (1, 1))
    find_sharing(found, image="forge:2", options=place)
    assert [old.name] != [file.name for file in (place.cache / "ways").iterdir()]
    assert 1 == len(list((place.cache / "ways").iterdir()))
    find_sharing(found, image="forge:1", options=place)
    assert 3 == len(fake.made)


def test_a_damaged_cached_result_is_probed_again(found: Engine, place: Options, fake: FakeEngine) -> None:
    find_sharing(found, image="forge:1", options=place)
    for file in (place.cache / "ways").iterdir():
        file.write_text('{"user": 1}')
    assert USER == find_sharing(found, image="forge:1", options=place).user
    assert 2 == len(fake.made)


def test_a_failed_probe_is_not_cached(found: Engine, place: Options, fake: FakeEngine) -> None:
    fake.refuses = "not now"
    refused(found, place, fake)
    fake.refuses = ""
    assert Sharing(user=USER) == find_sharing(found, image="forge:1", options=place)


def test_a_slow_removal_is_repeated(found: Engine, place: Options, fake: FakeEngine) -> None:
    """Podman rejects the request while it removes an ended container itself."""
    fake.busy_removing = 3
    find_sharing(found, image="forge:1", options=place)
    assert () == fake.left


KILLED = """
import os, signal, sys
from pathlib import Path
from rollout.site.engine import probe
from rollout.site.engine.sharing import Sharing
from tests.unit.site.fake_engine import FakeEngine
fake = FakeEngine()
fake.bend = lambda argv: os.kill(os.getpid(), signal.SIGKILL)
place = Path(sys.argv[1])
probe.prove(fake, Sharing(user="0:0"), url="unix:///fake.sock", image="x", state=place / "state", folder=place)
"""


def test_recovery_removes_container_and_folder_of_a_killed_probe(fake: FakeEngine, tmp_path: Path) -> None:
    """The kill interrupts the request, but the engine creates the container all the same."""
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False, timeout=60)
    assert -signal.SIGKILL == done.returncode
    (record,) = (tmp_path / "state/probes").glob("*.json")
    name = json.loads(record.read_text())["name"]
    fake.start(name, "sleep", "60")
    assert (tmp_path / f".{name}").is_dir()
    assert () == probe_records.remove_stale(tmp_path / "state", lambda url: fake)  # type: ignore[arg-type,return-value]
    assert () == fake.left
    assert [] == seen(tmp_path)
    assert not (tmp_path / f".{name}").exists()


def test_a_kill_before_the_record_leaves_a_lock_that_recovery_removes(tmp_path: Path) -> None:
    folder = tmp_path / "probes"
    folder.mkdir()
    (folder / "xavos-probe-1.lock").touch()
    (folder / "xavos-probe-2.json").write_text('{"url": "unix:')
    assert () == probe_records.remove_stale(tmp_path, lambda url: pytest.fail("nothing was made"))
    assert [] == list(folder.iterdir())


def test_a_container_that_cannot_be_removed_is_reported_and_its_record_kept(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False, timeout=60)
    (line,) = probe_records.remove_stale(tmp_path / "state", lambda url: None)
    assert "its engine unix:///fake.sock does not answer" in line
    assert [True] == [path.suffix == ".json" for path in (tmp_path / "state/probes").glob("*.json")]


def test_a_probe_of_a_process_that_is_alive_is_left_alone(
    found: Engine, place: Options, fake: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def meanwhile(argv: list[str]) -> list[str]:
        removed = subprocess.run(
            [sys.executable, "-c", SETTLING, str(place.state)], capture_output=True, text=True, check=True, timeout=60
        )
        assert "()\n" == removed.stdout
        return argv

    fake.bend = meanwhile
    assert Sharing(user=USER) == find_sharing(found, image="forge:1", options=place)


SETTLING = """
import sys
from pathlib import Path
from rollout.site.engine import probe_records as probe
def connect(url): raise AssertionError("it is alive")
print(probe.remove_stale(Path(sys.argv[1]), connect))
"""


def test_an_unwritable_folder_is_named(found: Engine, place: Options, fake: FakeEngine) -> None:
    gone = dataclasses.replace(place, directory=Path("/proc/x/y"))
    with pytest.raises(FolderUnwritable, match="/proc"):
        find_sharing(found, image="forge:1", options=gone)
