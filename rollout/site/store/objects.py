"""The object store: files, manifests and database dumps in the cache folder, named by their digest and kept in packs.

Every read verifies the digest. A damaged object is treated as missing.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from rollout.errors import RolloutError
from rollout.installation import command
from rollout.site.store import packs
from rollout.site.store.file_content import NotAFile, chunks, object_of, write
from rollout.site.store.manifest import SPECIAL, Entry, Manifest, Stat, identity, scan
from rollout.site.store.packs import Packs, PackWriter, Place
from rollout.site.store.tree_removal import open_folder, remove_tree

# Never stored: the settings of a site, which contain its secrets.
UNSTORED = (".env",)
FOLDER = "packs"


class ObjectMissing(RolloutError):
    """An object that a manifest or checkpoint names is missing or damaged."""

    def __init__(self, *, digest: str, folder: Path) -> None:
        super().__init__(
            f"{folder} lacks the object {digest}.",
            advice=f"Empty the cache with `{command('clean-cache')}` and run again.",
        )


class Store:
    """The objects below a cache folder. Several processes may use them at once."""

    def __init__(self, cache: Path) -> None:
        self.folder = cache / FOLDER
        self._packs = Packs(self.folder)

    def has(self, digest: str) -> bool:
        return self._packs.find(digest) is not None

    def put(self, data: bytes) -> str:
        """Store bytes durably. Returns their digest."""
        digest = packs.digest_of(data)
        if not self._packs.use((digest,)):
            with self._packs.adding() as writer:
                writer.put(data)
        return digest

    def get(self, digest: str) -> bytes:
        """The bytes of an object. Raises ObjectMissing if it is missing or damaged."""
        with self._packs.reading() as read:
            data = self._read(digest, read)
        if data is None:
            raise ObjectMissing(digest=digest, folder=self.folder)
        return data

    def keep_tree(self, root: Path, manifest: Manifest) -> str:
        """Store every file of a scanned tree and its manifest durably. Returns the manifest's digest.

        New objects go into one pack. A file that vanished since the scan, or is unreadable, is in the manifest only.
        """
        data = manifest.as_bytes()
        digest = packs.digest_of(data)
        files = {content: path for path, content in _contents(manifest)}
        here = self._packs.use((*filter(None, map(object_of, files)), digest))
        new = [(path, content) for content, path in files.items() if object_of(content) not in here]
        if new or digest not in here:
            with self._packs.adding() as writer:
                _add_files(root, new, writer)
                writer.put(data)
        return digest

    def manifest(self, digest: str) -> Manifest:
        """The manifest with this digest. Raises ObjectMissing."""
        return Manifest.from_bytes(self.get(digest))

    def packs_of(self, manifest: Manifest, *others: str) -> tuple[str, ...]:
        """The packs that contain a tree's files and the `others`."""
        contents = (object_of(content) or "" for _path, content in _contents(manifest))
        places = map(self._packs.find, {*contents, *others})
        return tuple(sorted({place.pack for place in places if place is not None}))

    def has_packs(self, names: Iterable[str]) -> bool:
        """Whether all packs exist. Marks them as used now."""
        self._packs.look()
        return all(map(self._packs.freshen, names))

    def size_of(self, pack: str) -> int:
        """Bytes of a pack; 0 if it is gone."""
        with contextlib.suppress(OSError):
            return (self.folder / pack).stat().st_size
        return 0

    def prune(self, needed: Iterable[str], *, older_than: float) -> int:
        """Remove packs that are not `needed` and were last used before `older_than`. Returns the bytes freed."""
        return packs.prune(self.folder, needed, older_than=older_than)

    def restore_tree(self, root: Path, wanted: Manifest, current: Manifest | None = None) -> Manifest:
        """Make the tree below `root` equal to `wanted`, changing only what differs. Returns the resulting manifest.

        A file whose object is missing or damaged is left out. `current`: a fresh scan, if the caller has one.
        """
        root.mkdir(parents=True, exist_ok=True)
        now = _opened(root, scan(root) if current is None else current)
        superfluous = sorted(now.entries.keys() - wanted.entries.keys(), reverse=True)
        changed = sorted(path for path, entry in wanted.entries.items() if now.entries.get(path) != entry)
        if not superfluous and not changed:
            return now
        for relative in (*superfluous, *(path for path in reversed(changed) if path in now.entries)):
            if _kind(now, relative) == "d" and _kind(wanted, relative) == "d":
                continue
            remove_tree(root / relative)
        restored = self._restore(root, {path: wanted.entries[path] for path in changed})
        for relative in reversed(changed):
            if _kind(wanted, relative) == "d":  # after its content: the mode of a folder may forbid writing
                (root / relative).chmod(wanted.entries[relative][1])
        # A file just written was verified. The scan reads it again only if it has changed since.
        known = Manifest(
            {**now.entries, **{path: wanted.entries[path] for path in restored}}, {**now.trusted, **restored}
        )
        return scan(root, known)

    def _restore(self, root: Path, entries: dict[str, Entry]) -> dict[str, Stat]:
        """Create folders, links and files. Returns the identity of each file."""
        files = []
        for relative, (kind, _mode, _size, _mtime, content) in entries.items():
            if kind == "d":
                (root / relative).mkdir(parents=True, exist_ok=True)
            elif kind == "l":
                (root / relative).symlink_to(content)
            elif kind == "f":
                place = self._packs.find(digest) if (digest := object_of(content)) else None
                if place is not None:
                    files.append((place.pack, place.offset, relative))
            else:
                _make_special(root / relative, entries[relative])
        made = {}
        base = str(root)
        with self._packs.reading() as read:
            for _pack, _offset, relative in sorted(files):  # in the order on disk
                data = self._read(object_of(entries[relative][4]) or "", read)
                if data is not None:
                    made[relative] = _write(f"{base}/{relative}", entries[relative], data)
        return made

    def _read(self, digest: str, read: Callable[[Place], bytes]) -> bytes | None:
        """The verified object. None if it is missing or damaged; then its place is forgotten."""
        place = self._packs.find(digest)
        if place is None:
            return None
        try:
            data = read(place)
        except OSError:
            self._packs.forget(place.pack)
            return None
        if packs.digest_of(data) != digest:
            self._packs.forget_object(digest)
            return None
        return data


