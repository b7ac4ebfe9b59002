"""Stores checkpoints: the files and databases of a phase that passed, found again by key.

A checkpoint also holds the registry's answers to the phase (path → digest). It is valid only while the source still
gives these answers. So a new release upstream rebuilds only the phases that depend on it.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import filelock

from rollout.site.store.objects import Store
from rollout.site.store.tree_removal import remove_tree

SCHEMA = 2
LIMIT_BYTES = 4 * 1024**3


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The state after a phase. `tree` is the digest of a manifest, `dumps` maps dev and test to the digest of a dump or
    None, `packs` name the packs of the store that hold them."""

    key: str
    phase: str
    tree: str
    dumps: Mapping[str, str | None]
    asked: Mapping[str, str]
    seconds: float
    packs: tuple[str, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)
    schema: int = SCHEMA


class Checkpoints:
    """All checkpoints below the cache folder. The least recently used are removed beyond LIMIT_BYTES."""

    def __init__(self, cache: Path, store: Store) -> None:
        self._folder = cache / "checkpoints"
        self._lock = filelock.FileLock(cache / "checkpoints.lock")
        self.store = store

    def find(self, key: str) -> Checkpoint | None:
        """The checkpoint with this key; None if it or a pack that it needs is missing."""
        path = self._folder / f"{key}.json"
        try:
            data = json.loads(path.read_text())
            checkpoint = Checkpoint(**{**data, "packs": tuple(data["packs"])})
        except (OSError, ValueError, TypeError, KeyError):
            return None
        if checkpoint.schema != SCHEMA or not self.store.has_packs(checkpoint.packs):
            return None
        os.utime(path)
        return checkpoint

    def save(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint in one step and replace an older one. Its objects have to be in the store before."""
        self._folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=self._folder, prefix="tmp-")
        with os.fdopen(handle, "w") as file:
            json.dump(asdict(checkpoint), file)
        place = self._folder / f"{checkpoint.key}.json"
        if place.is_dir():
            remove_tree(place)
        Path(name).replace(place)

    def keep_within(self, limit: int = LIMIT_BYTES) -> int:
        """Remove the least recently used checkpoints until their packs fit the limit; returns the bytes freed.

        A pack is removed as a whole, if no checkpoint needs it. A pack that was used within a day stays: a run that is
        alive or was killed may need it for its rollback.
        """
        with self._lock:
            needed: set[str] = set()
            size = 0
            for path in sorted(self._folder.glob("*.json"), key=_used, reverse=True):
                packs = _packs(path)
                size += sum(self.store.size_of(pack) for pack in packs - needed)
                if size > limit or not packs:
                    remove_tree(path)
                else:
                    needed |= packs
            return self.store.prune(needed, older_than=time.time() - 86400)


def _used(path: Path) -> float:
    """When a checkpoint was last used; 0 if it has just been removed."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _packs(path: Path) -> frozenset[str]:
    """The packs that a checkpoint needs; none if it is unreadable or of an earlier version of the suite."""
    try:
        return frozenset(json.loads(path.read_text())["packs"])
    except (OSError, ValueError, TypeError, KeyError):
        return frozenset()


def chain(previous: str, *parts: object) -> str:
    """The key of a phase: a digest of the previous key and of all that the phase depends on."""
    data = json.dumps([previous, *parts], sort_keys=True, default=str).encode()
    return hashlib.blake2b(data, digest_size=20).hexdigest()


def digest_of_files(*roots: Path) -> str:
    """One digest of the names and contents of files and folders."""
    total = hashlib.blake2b(digest_size=20)
    for root in roots:
        files = sorted(p for p in root.rglob("*") if p.is_file()) if root.is_dir() else [root]
        for path in files:
            if "__pycache__" in path.parts:
                continue
            total.update(f"{path.relative_to(root) if root.is_dir() else path.name}\0".encode())
            total.update(path.read_bytes())
    return total.hexdigest()
