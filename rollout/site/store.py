"""Content-addressed objects in the cache folder: files of checkpoints, manifests, database dumps.

Writes are atomic (temporary name, rename), an object's name is its digest: a kill leaves at worst a temporary file.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from rollout.errors import RolloutError
from rollout.site.manifest import Manifest, scan

# Never put into the store: settings of a site, which hold its secrets.
UNSTORED = (".env",)


class ObjectMissing(RolloutError):
    """A manifest or checkpoint names an object that is gone."""

    def __init__(self, *, digest: str, folder: Path) -> None:
        super().__init__(
            f"{folder} lacks the object {digest}.", advice="Empty the cache with `make clean-cache` and run again."
        )


class Store:
    """Objects below `folder`, two letters deep."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._used: set[str] = set()

    def path(self, digest: str) -> Path:
        return self.folder / digest[:2] / digest[2:]

    def has(self, digest: str) -> bool:
        return self.path(digest).exists()

    def put(self, data: bytes) -> str:
        """Keep bytes; returns their digest."""
        digest = hashlib.blake2b(data, digest_size=20).hexdigest()
        if not self._use(digest):
            with self._new(digest) as name:
                Path(name).write_bytes(data)
        return digest

    def get(self, digest: str) -> bytes:
        """Raises ObjectMissing, also where it is damaged (content may be lost with the power); then it goes."""
        try:
            data = self.path(digest).read_bytes()
        except FileNotFoundError:
            raise ObjectMissing(digest=digest, folder=self.folder) from None
        if hashlib.blake2b(data, digest_size=20).hexdigest() != digest:
            self.path(digest).unlink(missing_ok=True)
            raise ObjectMissing(digest=digest, folder=self.folder)
        return data

    def keep_tree(self, root: Path, manifest: Manifest) -> str:
        """Keep every file of a scanned tree and its manifest; returns the manifest's digest."""
        for relative, entry in manifest.entries.items():
            if entry[0] == "f" and not self._use(entry[4]):
                with self._new(entry[4]) as name:
                    shutil.copyfile(root / relative, name)
        return self.put(manifest.as_bytes())

    def manifest(self, digest: str) -> Manifest:
        return Manifest.from_bytes(self.get(digest))

    def has_tree(self, digest: str) -> bool:
        """True where the manifest and every file it names are here."""
        return self.has(digest) and all(
            self.has(entry[4]) for entry in self.manifest(digest).entries.values() if entry[0] == "f"
        )

    def restore_tree(self, root: Path, wanted: Manifest, current: Manifest | None = None) -> Manifest:
        """Make the tree below `root` equal to `wanted`; touches only what differs. Returns how it is afterwards.

        `current` is a scan of this moment, for callers that have one.
        """
        root.mkdir(parents=True, exist_ok=True)
        now = scan(root) if current is None else current
        superfluous = sorted(now.entries.keys() - wanted.entries.keys(), reverse=True)
        changed = [path for path, entry in wanted.entries.items() if now.entries.get(path) != entry]
        if not superfluous and not changed:
            return now
        for relative in (*superfluous, *(p for p in changed if p in now.entries)):
            if _kind(now, relative) == "d" and _kind(wanted, relative) == "d":
                continue
            _remove(root / relative)
        for relative in sorted(changed):
            self._restore(root / relative, wanted.entries[relative])
        for relative in sorted(changed, reverse=True):
            if _kind(wanted, relative) == "d":  # after what is in it: a folder's mode may forbid writing
                (root / relative).chmod(wanted.entries[relative][1])
        return scan(root, now)

    def _restore(self, path: Path, entry: tuple[str, int, int, int, str]) -> None:
        kind, mode, _size, mtime, content = entry
        if kind == "d":
            path.mkdir(parents=True, exist_ok=True)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        if kind == "l":
            path.symlink_to(content)
            return
        try:
            shutil.copyfile(self.path(content), path)
        except FileNotFoundError:
            raise ObjectMissing(digest=content, folder=self.folder) from None
        path.chmod(mode)
        os.utime(path, ns=(mtime, mtime))

    def prune(self, needed: Iterable[str], *, older_than: float) -> int:
        """Remove objects (and what killed runs left half written) that are not named and were last used before the time
        `older_than`; returns the bytes freed."""
        keep = set(needed)
        freed = 0
        for path in (*self.folder.glob("??/*"), *self.folder.glob("tmp-*")):
            with contextlib.suppress(FileNotFoundError):  # another run prunes too
                info = path.stat()
                if path.parent.name + path.name not in keep and info.st_ctime < older_than:
                    path.unlink()
                    freed += info.st_size
        return freed

    def drop_damaged(self, digests: Iterable[str]) -> None:
        """Remove those of these objects that are not what they are called, so that they are kept anew."""
        for digest in set(digests):
            with contextlib.suppress(FileNotFoundError):
                if hashlib.blake2b(self.path(digest).read_bytes(), digest_size=20).hexdigest() != digest:
                    self.path(digest).unlink()
                    self._used.discard(digest)

    def _use(self, digest: str) -> bool:
        """True where the object is here, which also makes it fresh: somebody is about to name it.

        Once is enough: a fresh object outlives this process (see `prune`).
        """
        if digest not in self._used:
            try:
                os.utime(self.path(digest))
            except FileNotFoundError:
                return False
            self._used.add(digest)
        return True

    def _new(self, digest: str) -> _Arriving:
        return _Arriving(self.path(digest))


class _Arriving:
    """A temporary file beside its destination; renamed on success, removed on failure."""

    def __init__(self, destination: Path) -> None:
        self._destination = destination

    def __enter__(self) -> str:
        self._destination.parent.mkdir(parents=True, exist_ok=True)
        handle, self._name = tempfile.mkstemp(dir=self._destination.parent.parent, prefix="tmp-")
        os.close(handle)
        return self._name

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            Path(self._name).replace(self._destination)
        else:
            Path(self._name).unlink()


def _kind(manifest: Manifest, relative: str) -> str | None:
    entry = manifest.entries.get(relative)
    return entry[0] if entry else None


def _remove(path: Path) -> None:
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
    else:
        shutil.rmtree(path)
