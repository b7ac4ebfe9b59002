"""Checkpoints: a passed phase's files and databases, restorable by key into any site of the same kind.

A checkpoint also remembers what the phase asked of the registry (path → digest of the answer). It is good only while
the source still gives those answers, so a new release upstream rebuilds what depends on it and nothing else.
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

from rollout.site.store import ObjectMissing, Store

SCHEMA = 1
LIMIT_BYTES = 4 * 1024**3


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """What a phase left: `tree` is a manifest's digest, `dumps` maps dev/test to a dump's digest or None."""

    key: str
    phase: str
    tree: str
    dumps: Mapping[str, str | None]
    asked: Mapping[str, str]
    seconds: float
    facts: Mapping[str, Any] = field(default_factory=dict)
    schema: int = SCHEMA


class Checkpoints:
    """All checkpoints below the cache folder, bounded to LIMIT_BYTES by least recent use."""

    def __init__(self, cache: Path) -> None:
        self._folder = cache / "checkpoints"
        self._lock = filelock.FileLock(cache / "checkpoints.lock")
        self._cache = cache
        self.store = Store(cache / "objects")

    def find(self, key: str) -> Checkpoint | None:
        """The checkpoint of this key where it and all it names are here."""
        path = self._folder / f"{key}.json"
        try:
            checkpoint = Checkpoint(**json.loads(path.read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None
        try:
            whole = self.store.has_tree(checkpoint.tree)
        except ObjectMissing:  # its manifest is damaged
            whole = False
        whole = whole and all(self.store.has(dump) for dump in checkpoint.dumps.values() if dump)
        if not whole or checkpoint.schema != SCHEMA:
            return None
        os.utime(path)
        return checkpoint

    def save(self, checkpoint: Checkpoint) -> None:
        """Write it, atomically and last, after its objects."""
        self._folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=self._folder, prefix="tmp-")
        with os.fdopen(handle, "w") as file:
            json.dump(asdict(checkpoint), file)
        Path(name).replace(self._folder / f"{checkpoint.key}.json")

    def keep_within(self, limit: int = LIMIT_BYTES) -> int:
        """Forget the least recently used checkpoints until their objects fit; returns bytes freed.

        Objects used within a day stay: a run that is alive or was killed may need them to roll back.
        """
        with self._lock:
            needed: set[str] = set()
            size = 0
            for path in sorted(self._folder.glob("*.json"), key=lambda p: p.stat().st_mtime, reverse=True):
                objects = self._objects(path)
                size += sum(self._size(digest) for digest in objects - needed)
                if size > limit:
                    path.unlink(missing_ok=True)
                else:
                    needed |= objects
            return self.store.prune(needed, older_than=time.time() - 86400)

    def _objects(self, path: Path) -> set[str]:
        try:
            data = json.loads(path.read_text())
            tree = self.store.manifest(data["tree"])
        except Exception:  # noqa: BLE001 - a checkpoint that cannot be read names nothing
            return set()
        files = {entry[4] for entry in tree.entries.values() if entry[0] == "f"}
        return {data["tree"], *files, *(dump for dump in data["dumps"].values() if dump)}

    def _size(self, digest: str) -> int:
        try:
            return self.store.path(digest).stat().st_size
        except FileNotFoundError:
            return 0


def chain(previous: str, *parts: object) -> str:
    """The key of a phase: everything before it and everything it is made of."""
    data = json.dumps([previous, *parts], sort_keys=True, default=str).encode()
    return hashlib.blake2b(data, digest_size=20).hexdigest()


def digest_of_files(*roots: Path) -> str:
    """One digest over files and folders (names and contents), for keys."""
    total = hashlib.blake2b(digest_size=20)
    for root in roots:
        files = sorted(p for p in root.rglob("*") if p.is_file()) if root.is_dir() else [root]
        for path in files:
            if "__pycache__" in path.parts:
                continue
            total.update(f"{path.relative_to(root) if root.is_dir() else path.name}\0".encode())
            total.update(path.read_bytes())
    return total.hexdigest()
