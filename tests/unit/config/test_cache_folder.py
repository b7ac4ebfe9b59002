"""An unusable cache folder is reported before the run starts, with advice."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from rollout.config.cache_folder import check_cache
from rollout.errors import FolderUnwritable


def test_a_missing_cache_folder_is_made(tmp_path: Path) -> None:
    """It is empty afterwards."""
    check_cache(tmp_path / "a" / "cache")
    assert [] == list((tmp_path / "a" / "cache").iterdir())


def test_a_file_in_place_of_the_cache_folder_is_an_error(tmp_path: Path) -> None:
    """The error names the variable and has the cause permission_denied."""
    (tmp_path / "cache").touch()
    with pytest.raises(FolderUnwritable, match="XAVOS_CACHE_DIR") as raised:
        check_cache(tmp_path / "cache")
    assert (str(tmp_path / "cache") in str(raised.value), "permission_denied") == (True, raised.value.cause)


@pytest.mark.parametrize("shut", [".", "packs", "gateway/rehearsal-1/blobs/ab"])
def test_a_folder_of_another_user_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shut: str) -> None:
    """The error names the folder: the cache itself, the store, or a deep folder of the gateway."""
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


def test_bundles_may_be_read_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bundle may be on a read-only medium."""
    (tmp_path / "bundles" / "default").mkdir(parents=True)
    monkeypatch.setattr("rollout.config.cache_folder.os.access", lambda path, mode: "bundles" not in str(path))
    check_cache(tmp_path)


def refusing(folder: Path) -> object:
    """A replacement for TemporaryFile that fails in `folder`."""
    original = tempfile.TemporaryFile

    def make(dir: Path) -> object:  # noqa: A002 - its name
        if dir == folder:
            raise PermissionError(13, "Permission denied")
        return original(dir=dir)

    return make
