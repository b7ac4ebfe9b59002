"""Manifest and object store restore any changed tree exactly."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rollout.site.store.manifest import Manifest, differences, scan
from rollout.site.store.objects import ObjectMissing, Store
from tests.unit.fakes import spoil

NAMES = st.sampled_from(["a", "b", "c.ex", "sub", "ünï", "with space", "\udcff"])  # the last: a name that is not UTF-8
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
NODES = st.one_of(
    st.tuples(st.just("f"), st.binary(max_size=20), st.sampled_from([0o644, 0o600, 0o755, 0o444])),
    st.tuples(st.just("l"), st.sampled_from([b"a", b"/nowhere", b"../b"]), st.just(0)),
    st.tuples(st.just("d"), st.just(b""), st.sampled_from([0o755, 0o700])),
)
TREES = st.dictionaries(PATHS, NODES, max_size=12)
Tree = dict[str, tuple[str, bytes, int]]


def plant(root: Path, tree: Tree) -> None:
    """Create a tree below `root`. A path that blocks another one is replaced."""
    for relative, (kind, content, mode) in tree.items():
        path = root / relative
        if any(parent.is_symlink() or parent.is_file() for parent in _between(root, path)):
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_symlink() or path.is_file():
            path.unlink()
        elif path.is_dir():
            shutil.rmtree(path)
        if kind == "f":
            path.write_bytes(content)
            path.chmod(mode)
        elif kind == "l":
            path.symlink_to(os.fsdecode(content))
        else:
            path.mkdir()
            path.chmod(mode)


def _between(root: Path, path: Path) -> list[Path]:
    return [parent for parent in path.parents if root in parent.parents]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(before=TREES, damage=TREES, lost=st.integers(0, 3))
def test_a_changed_tree_is_restored_exactly(before: Tree, damage: Tree, lost: int) -> None:
    """Added, changed, removed and replaced files, links and folders are equal again, with mode and mtime."""
    with tempfile.TemporaryDirectory() as folder:
        root, store = Path(folder, "root"), Store(Path(folder))
        root.mkdir()
        plant(root, before)
        wanted = scan(root)
        digest = store.keep_tree(root, wanted)
        for path in sorted(root.iterdir())[:lost]:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        plant(root, damage)
        returned = store.restore_tree(root, store.manifest(digest))
        assert () == differences(wanted, scan(root))
        assert wanted == returned
        assert digest == scan(root).digest


@given(tree=TREES)
@settings(max_examples=30, deadline=None)
def test_a_manifest_can_be_serialised(tree: Tree) -> None:
    """Entries and digest are equal after reading, with any file names."""
    with tempfile.TemporaryDirectory() as folder:
        plant(Path(folder), tree)
        taken = scan(Path(folder))
        assert taken == Manifest.from_bytes(taken.as_bytes())
        assert taken.digest == Manifest.from_bytes(taken.as_bytes()).digest


def test_the_nanoseconds_of_a_file_are_state(tmp_path: Path) -> None:
    """Mix compiles by mtimes, so they are restored exactly."""
    store, root = Store(tmp_path), tmp_path / "root"
    root.mkdir()
    (root / "a.beam").write_bytes(b"x")
    os.utime(root / "a.beam", ns=(1, 1_700_000_000_123_456_789))
    digest = store.keep_tree(root, scan(root))
    os.utime(root / "a.beam")
    assert ("file differs: a.beam",) == differences(store.manifest(digest), scan(root))
    store.restore_tree(root, store.manifest(digest))
    assert 1_700_000_000_123_456_789 == (root / "a.beam").stat().st_mtime_ns


def test_a_change_that_keeps_size_and_mtime_is_noticed(tmp_path: Path) -> None:
    """Even right after the scan, because recently changed files are read again."""
    path = tmp_path / "file"
    for number in range(30):
        path.write_bytes(b"before")
        os.utime(path, ns=(1_000_000_000, 1_000_000_000))
        first = scan(tmp_path)
        path.write_bytes(b"behind")
        os.utime(path, ns=(1_000_000_000, 1_000_000_000))
        assert ("file differs: file",) == differences(first, scan(tmp_path, first)), f"attempt {number}"


def test_an_unchanged_tree_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One lstat per file, once files are older than the clock's granularity."""
    (tmp_path / "file").write_bytes(b"x")
    time.sleep(0.15)
    first = scan(tmp_path)

    def read(path: str) -> str:
        raise AssertionError(f"{path} was read")

    monkeypatch.setattr("rollout.site.store.manifest.digest_file", read)
    assert first == scan(tmp_path, first)


