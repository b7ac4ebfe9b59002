"""Scans and restores cope with pipes, sockets, sparse files, read-only folders and vanishing files."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rollout.config.options import ROOT
from rollout.site.store import file_content, manifest
from rollout.site.store.manifest import differences, scan
from rollout.site.store.objects import Store
from rollout.site.store.tree_removal import remove_tree

NOBODY = 65534
TERABYTE = 1024**4
# Before giving up root, because the interpreter may be unreadable for other users.
IMPORTS = """
import json, os
from pathlib import Path
from rollout.site.store.manifest import scan, differences
from rollout.site.store.tree_removal import remove_tree
from rollout.site.store.objects import Store
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "root"
    made.mkdir()
    return made


class TestSpecialFiles:
    def test_is_in_the_manifest_and_never_opened(self, root: Path) -> None:
        """Opening a FIFO without a writer would block."""
        os.mkfifo(root / "pipe")
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(root / "socket"))
        (root / "empty").mkdir()
        kinds = {path: entry[0] for path, entry in scan(root).entries.items()}
        assert kinds == {"pipe": "p", "socket": "s", "empty": "d"}

    def test_goes_and_comes_back_with_the_tree(self, root: Path, tmp_path: Path) -> None:
        store = Store(tmp_path)
        os.mkfifo(root / "of before", 0o640)
        before = scan(root)
        digest = store.keep_tree(root, before)
        (root / "of before").unlink()
        os.mkfifo(root / "left")
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(root / "server"))
        restored = store.restore_tree(root, store.manifest(digest))
        assert differences(before, restored) == ()
        assert stat.S_ISFIFO((root / "of before").lstat().st_mode)
        assert not (root / "left").exists()
        assert not (root / "server").exists()

    def test_a_pipe_in_place_of_a_file_blocks_nothing(self, root: Path) -> None:
        """Between listing the folder and reading the file."""
        os.mkfifo(root / "file")
        with pytest.raises(file_content.NotAFile):
            file_content.content_of(str(root / "file"))
        with pytest.raises(file_content.NotAFile):
            list(file_content.chunks(str(root / "file"), "0" * 40))


