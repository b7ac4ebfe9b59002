"""Packs are written whole or not at all, found by every process, and pruned only after long disuse."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rollout.config.options import ROOT
from rollout.site.store.objects import FOLDER, Store
from rollout.site.store.packs import Packs

_DAY = 86400


def packs(cache: Path) -> list[str]:
    """The names of all files in the store."""
    return sorted(path.name for path in (cache / FOLDER).iterdir())


def age(cache: Path, *, days: float) -> None:
    """Make everything in the store look unused for so long."""
    for path in (cache / FOLDER).iterdir():
        os.utime(path, (time.time() - days * _DAY,) * 2)


def test_another_process_finds_a_stored_object(tmp_path: Path) -> None:
    """Even a process that has read the folder before."""
    one, two = Store(tmp_path), Store(tmp_path)
    first = one.put(b"first")
    assert two.has(first)
    assert b"second" == two.get(one.put(b"second"))


@pytest.mark.parametrize("keep", [0, 10, -1])
def test_a_truncated_pack_is_ignored(tmp_path: Path, keep: int) -> None:
    """After a power loss its objects are missing, and are stored again."""
    digest = Store(tmp_path).put(b"data" * 10)
    (path,) = (tmp_path / FOLDER).iterdir()
    path.write_bytes(path.read_bytes()[:keep])
    store = Store(tmp_path)
    assert not store.has(digest)
    store.put(b"data" * 10)
    assert b"data" * 10 == Store(tmp_path).get(digest)


def test_a_pack_with_a_damaged_index_is_ignored(tmp_path: Path) -> None:
    """An index with a wrong digest could contain anything."""
    digest = Store(tmp_path).put(b"data")
    (path,) = (tmp_path / FOLDER).iterdir()
    data = bytearray(path.read_bytes())
    data[10] ^= 1
    path.write_bytes(data)
    assert not Store(tmp_path).has(digest)


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk fills up during a pack: no half pack and no temporary file is left."""
    store = Store(tmp_path)

    def fail(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("rollout.site.store.packs.os.fsync", fail)
    with pytest.raises(OSError, match="No space"):
        store.put(b"data")
    assert [] == packs(tmp_path)
    monkeypatch.undo()
    assert b"data" == store.get(store.put(b"data"))


@pytest.mark.parametrize("amid", ["write", "fsync", "replace"])
def test_a_kill_while_a_pack_is_written_leaves_the_others(tmp_path: Path, amid: str) -> None:
    """At worst a temporary file is left, which pruning removes. Earlier objects are found."""
    before = Store(tmp_path).put(b"before")
    patched = {
        "write": "packs.PackWriter.finish = lambda self: die()",
        "fsync": "os.fsync = lambda handle: die()",
        "replace": "pathlib.Path.replace = lambda self, other: die()",
    }[amid]
    script = f"""
import os, pathlib
from rollout.site.store import packs
from rollout.site.store.objects import Store
def die(): os.kill(os.getpid(), 9)
{patched}
Store(pathlib.Path({str(tmp_path)!r})).put(b"data" * 100000)
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, check=False, timeout=60)
    assert -signal.SIGKILL == done.returncode, done.stderr
    store = Store(tmp_path)
    assert b"before" == store.get(before)
    assert 2 == len(packs(tmp_path))
    age(tmp_path, days=2)
    store.prune([name for name in packs(tmp_path) if name.endswith(".pack")], older_than=time.time() - _DAY)
    assert 1 == len(packs(tmp_path))


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads and writes everywhere")
def test_a_pack_of_another_user_is_left_alone(tmp_path: Path) -> None:
    """Two users of one cache: an unreadable pack is treated as missing."""
    digest = Store(tmp_path).put(b"data")
    (path,) = (tmp_path / FOLDER).iterdir()
    path.chmod(0)
    store = Store(tmp_path)
    assert not store.has(digest)
    assert b"data" == store.get(store.put(b"data"))


class TestPrune:
    """Removes packs that are not needed, unless they were used recently."""

    def test_only_old_unneeded_packs_are_removed(self, tmp_path: Path) -> None:
        """Needed packs stay. The freed bytes are returned."""
        store = Store(tmp_path)
        needed, other = store.put(b"needed"), store.put(b"other")
        place = Packs(store.folder).find(needed)
        assert place is not None
        before = sum(store.size_of(name) for name in packs(tmp_path))
        assert 0 == store.prune((), older_than=time.time() - _DAY)
        age(tmp_path, days=2)
        freed = store.prune([place.pack], older_than=time.time() - _DAY)
        assert before - freed == store.size_of(place.pack) > 0
        assert (True, False) == (Store(tmp_path).has(needed), Store(tmp_path).has(other))

    def test_using_an_object_marks_its_pack_as_used(self, tmp_path: Path) -> None:
        """A run that stores an existing object may refer to it later, so its pack must stay."""
        digest = Store(tmp_path).put(b"old")
        age(tmp_path, days=2)
        store = Store(tmp_path)
        store.put(b"old")
        assert 0 == store.prune((), older_than=time.time() - _DAY)
        assert store.has(digest)

    def test_a_pack_that_vanishes_is_written_again(self, tmp_path: Path) -> None:
        """Another process knew it but had not used it when it was removed."""
        store = Store(tmp_path)
        digest = store.put(b"old")
        store = Store(tmp_path)
        assert store.has(digest)
        Store(tmp_path).prune((), older_than=time.time() + _DAY)
        assert digest == store.put(b"old")
        assert b"old" == Store(tmp_path).get(digest)

    def test_a_pack_that_is_used_during_pruning_is_renamed_back(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It is used between the check of its age and its removal."""
        store = Store(tmp_path)
        digest = store.put(b"old")
        age(tmp_path, days=2)
        replace = Path.replace

        def late(self: Path, target: Path) -> Path:
            os.utime(self)
            return replace(self, target)

        monkeypatch.setattr(Path, "replace", late)
        assert 0 == store.prune((), older_than=time.time() - _DAY)
        assert b"old" == Store(tmp_path).get(digest)

    def test_temporary_files_of_killed_runs_are_removed(self, tmp_path: Path) -> None:
        """A kill during a pack leaves one. Pruning removes it."""
        store = Store(tmp_path)
        store.put(b"data")
        (store.folder / "tmp-abc").write_bytes(b"half")
        age(tmp_path, days=2)
        store.prune((), older_than=time.time() - _DAY)
        assert [] == packs(tmp_path)
