"""The gateway's disk cache: each response body under its SHA-256, and one entry for each URL path.

Every file is written atomically, so several processes can share a cache.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import BinaryIO

from rollout.hex.errors import CacheUnwritable

SCHEMA = 1
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A cached response. `checked_at` (epoch seconds) is when the upstream last sent or confirmed it.

    `lifetime` is for how many seconds from then on the upstream allows its use, None where it does not say.
    `upstream_etag` and `upstream_modified` are the validators for revalidation.
    """

    area: str
    path: str
    sha256: str
    size: int
    checked_at: float
    content_type: str | None = None
    upstream_etag: str | None = None
    upstream_modified: str | None = None
    lifetime: float | None = None
    schema: int = SCHEMA


class PartialBody:
    """A response body that is being received into a file; counts and hashes what is written."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self.path = path
        self.size = 0

    def write(self, chunk: bytes) -> int:
        self._digest.update(chunk)
        self.size += len(chunk)
        return self._file.write(chunk)

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def finish(self) -> None:
        """Sync the file to disk."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def read(self) -> bytes:
        self._file.flush()
        return self.path.read_bytes()


class HttpCache:
    """The cached responses of one source, in a folder. Several processes may use it: every change is one rename."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._blobs = folder / "blobs"
        self._entries = folder / "entries"
        self._scratch = folder / "scratch"
        try:
            for each in (self._blobs, self._entries, self._scratch):
                each.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CacheUnwritable(folder=folder, problem=error.strerror or str(error)) from error

    def file(self, sha256: str) -> Path:
        return self._blobs / sha256[:2] / sha256

    def get(self, area: str, path: str) -> Entry | None:
        """The entry of a path, or None. An entry whose body is missing or damaged is removed first."""
        place = self._place(area, path)
        try:
            entry = Entry(**json.loads(place.read_bytes()))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, OSError):
            _drop(place)
            return None
        if entry.schema != SCHEMA or (entry.area, entry.path) != (area, path):
            return None
        if not self._is_whole(entry):
            _drop(place)
            _drop(self.file(entry.sha256))
            return None
        return entry

    @contextlib.contextmanager
    def scratch(self) -> Iterator[PartialBody]:
        """A temporary file on the cache's disk, removed at the end unless `put` has stored it."""
        handle, name = tempfile.mkstemp(dir=self._scratch)
        path = Path(name)
        with os.fdopen(handle, "w+b") as file:
            try:
                yield PartialBody(file, path)
            finally:
                path.unlink(missing_ok=True)

    def put(
        self,
        scratch: PartialBody,
        *,
        area: str,
        path: str,
        content_type: str | None,
        etag: str | None = None,
        modified: str | None = None,
        lifetime: float | None = None,
    ) -> Entry:
        """Store a received body as the response for `path`."""
        scratch.finish()
        target = self.file(scratch.sha256)
        target.parent.mkdir(exist_ok=True)
        if target.is_dir():
            _drop(target)
        scratch.path.replace(target)
        entry = Entry(
            area=area,
            path=path,
            sha256=scratch.sha256,
            size=scratch.size,
            checked_at=time.time(),
            content_type=content_type,
            upstream_etag=etag,
            upstream_modified=modified,
            lifetime=lifetime,
        )
        self._write(entry)
        return entry

    def confirm(self, entry: Entry, *, lifetime: float | None = None) -> Entry:
        """Record that the upstream has just confirmed the entry (304)."""
        confirmed = replace(entry, checked_at=time.time(), lifetime=lifetime)
        self._write(confirmed)
        return confirmed

    def size(self) -> int:
        """Total size of all bodies, in bytes."""
        return sum(size for _path, size, _used in self._bodies())

    def prune(self, *, most: int) -> int:
        """Remove the least recently used bodies until at most `most` bytes are left. Returns the bytes removed."""
        bodies = sorted(self._bodies(), key=lambda body: body[2])
        over = sum(size for _path, size, _used in bodies) - most
        freed = 0
        for path, size, _used in bodies:
            if freed >= over:
                break
            _drop(path)
            freed += size
        return freed

    def _bodies(self) -> Iterator[tuple[Path, int, float]]:
        for path in self._blobs.glob("*/*"):
            with contextlib.suppress(FileNotFoundError):
                status = path.stat()
                yield path, status.st_size, status.st_mtime

    def _place(self, area: str, path: str) -> Path:
        name = hashlib.sha256(f"{area}\0{path}".encode()).hexdigest()
        return self._entries / name[:2] / f"{name}.json"

    def _is_whole(self, entry: Entry) -> bool:
        path = self.file(entry.sha256)
        digest = hashlib.sha256()
        try:
            with path.open("rb") as file:
                while chunk := file.read(_BLOCK):
                    digest.update(chunk)
            with contextlib.suppress(OSError):
                os.utime(path)
        except OSError:
            return False
        return digest.hexdigest() == entry.sha256

    def _write(self, entry: Entry) -> None:
        place = self._place(entry.area, entry.path)
        place.parent.mkdir(exist_ok=True)
        write_atomically(place, json.dumps(asdict(entry)).encode())


def _drop(path: Path) -> None:
    """Remove what has a name in the store: our file, or a folder that somebody has put there."""
    try:
        path.unlink(missing_ok=True)
    except IsADirectoryError:
        shutil.rmtree(path)


def write_atomically(path: Path, content: bytes) -> None:
    """Write, sync and rename a file: readers see the old or the new content, even after a crash."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def is_disk_full(error: OSError) -> bool:
    """Whether the disk, or the user's quota, is full."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def prune_all(folder: Path, *, most: int) -> int:
    """Prune every cache below `folder` to `most` bytes each. Returns the bytes removed."""
    caches = (path for path in folder.glob("*") if path.is_dir() and path.name != "git")
    return sum(HttpCache(path).prune(most=most) for path in caches)