class TestHoles:
    def sparse(self, path: Path) -> Path:
        with path.open("wb") as file:
            file.write(b"begin")
            file.seek(TERABYTE // 2)
            file.write(b"middle")
            try:
                file.truncate(TERABYTE)
            except OSError as error:
                pytest.skip(f"no such file can be here: {error}")
        return path

    def test_are_not_read(self, root: Path) -> None:
        """A terabyte is stored at once, because only a few bytes are data."""
        image = self.sparse(root / "disk.img")
        taken = scan(root)
        assert taken.entries["disk.img"][2] == TERABYTE
        assert taken.entries["disk.img"][4].startswith(file_content.SPARSE)
        with image.open("r+b") as file:
            file.seek(TERABYTE // 4)
            file.write(b"!")
        assert differences(taken, scan(root)) == ("file differs: disk.img",)

    def test_are_kept_and_restored_as_holes(self, root: Path, tmp_path: Path) -> None:
        store, image = Store(tmp_path), self.sparse(root / "disk.img")
        before = scan(root)
        digest = store.keep_tree(root, before)
        assert sum(pack.stat().st_size for pack in store.folder.iterdir()) < 1024**2
        image.unlink()
        restored = store.restore_tree(root, store.manifest(digest))
        assert differences(before, restored) == ()
        assert image.stat().st_blocks * 512 < 1024**2
        with image.open("rb") as file:
            file.seek(TERABYTE // 2)
            assert file.read(6) == b"middle"

    def test_are_copied_as_holes(self, root: Path) -> None:
        self.sparse(root / "disk.img")
        file_content.copy(str(root / "disk.img"), str(root / "copy.img"))
        first, second = (scan(root).entries[name] for name in ("disk.img", "copy.img"))
        assert first == second


def _into_a_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


class TestConcurrentChanges:
    @pytest.mark.parametrize(
        "becomes",
        [
            Path.unlink,
            lambda path: (path.unlink(), path.mkdir()),
            lambda path: (path.unlink(), path.symlink_to("/nowhere")),
            _into_a_fifo,
        ],
        ids=["nothing", "a folder", "a link", "a FIFO"],
    )
    def test_between_two_looks(
        self, root: Path, monkeypatch: pytest.MonkeyPatch, becomes: Callable[[Path], object]
    ) -> None:
        """The file is listed, and replaced before it is read."""
        (root / "stays").write_text("x")
        (root / "goes").write_text("x")
        real = manifest.digest_file

        def late(path: str) -> str:
            if path.endswith("goes"):
                becomes(root / "goes")
            return real(path)

        monkeypatch.setattr(manifest, "digest_file", late)
        assert set(scan(root).entries) == {"stays"}

    def test_a_folder_that_becomes_a_file(self, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (root / "sub").mkdir()
        (root / "sub" / "file").write_text("x")
        real = os.scandir

        def late(path: str) -> object:
            if path.endswith("sub"):
                (root / "sub").rename(tmp_path / "moved")
                (root / "sub").write_text("now a file")
            return real(path)

        monkeypatch.setattr(manifest.os, "scandir", late)  # type: ignore[attr-defined]
        assert scan(root).entries == {}

    def test_a_root_that_has_gone_is_empty(self, tmp_path: Path) -> None:
        assert scan(tmp_path / "gone").entries == {}

    def test_while_others_write(self, root: Path) -> None:
        """Forty scans of a tree during a build."""
        done = threading.Event()

        def build() -> None:
            while not done.is_set():
                (root / "a" / "b").mkdir(parents=True, exist_ok=True)
                for name in ("x", "y"):
                    (root / "a" / "b" / name).write_text("x")
                remove_tree(root / "a")

        builder = threading.Thread(target=build)
        builder.start()
        try:
            for _ in range(40):
                scan(root)
        finally:
            done.set()
            builder.join()

    def test_a_file_that_vanishes_before_it_is_stored_is_skipped(self, root: Path, tmp_path: Path) -> None:
        store = Store(tmp_path)
        (root / "stays").write_text("x")
        (root / "goes").write_text("y")
        taken = scan(root)
        (root / "goes").unlink()
        digest = store.keep_tree(root, taken)
        assert differences(taken, store.restore_tree(root, store.manifest(digest))) == ("file lost: goes",)


@pytest.fixture
def theirs() -> Iterator[Path]:
    """A folder of a plain user."""
    made = Path(tempfile.mkdtemp(prefix="xavos-plain-"))
    if os.geteuid() == 0:
        os.chown(made, NOBODY, NOBODY)
    yield made
    remove_tree(made)


def _as_plain_user(script: str, folder: Path) -> str:
    """Run Python as a plain user. Returns its output."""
    become = f"os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})" if os.geteuid() == 0 else ""
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{IMPORTS}\n{become}\n{script}"
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=False,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


class TestFoldersWithoutPermission:
    """As a plain user, because root ignores permissions."""

    def test_are_removed(self, theirs: Path) -> None:
        script = """
root = Path(sys.argv[1]) / "deps"
for name in ("a/b", "unreadable/c"):
    (root / name).mkdir(parents=True)
    (root / name / "file").write_text("x")
(root / "a" / "b").chmod(0o555); (root / "a").chmod(0o555); (root / "unreadable").chmod(0o000); root.chmod(0o500)
remove_tree(root)
print(root.exists())
"""
        assert _as_plain_user(script, theirs) == "False\n"

    def test_are_restored_to_what_they_were(self, theirs: Path) -> None:
        """A closed folder is opened, restored, and closed again if it was closed before."""
        script = """
home = Path(sys.argv[1]); root = home / "root"; store = Store(home)
(root / "shut").mkdir(parents=True); (root / "open").mkdir()
(root / "shut" / "file").write_text("of before"); (root / "open" / "file").write_text("of before")
(root / "shut").chmod(0o555)
before = scan(root); digest = store.keep_tree(root, before)
(root / "shut").chmod(0o755); (root / "shut" / "file").write_text("changed"); (root / "shut" / "new").write_text("n")
(root / "shut").chmod(0o555)
(root / "open" / "file").write_text("changed"); (root / "open").chmod(0o000)
(root / "left" / "deep").mkdir(parents=True); (root / "left" / "deep" / "f").write_text("x")
(root / "left" / "deep").chmod(0o444); (root / "left").chmod(0o555)
restored = store.restore_tree(root, store.manifest(digest))
print(json.dumps([differences(before, restored), oct((root / "shut").stat().st_mode & 0o777)]))
"""
        assert json.loads(_as_plain_user(script, theirs)) == [[], "0o555"]

    def test_unreadable_files_are_reported(self, theirs: Path) -> None:
        script = """
root = Path(sys.argv[1]) / "root"
(root / "sub").mkdir(parents=True); (root / "file").write_text("x")
(root / "file").chmod(0); (root / "sub").chmod(0)
found = scan(root)
Store(Path(sys.argv[1])).keep_tree(root, found)
print(json.dumps({path: entry[4] for path, entry in found.entries.items()}))
"""
        assert json.loads(_as_plain_user(script, theirs)) == {"sub": "unread", "file": "unread"}
