"""After SIGKILL at any moment, journal and secrets suffice to remove everything of the run and nothing else."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import docker
import pytest

from rollout.journal import pending_undos, read_events
from rollout.site.postgres import EmbeddedServer, attach, differences, facts
from tests.integration.postgres.conftest import new_run
from tests.integration.postgres.deployment import DATABASES, ROLE, undo

_ROOT = Path(__file__).parents[3]


def _run(
    what: str, place: str, folder: Path, argument: str
) -> tuple[subprocess.CompletedProcess[str], Mapping[str, Any]]:
    """Run acts in another process until it dies. Returns how it ended, and its pending undos."""
    command = [
        sys.executable,
        "-m",
        "tests.integration.postgres.victim",
        what,
        place,
        str(folder),
        new_run(),
        argument,
    ]
    ended = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, timeout=90, check=False)
    acts = pending_undos(read_events(folder / "journal.jsonl"))
    assert 1 == len(acts), ended.stderr
    return ended, acts[0].undo


def _secrets(folder: Path) -> dict[str, str]:
    found: dict[str, str] = json.loads((folder / "secrets.json").read_text())
    return found


def test_between_the_intent_and_the_role(theirs: EmbeddedServer, tmp_path: Path) -> None:
    """The role was announced but not created. The decoys stay."""
    url = f"postgresql://boss:boss-password@127.0.0.1:{theirs.port}/postgres"
    before = facts(theirs, DATABASES, ROLE)
    ended, record = _run("role", "before-role", tmp_path, url)
    assert -signal.SIGKILL == ended.returncode

    assert f"role {ROLE} was not there" == undo(record, _secrets(tmp_path))

    assert () == differences(before, facts(theirs, DATABASES, ROLE))


def test_after_the_role(theirs: EmbeddedServer, tmp_path: Path) -> None:
    """The role and its databases of the record are removed, also by a second undo. Others stay."""
    before = facts(theirs, DATABASES, ROLE)
    _, record = _run("role", "never", tmp_path, f"postgresql://boss:boss-password@127.0.0.1:{theirs.port}/postgres")
    with theirs.connect() as connection:
        connection.execute(f"CREATE DATABASE {DATABASES[0]} OWNER {ROLE}")
        connection.execute(f"CREATE DATABASE {DATABASES[1]} OWNER xavos2")
    try:
        assert f"role {ROLE} removed with {DATABASES[0]}" == undo(record, _secrets(tmp_path))
        assert (f"database left behind: {DATABASES[1]}",) == differences(before, facts(theirs, DATABASES, ROLE))
    finally:
        with theirs.connect() as connection:
            connection.execute(f"DROP DATABASE {DATABASES[1]}")
    assert f"role {ROLE} was not there" == undo(record, _secrets(tmp_path))


@pytest.mark.parametrize("place", ["before-container", "before-answer", "never"])
def test_a_container_at_any_moment(place: str, image: str, tmp_path: Path) -> None:
    """Announced, started or finished: it is gone afterwards, with its volumes."""
    ended, record = _run("container", place, tmp_path, image)
    assert (0 if place == "never" else -signal.SIGKILL) == ended.returncode, ended.stderr

    volumes = _volumes(record["name"])
    said = undo(record)

    assert f"container {record['name']} " + ("was not there" if place == "before-container" else "removed") == said
    assert f"container {record['name']} was not there" == undo(record)
    with contextlib.closing(docker.from_env()) as client:
        assert volumes.isdisjoint(volume.name for volume in client.volumes.list())


def _volumes(name: str) -> set[str]:
    """The volumes of the container; empty if it does not exist."""
    with contextlib.closing(docker.from_env()) as client:
        found = client.containers.list(all=True, filters={"name": f"^/?{name}$"})
        return {mount["Name"] for container in found for mount in container.attrs["Mounts"] if "Name" in mount}


@pytest.mark.parametrize("place", ["before-folder", "before-initdb", "before-answering", "never"])
def test_an_embedded_server_at_any_moment(place: str, tmp_path: Path) -> None:
    """Announced, half created or running: its folder and all its processes are gone afterwards."""
    ended, record = _run("embedded", place, tmp_path, "")
    assert (0 if place == "never" else -signal.SIGKILL) == ended.returncode, ended.stderr
    assert os.path.lexists(record["folder"]) == (place != "before-folder")

    undo(record)

    assert not os.path.lexists(record["folder"])
    assert not [line for line in _command_lines() if record["folder"] in line]
    assert f"{record['folder']} was not there" == undo(record)


def _command_lines() -> list[str]:
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            lines.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return lines


@pytest.mark.parametrize("what", ["container", "embedded"])
def test_a_kept_server_outlives_its_process(what: str, image: str, tmp_path: Path) -> None:
    """It is found by record and secrets, even after it was stopped."""
    _, record = _run(what, "never", tmp_path, image)
    try:
        server = attach(record, _secrets(tmp_path))
        port = server.port
        server.pause()
        with attach(record, _secrets(tmp_path)).connect() as connection:
            assert (1,) == connection.execute("SELECT 1").fetchone()
        assert port == server.port
    finally:
        undo(record)
