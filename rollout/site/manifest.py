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
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

Entry = tuple[str, int, int, int, str]
Stat = tuple[int, int, int, int]
# A file that changed this recently may change again without its times showing it (as Git's "racily clean" entries).
_GRAIN_NS = 100_000_000


@dataclass(frozen=True, slots=True)
class Manifest:
    """Relative path → entry, plus what the next scan may trust (size, mtime, ctime, inode)."""

    entries: Mapping[str, Entry]
    trusted: Mapping[str, Stat] = field(default_factory=dict, compare=False, repr=False)

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
    trusted: dict[str, Stat] = {}
    known = previous.trusted if previous else {}
    fresh = time.time_ns() - _GRAIN_NS
    base = str(root)
    folders = [base]
    while folders:  # no recursion: a generator within generators would cost more than the lstat
        with os.scandir(folders.pop()) as found:
            children = list(found)
        for child in children:
            path = child.path  # texts all the way: so would a Path for every file
            info = child.stat(follow_symlinks=False)
            relative = path[len(base) + 1 :]
            mode, kind = stat.S_IMODE(info.st_mode), stat.S_IFMT(info.st_mode)
            if kind == stat.S_IFREG:
                seen = identity(info)
                digest = (
                    previous.entries[relative][4] if previous and known.get(relative) == seen else digest_file(path)
                )
                entries[relative] = ("f", mode, info.st_size, info.st_mtime_ns, digest)
                if info.st_ctime_ns < fresh:
                    trusted[relative] = seen
            elif kind == stat.S_IFDIR:
                entries[relative] = ("d", mode, 0, 0, "")
                folders.append(path)
            elif kind == stat.S_IFLNK:
                entries[relative] = ("l", 0, 0, 0, os.readlink(path))  # noqa: PTH115 - see above
    return Manifest(entries, trusted)


def identity(info: os.stat_result) -> Stat:
    """What tells a file that was not touched from one that was."""
    return info.st_size, info.st_mtime_ns, info.st_ctime_ns, info.st_ino


def digest_file(path: str | Path) -> str:
    """The BLAKE2b-160 of a file's content, in hexadecimal."""
    with open(path, "rb") as file:  # noqa: PTH123 - see above
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=20)).hexdigest()


def differences(before: Manifest, after: Manifest, *, limit: int = 50) -> tuple[str, ...]:
    """What differs, one line a path, at most `limit` lines; empty means equal."""
    if before.entries == after.entries:
        return ()
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


def without(tree: Manifest, prefixes: tuple[str, ...]) -> Manifest:
    """The manifest less everything at or below the prefixes."""
    below = _below(prefixes)
    return Manifest({path: entry for path, entry in tree.entries.items() if not below(path)})


def grafted(checkpoint: Manifest, current: Manifest, prefixes: tuple[str, ...]) -> Manifest:
    """The checkpoint's tree with the current site's own paths (`prefixes`) left as they are."""
    below = _below(prefixes)
    own = {path: entry for path, entry in current.entries.items() if below(path)}
    return Manifest({**checkpoint.entries, **own})


def _below(prefixes: tuple[str, ...]) -> Callable[[str], bool]:
    """Whether a path is one of the prefixes, or below one."""
    folders = tuple(f"{prefix}/" for prefix in prefixes)
    return lambda path: path in prefixes or path.startswith(folders)
