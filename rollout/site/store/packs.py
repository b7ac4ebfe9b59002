"""Packs: files that contain many objects each. Creating one file per object would be slower.

A pack is written under a temporary name, synced and renamed, so that after a kill or power loss it is complete or
absent. It is never changed. Its layout: the objects; the index with one entry per object; the end (offset of the index,
digest of the index, format). A file without this end is no pack.
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

_NAME = re.compile(r"[0-9a-f]{8}-[0-9a-f]{8}\.pack")  # a newer pack sorts after the packs that its writer knew
_TEMPORARY = "tmp-"
_FORMAT = b"rollout1"
_ENTRY = struct.Struct(">20sQQ")  # digest, offset, size
_END = struct.Struct(">Q20s8s")
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Place:
    """The place of an object: pack, offset and size in bytes."""

    pack: str
    offset: int
    size: int


def digest_of(data: bytes) -> str:
    """The name of an object with this content: its BLAKE2b-160, in hexadecimal."""
    return hashlib.blake2b(data, digest_size=20).hexdigest()


class Packs:
    """All packs of a folder, with the place of each object. Other processes may add and remove packs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._places: dict[str, Place] = {}
        self._known: set[str] = set()
        self._fresh: set[str] = set()
        self._seen: int | None = None

    def look(self) -> None:
        """Read the indexes of new packs. Costs one stat if nothing has changed."""
        try:
            seen = self.folder.stat().st_mtime_ns
            names = set(_names(self.folder)) if seen != self._seen else self._known
        except FileNotFoundError:
            seen, names = None, set()
        for gone in self._known - names:
            self.forget(gone)
        for name in sorted(names - self._known):  # of an object in several packs, the newest is used
            self._places.update(_index(self.folder / name))
        self._known, self._seen = set(names), seen

    def find(self, digest: str) -> Place | None:
        """The place of an object; None if no pack has it."""
        if digest not in self._places:
            self.look()
        return self._places.get(digest)

    def use(self, digests: Iterable[str]) -> frozenset[str]:
        """Those of the objects that exist. Marks their packs as used now, because the caller will refer to them."""
        self.look()
        places = {digest: self._places[digest] for digest in digests if digest in self._places}
        usable = {pack for pack in {place.pack for place in places.values()} if self.freshen(pack)}
        return frozenset(digest for digest, place in places.items() if place.pack in usable)

    def freshen(self, pack: str) -> bool:
        """Mark a pack as used now, so that `Store.prune` keeps it. False if it is gone or belongs to another user.

        Once per process is enough.
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
        """Remove the places in this pack from the lookup."""
        self._places = {digest: place for digest, place in self._places.items() if place.pack != pack}
        self._fresh.discard(pack)

    def forget_object(self, digest: str) -> None:
        """Remove a damaged object from the lookup. The next caller stores it again in a newer pack."""
        self._places.pop(digest, None)

    @contextlib.contextmanager
    def reading(self) -> Iterator[Callable[[Place], bytes]]:
        """Yields a function that reads the bytes at a place, unverified. It keeps one pack open between calls.

        The function raises OSError if the pack is gone or unreadable.
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
    def adding(self) -> Iterator[PackWriter]:
        """Yields a new pack. It becomes visible when the block ends without an error."""
        self.folder.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=self.folder, prefix=_TEMPORARY)
        try:
            with os.fdopen(handle, "wb", buffering=_BLOCK) as file:
                writer = PackWriter(file)
                yield writer
                writer.finish()
            if writer.places:
                self._publish(temporary, writer.places)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)  # noqa: PTH108 - a string already

    def _publish(self, temporary: str, places: Mapping[str, tuple[int, int]]) -> None:
        last = max((name.partition("-")[0] for name in self._known), default="0")
        name = f"{int(last, 16) + 1:08x}-{secrets.token_hex(4)}.pack"
        Path(temporary).replace(self.folder / name)
        _sync(self.folder)
        self._places.update({digest: Place(name, offset, size) for digest, (offset, size) in places.items()})
        self._known.add(name)
        self._fresh.add(name)


class PackWriter:
    """Writes a new pack."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._end = 0
        self.places: dict[str, tuple[int, int]] = {}

    def put(self, data: bytes) -> str:
        """Add bytes. Returns their digest."""
        digest = digest_of(data)
        if digest not in self.places:
            self._note(digest, self._file.write(data))
        return digest

    def put_chunks(self, chunks: Iterable[bytes], digest: str) -> None:
        """Add an object in blocks. It is left out if its content no longer has this digest."""
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
        """Write index and end, and sync the file."""
        index = b"".join(_ENTRY.pack(bytes.fromhex(digest), *place) for digest, place in self.places.items())
        self._file.write(index)
        self._file.write(_END.pack(self._end, _digest(index), _FORMAT))
        self._file.flush()
        os.fsync(self._file.fileno())


def _names(folder: Path) -> Iterator[str]:
    return (name for name in os.listdir(folder) if _NAME.fullmatch(name))  # noqa: PTH208 - strings are wanted


def _index(path: Path) -> Mapping[str, Place]:
    """The index of a pack; empty if the file is no pack or is unreadable."""
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
    """Remove packs, and temporary files of killed runs, that are not `needed` and were last used before `older_than`.

    Returns the bytes freed.
    """
    keep, freed = set(needed), 0
    for path in (*folder.glob("*.pack"), *folder.glob(f"{_TEMPORARY}*")):
        with contextlib.suppress(OSError):  # another run prunes too; files of another user stay
            if path.name not in keep and path.stat().st_mtime < older_than:
                freed += _remove_unless_used(path, older_than)
    return freed


def _remove_unless_used(path: Path, older_than: float) -> int:
    """Rename the file, then check its time again: a run may just have marked it as used. Then it is renamed back."""
    aside = path.with_name(f"{_TEMPORARY}{path.name}")
    path.replace(aside)
    info = aside.stat()
    if info.st_mtime >= older_than:
        aside.replace(path)
        return 0
    aside.unlink()
    return info.st_size