def _write(path: str, entry: Entry, data: bytes) -> Stat:
    """Create the file of an entry. Returns its identity."""
    _kind, mode, size, mtime, content = entry
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        write(handle, size, content, data)
        os.fchmod(handle, mode)
        os.utime(handle, ns=(mtime, mtime))
        return identity(os.fstat(handle))
    finally:
        os.close(handle)


def _make_special(path: Path, entry: Entry) -> None:
    """Create a FIFO, a socket or a device (if permitted). Nothing is connected to it."""
    kind, mode, _size, _mtime, device = entry
    with contextlib.suppress(OSError):  # then it is missing, and reported as a difference
        os.mknod(path, next(form for form, letter in SPECIAL.items() if letter == kind) | mode, int(device or 0))
        path.chmod(mode)


def _opened(root: Path, now: Manifest) -> Manifest:
    """Give the owner full access to every folder, because restoring may write there. Returns the manifest then."""
    tried: set[str] = set()
    while True:
        shut = [path for path, entry in sorted(now.entries.items())
                if entry[0] == "d" and (entry[1] & 0o700) != 0o700 and path not in tried]  # fmt: skip
        tried.update(shut)
        opened = [path for path in shut if open_folder(root / path)]
        if not opened:
            return now
        now = scan(root, now)


def _contents(manifest: Manifest) -> Iterable[tuple[str, str]]:
    """(path, content) of every file whose content is known."""
    return ((path, entry[4]) for path, entry in manifest.entries.items() if entry[0] == "f" and object_of(entry[4]))


def _add_files(root: Path, files: Iterable[tuple[str, str]], writer: PackWriter) -> None:
    base = str(root)
    for relative, content in files:
        writer.put_chunks(_readable(f"{base}/{relative}", content), object_of(content) or "")


def _readable(path: str, content: str) -> Iterator[bytes]:
    """The object of a file, in blocks. Empty or cut if the file vanished or is unreadable."""
    try:
        yield from chunks(path, content)
    except (FileNotFoundError, NotADirectoryError, PermissionError, NotAFile):
        return
    except OSError as error:
        if error.errno != errno.ELOOP:  # the file was replaced by a link
            raise


def _kind(manifest: Manifest, relative: str) -> str | None:
    entry = manifest.entries.get(relative)
    return entry[0] if entry else None
