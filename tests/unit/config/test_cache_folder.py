"""A cache folder that cannot be used is named before the run begins, with the way out."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from rollout.config.cache_folder import check_cache
from rollout.errors import FolderUnwritable


def test_one_that_is_not_there_yet_is_made(tmp_path: Path) -> None:
    """And nothing is left in it."""
    check_cache(tmp_path / "a" / "cache")
    assert [] == list((tmp_path / "a" / "cache").iterdir())


def test_a_file_in_its_place(tmp_path: Path) -> None:
    """No folder can be made there."""
    (tmp_path / "cache").touch()
    with pytest.raises(FolderUnwritable, match="XAVOS_CACHE_DIR") as raised:
        check_cache(tmp_path / "cache")
    assert (str(tmp_path / "cache") in str(raised.value), "permission_denied") == (True, raised.value.cause)


@pytest.mark.parametrize("shut", [".", "packs", "gateway/rehearsal-1/blobs/ab"])
def test_a_folder_of_another_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shut: str) -> None:
    """Of the cache itself, of the store, or of one of the gateway's many: that folder is named."""
    folder = tmp_path / shut
    folder.mkdir(parents=True, exist_ok=True)
    check_cache(tmp_path)
    if os.geteuid():
        folder.chmod(0o555)
    else:  # root may write everywhere
        monkeypatch.setattr("rollout.config.cache_folder.os.access", lambda path, mode: Path(path) != folder)
        monkeypatch.setattr("rollout.config.cache_folder.tempfile.TemporaryFile", refusing(folder))
    with pytest.raises(FolderUnwritable, match="XAVOS_CACHE_DIR") as raised:
        check_cache(tmp_path)
    assert f"{folder} cannot be written" in str(raised.value)


def test_bundles_are_not_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They may be on a medium that cannot be written."""
    (tmp_path / "bundles" / "default").mkdir(parents=True)
    monkeypatch.setattr("rollout.config.cache_folder.os.access", lambda path, mode: "bundles" not in str(path))
    check_cache(tmp_path)


def refusing(folder: Path) -> object:
    """A TemporaryFile that cannot be made in `folder`."""
    original = tempfile.TemporaryFile

    def make(dir: Path) -> object:  # noqa: A002 - its name
        if dir == folder:
            raise PermissionError(13, "Permission denied")
        return original(dir=dir)

    return make
