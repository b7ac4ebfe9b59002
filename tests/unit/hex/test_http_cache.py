"""The HTTP cache on disk."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rollout.hex.errors import CacheUnwritable
from rollout.hex.http_cache import Entry, HttpCache, write_atomically


def _put(store: HttpCache, path: str, body: bytes) -> Entry:
    with store.scratch() as scratch:
        scratch.write(body)
        return store.put(scratch, area="hex", path=path, content_type="text/plain", etag='"1"')


def test_get_returns_what_put_stored(tmp_path: Path) -> None:
    """Through another HttpCache on the same folder too."""
    entry = _put(HttpCache(tmp_path), "/names", b"names")
    assert entry == HttpCache(tmp_path).get("hex", "/names")
    assert b"names" == HttpCache(tmp_path).file(entry.sha256).read_bytes()
    assert HttpCache(tmp_path).get("npm", "/names") is None


def test_scratch_files_are_removed(tmp_path: Path) -> None:
    """After an exception too."""
    store = HttpCache(tmp_path)
    with pytest.raises(ZeroDivisionError), store.scratch() as scratch:
        scratch.write(b"half")
        raise ZeroDivisionError
    assert [] == list(tmp_path.glob("scratch/*"))


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"area": "hex"}'])
def test_a_damaged_entry_is_removed(tmp_path: Path, damage: bytes) -> None:
    """It counts as missing."""
    store = HttpCache(tmp_path)
    _put(store, "/names", b"names")
    (place,) = tmp_path.glob("entries/*/*.json")
    place.write_bytes(damage)
    assert store.get("hex", "/names") is None


def test_pruning_removes_the_least_recently_used_first(tmp_path: Path) -> None:
    """Until the rest fits."""
    store = HttpCache(tmp_path)
    old, new = _put(store, "/old", b"o" * 100), _put(store, "/new", b"n" * 100)
    os.utime(store.file(old.sha256), (1, 1))
    assert (200, 100, 100) == (store.size(), store.prune(most=150), store.size())
    assert (None, new) == (store.get("hex", "/old"), store.get("hex", "/new"))
    assert 0 == store.prune(most=150)


def test_writing_is_atomic(tmp_path: Path) -> None:
    """It leaves no partial file."""
    target = tmp_path / "file"
    write_atomically(target, b"one")
    write_atomically(target, b"two")
    assert (b"two", [target]) == (target.read_bytes(), list(tmp_path.iterdir()))


def test_an_unwritable_folder_is_reported(tmp_path: Path) -> None:
    """The advice names XAVOS_CACHE_DIR."""
    (tmp_path / "file").write_text("")
    with pytest.raises(CacheUnwritable, match="XAVOS_CACHE_DIR"):
        HttpCache(tmp_path / "file" / "cache")
