"""Packs: many objects in one file, because making a file for each object takes longer than writing all of them.

A pack is written under a temporary name, synced and renamed: after a kill, or with the power gone, it is there whole or
not at all. It never changes afterwards. One is: the objects, one after another; the index, an entry for each; the end
(where the index begins, the digest of the index, and the format). A file without such an end is no pack.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import struct
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_NAME = re.compile(r"[0-9a-f]{8}-[0-9a-f]{8}\.pack")  # a later one sorts after those that its writer knew
_TEMPORARY = "tmp-"
_FORMAT = b"rollout1"
_ENTRY = struct.Struct(">20sQQ")  # digest, offset, size
_END = struct.Struct(">Q20s8s")
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Place:
    """Where an object is: in this pack, from this byte on, so many bytes."""

    pack: str
    offset: int
    size: int


def digest_of(data: bytes) -> str:
    """The name of an object with this content: its BLAKE2b-160, in hexadecimal."""
    return hashlib.blake2b(data, digest_size=20).hexdigest()


class Packs:
    """Every pack of a folder, and which object is where. Other processes may add packs and remove old ones."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._places: dict[str, Place] = {}
        self._known: set[str] = set()
        self._fresh: set[str] = set()
        self._seen: int | None = None

    def look(self) -> None:
        """Read the indexes of packs that have come since the last look. Costs one stat where nothing has changed."""
        try:
            seen = self.folder.stat().st_mtime_ns
            names = set(_names(self.folder)) if seen != self._seen else self._known
        except FileNotFoundError:
            seen, names = None, set()
        for gone in self._known - names:
            self.forget(gone)
        for name in sorted(names - self._known):  # of an object in several packs, the newest counts
            self._places.update(_index(self.folder / name))
        self._known, self._seen = set(names), seen

    def find(self, digest: str) -> Place | None:
        """Where an object is, None where it is in no pack."""
        if digest not in self._places:
            self.look()
        return self._places.get(digest)

    def use(self, digests: Iterable[str]) -> frozenset[str]:
        """Those of the objects that are here. Their packs are fresh from now on: somebody is about to name them."""
        self.look()
        places = {digest: self._places[digest] for digest in digests if digest in self._places}
        usable = {pack for pack in {place.pack for place in places.values()} if self.freshen(pack)}
        return frozenset(digest for digest, place in places.items() if place.pack in usable)

    def freshen(self, pack: str) -> bool:
        """Put off the day on which a pack may be removed; False where it is gone, or is somebody else's.

        Once is enough: what is fresh outlives this process (see `Store.prune`).
        """
        if pack not in self._known:
            return False
        if pack not in self._fresh:
            try:
                os.utime(self.folder / pack)
            except OSError:
                self.forget(pack)
                return False
            self._fresh.add(pack)
        return True

    def forget(self, pack: str) -> None:
        """Look for nothing in this pack any more."""
        self._places = {digest: place for digest, place in self._places.items() if place.pack != pack}
        self._fresh.discard(pack)

    def forget_object(self, digest: str) -> None:
        """It is damaged where it is: whoever needs it keeps it anew, and of two the newer one counts."""
        self._places.pop(digest, None)

    @contextlib.contextmanager
    def reading(self) -> Iterator[Callable[[Place], bytes]]:
        """Yields a function that reads what is at a place, unverified, and keeps one pack open from call to call.

        It raises OSError where the pack is gone or cannot be read.
        """
        name, handle = "", -1

        def read(place: Place) -> bytes:
            nonlocal name, handle
            if place.pack != name:
                close()
                handle, name = os.open(self.folder / place.pack, os.O_RDONLY), place.pack
            return os.pread(handle, place.size, place.offset)

        def close() -> None:
            nonlocal name, handle
            if name:
                os.close(handle)
            name, handle = "", -1

        try:
            yield read
        finally:
            close()

    @contextlib.contextmanager
    def adding(self) -> Iterator[Arriving]:
        """A new pack; it counts, with all that was put into it, when the block has ended well."""
        self.folder.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=self.folder, prefix=_TEMPORARY)
        try:
            with os.fdopen(handle, "wb", buffering=_BLOCK) as file:
                arriving = Arriving(file)
                yield arriving
                arriving.finish()
            if arriving.places:
                self._arrived(temporary, arriving.places)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)  # noqa: PTH108 - a text all the way

    def _arrived(self, temporary: str, places: Mapping[str, tuple[int, int]]) -> None:
        last = max((name.partition("-")[0] for name in self._known), default="0")
        name = f"{int(last, 16) + 1:08x}-{secrets.token_hex(4)}.pack"
        Path(temporary).replace(self.folder / name)
        _sync(self.folder)
        self._places.update({digest: Place(name, offset, size) for digest, (offset, size) in places.items()})
        self._known.add(name)
        self._fresh.add(name)


