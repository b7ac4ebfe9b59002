"""The store on disk."""

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


def test_what_is_put_is_got(tmp_path: Path) -> None:
    """By another HttpCache on the same folder too."""
    entry = _put(HttpCache(tmp_path), "/names", b"names")
    assert entry == HttpCache(tmp_path).get("hex", "/names")
    assert b"names" == HttpCache(tmp_path).file(entry.sha256).read_bytes()
    assert HttpCache(tmp_path).get("npm", "/names") is None


def test_scratch_leaves_nothing_behind(tmp_path: Path) -> None:
    """Whatever happens in between."""
    store = HttpCache(tmp_path)
    with pytest.raises(ZeroDivisionError), store.scratch() as scratch:
        scratch.write(b"half")
        raise ZeroDivisionError
    assert [] == list(tmp_path.glob("scratch/*"))


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"area": "hex"}'])
def test_a_damaged_entry_is_dropped(tmp_path: Path, damage: bytes) -> None:
    """As if it had never been there."""
    store = HttpCache(tmp_path)
    _put(store, "/names", b"names")
    (place,) = tmp_path.glob("entries/*/*.json")
    place.write_bytes(damage)
    assert store.get("hex", "/names") is None


def test_pruning_takes_the_longest_unused_first(tmp_path: Path) -> None:
    """Until it fits."""
    store = HttpCache(tmp_path)
    old, new = _put(store, "/old", b"o" * 100), _put(store, "/new", b"n" * 100)
    os.utime(store.file(old.sha256), (1, 1))
    assert (200, 100, 100) == (store.size(), store.prune(most=150), store.size())
    assert (None, new) == (store.get("hex", "/old"), store.get("hex", "/new"))
    assert 0 == store.prune(most=150)


def test_writing_replaces_in_one_step(tmp_path: Path) -> None:
    """No part files."""
    target = tmp_path / "file"
    write_atomically(target, b"one")
    write_atomically(target, b"two")
    assert (b"two", [target]) == (target.read_bytes(), list(tmp_path.iterdir()))


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """With the way out: XAVOS_CACHE_DIR."""
    (tmp_path / "file").write_text("")
    with pytest.raises(CacheUnwritable, match="XAVOS_CACHE_DIR"):
        HttpCache(tmp_path / "file" / "cache")
