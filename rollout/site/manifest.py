"""The manifest of a tree: fingerprint, checkpoint, rollback and its witness in one.

An entry is `(kind, mode, size, mtime_ns, content)`: kind `f`, `l` or `d`; content is the BLAKE2b-160 digest of a file,
the target of a link, empty for a folder. Folders' mtimes are not state (they change when a file in them is replaced),
so they are 0.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

Entry = tuple[str, int, int, int, str]
_Stat = tuple[int, int, int, int]
# A file that changed this recently may change again without its times showing it (as Git's "racily clean" entries).
_GRAIN_NS = 100_000_000


@dataclass(frozen=True, slots=True)
class Manifest:
    """Relative path → entry, plus what the next scan may trust (size, mtime, ctime, inode)."""

    entries: Mapping[str, Entry]
    trusted: Mapping[str, _Stat] = field(default_factory=dict, compare=False, repr=False)

    @property
    def digest(self) -> str:
        return hashlib.blake2b(self.as_bytes(), digest_size=20).hexdigest()

    def as_bytes(self) -> bytes:
        return json.dumps(sorted(self.entries.items()), separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Manifest:
        return cls({path: (e[0], e[1], e[2], e[3], e[4]) for path, e in json.loads(data)})

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(entry[2] for entry in self.entries.values() if entry[0] == "f")


def scan(root: Path, previous: Manifest | None = None) -> Manifest:
    """Take the manifest of everything below `root` (not `root` itself). Reads only files that may have changed."""
    entries: dict[str, Entry] = {}
    trusted: dict[str, _Stat] = {}
    known = previous.trusted if previous else {}
    fresh = time.time_ns() - _GRAIN_NS
    base = str(root)
    for path, info in _walk(base):
        relative = path[len(base) + 1 :]
        mode = stat.S_IMODE(info.st_mode)
        if stat.S_ISDIR(info.st_mode):
            entries[relative] = ("d", mode, 0, 0, "")
        elif stat.S_ISLNK(info.st_mode):
            entries[relative] = ("l", 0, 0, 0, os.readlink(path))  # noqa: PTH115 - texts all the way: a Path for every file costs as much as its lstat
        elif stat.S_ISREG(info.st_mode):
            seen = (info.st_size, info.st_mtime_ns, info.st_ctime_ns, info.st_ino)
            digest = previous.entries[relative][4] if previous and known.get(relative) == seen else digest_file(path)
            entries[relative] = ("f", mode, info.st_size, info.st_mtime_ns, digest)
            if info.st_ctime_ns < fresh:
                trusted[relative] = seen
    return Manifest(entries, trusted)


def digest_file(path: str | Path) -> str:
    """The BLAKE2b-160 of a file's content, in hexadecimal."""
    with open(path, "rb") as file:  # noqa: PTH123 - see above
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=20)).hexdigest()


def differences(before: Manifest, after: Manifest, *, limit: int = 50) -> tuple[str, ...]:
    """What differs, one line a path, at most `limit` lines; empty means equal."""
    lines = []
    for path in sorted(before.entries.keys() | after.entries.keys()):
        old, new = before.entries.get(path), after.entries.get(path)
        if old == new:
            continue
        if old is None:
            lines.append(f"file left behind: {path}")
        elif new is None:
            lines.append(f"file lost: {path}")
        else:
            lines.append(f"file differs: {path}")
    if len(lines) > limit:
        return (*lines[:limit], f"… and {len(lines) - limit} more files")
    return tuple(lines)


def _walk(folder: str) -> Iterator[tuple[str, os.stat_result]]:
    with os.scandir(folder) as found:
        children = list(found)
    for child in children:
        info = child.stat(follow_symlinks=False)
        yield child.path, info
        if stat.S_ISDIR(info.st_mode):
            yield from _walk(child.path)


def without(tree: Manifest, prefixes: tuple[str, ...]) -> Manifest:
    """The manifest less everything at or below the prefixes."""
    return Manifest({p: e for p, e in tree.entries.items() if not _below(p, prefixes)})


def grafted(checkpoint: Manifest, current: Manifest, prefixes: tuple[str, ...]) -> Manifest:
    """The checkpoint's tree with the current site's own paths (`prefixes`) left as they are."""
    own = {path: entry for path, entry in current.entries.items() if _below(path, prefixes)}
    return Manifest({**checkpoint.entries, **own})


def _below(path: str, prefixes: tuple[str, ...]) -> bool:
    return any(path == prefix or path.startswith(prefix + "/") for prefix in prefixes)