class Arriving:
    """A pack that is being written."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._end = 0
        self.places: dict[str, tuple[int, int]] = {}

    def put(self, data: bytes) -> str:
        """Take bytes in; returns their digest."""
        digest = digest_of(data)
        if digest not in self.places:
            self._note(digest, self._file.write(data))
        return digest

    def put_chunks(self, chunks: Iterable[bytes], digest: str) -> None:
        """Take an object in; not under this name where its content is no longer what the name was taken of."""
        total, size = hashlib.blake2b(digest_size=20), 0
        for block in chunks:
            total.update(block)
            size += self._file.write(block)
        if total.hexdigest() == digest:
            self._note(digest, size)
        else:
            self._end += size

    def _note(self, digest: str, size: int) -> None:
        self.places[digest] = self._end, size
        self._end += size

    def finish(self) -> None:
        """Write index and end; all of it is on the disk afterwards."""
        index = b"".join(_ENTRY.pack(bytes.fromhex(digest), *place) for digest, place in self.places.items())
        self._file.write(index)
        self._file.write(_END.pack(self._end, _digest(index), _FORMAT))
        self._file.flush()
        os.fsync(self._file.fileno())


def _names(folder: Path) -> Iterator[str]:
    return (name for name in os.listdir(folder) if _NAME.fullmatch(name))  # noqa: PTH208 - texts are wanted


def _index(path: Path) -> Mapping[str, Place]:
    """The index of a pack; empty where it is none, or cannot be read (it is somebody else's)."""
    try:
        with path.open("rb", buffering=0) as file:
            end = file.seek(-_END.size, os.SEEK_END)
            begin, digest, form = _END.unpack(file.read(_END.size))
            file.seek(begin)
            index = file.read(end - begin) if form == _FORMAT and begin <= end else b""
    except (OSError, struct.error):
        return {}
    if _digest(index) != digest or len(index) % _ENTRY.size:
        return {}
    name = path.name
    return {key.hex(): Place(name, offset, size) for key, offset, size in _ENTRY.iter_unpack(index)}


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=20).digest()


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def prune(folder: Path, needed: Iterable[str], *, older_than: float) -> int:
    """Remove packs (and what killed runs left half written) that are not named and were last used before the time
    `older_than`; returns the bytes freed."""
    keep, freed = set(needed), 0
    for path in (*folder.glob("*.pack"), *folder.glob(f"{_TEMPORARY}*")):
        with contextlib.suppress(OSError):  # another run prunes too; what is somebody else's stays
            if path.name not in keep and path.stat().st_mtime < older_than:
                freed += _remove_unless_used(path, older_than)
    return freed


def _remove_unless_used(path: Path, older_than: float) -> int:
    """Out of sight first, then a second look: whoever has just made it fresh gets it back."""
    aside = path.with_name(f"{_TEMPORARY}{path.name}")
    path.replace(aside)
    info = aside.stat()
    if info.st_mtime >= older_than:
        aside.replace(path)
        return 0
    aside.unlink()
    return info.st_size