def test_equal_content_is_stored_once(tmp_path: Path) -> None:
    """Objects are named by content. Stored objects need no new pack."""
    root, store = tmp_path / "root", Store(tmp_path)
    root.mkdir()
    for name in "abc":
        (root / name).write_bytes(b"same" * 1000)
    digest = store.keep_tree(root, scan(root))
    (pack,) = store.folder.iterdir()
    assert 4000 < pack.stat().st_size < 8000
    assert digest == store.keep_tree(root, scan(root))
    store.put(b"same" * 1000)
    assert [pack] == list(store.folder.iterdir())


def test_a_missing_object_is_named(tmp_path: Path) -> None:
    """The error names it and gives advice. A tree is restored without it."""
    root, store = tmp_path / "root", Store(tmp_path)
    (root / "sub").mkdir(parents=True)
    (root / "sub" / "a").write_bytes(b"content")
    (root / "b").write_bytes(b"more")
    wanted = scan(root)
    store.keep_tree(root, wanted)
    spoil(store.folder, wanted.entries["sub/a"][4], b"x")
    shutil.rmtree(root)
    restored = store.restore_tree(root, wanted)
    assert ("file lost: sub/a",) == differences(wanted, restored)
    assert restored == scan(root)
    with pytest.raises(ObjectMissing, match="make clean-cache"):
        store.get(wanted.entries["sub/a"][4])


def test_a_damaged_object_is_stored_again(tmp_path: Path) -> None:
    """Reading detects it. From then on it is missing, and a newer copy is used."""
    store = Store(tmp_path)
    digest = store.put(b"content")
    store.put(b"another")
    spoil(store.folder, digest, b"\0")
    with pytest.raises(ObjectMissing):
        store.get(digest)
    assert not store.has(digest)
    assert digest == store.put(b"content")
    assert (b"content", b"content") == (store.get(digest), Store(tmp_path).get(digest))


def test_a_file_that_changes_while_it_is_stored_gets_no_wrong_digest(tmp_path: Path) -> None:
    """Another process wrote to it after the scan."""
    root, store = tmp_path / "root", Store(tmp_path)
    root.mkdir()
    for name in "abc":
        (root / name).write_bytes(name.encode())
    wanted = scan(root)
    (root / "b").write_bytes(b"changed")
    store.keep_tree(root, wanted)
    shutil.rmtree(root)
    assert ("file lost: b",) == differences(wanted, store.restore_tree(root, wanted))


def test_restored_files_are_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They were verified when written. Later scans cost one lstat per file."""
    root, store = tmp_path / "root", Store(tmp_path)
    root.mkdir()
    (root / "a").write_bytes(b"x")
    wanted = scan(root)
    store.keep_tree(root, wanted)
    (root / "a").unlink()

    def read(path: str) -> str:
        raise AssertionError(f"{path} was read")

    monkeypatch.setattr("rollout.site.store.manifest.digest_file", read)
    assert wanted == store.restore_tree(root, wanted)


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_that_cannot_be_written_is_restored(tmp_path: Path) -> None:
    """Its files are restored first, then its mode."""
    root, store = tmp_path / "root", Store(tmp_path)
    (root / "shut").mkdir(parents=True)
    (root / "shut" / "a").write_bytes(b"x")
    (root / "shut").chmod(0o555)
    wanted = scan(root)
    store.keep_tree(root, wanted)
    (root / "shut").chmod(0o755)
    (root / "shut" / "a").unlink()
    store.restore_tree(root, wanted)
    assert () == differences(wanted, scan(root))
    (root / "shut").chmod(0o755)
