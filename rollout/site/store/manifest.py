"""Lists every file, link and folder below a folder, so that two states can be compared.

An entry is `(kind, mode, size, mtime_ns, content)`. `kind` is `f` (file), `l` (link), `d` (folder) or one of SPECIAL.
`content` is the digest of a file (see rollout.site.store.file_content), the target of a link, the numbers of a device,
or "" for a folder. The mtime of a folder is 0, because it changes when a file in the folder is replaced. Only files,
links and folders are opened: opening a FIFO would wait for a writer.
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

from rollout.site.store.file_content import UNREAD, content_of

Entry = tuple[str, int, int, int, str]
Stat = tuple[int, int, int, int]
SPECIAL = {stat.S_IFIFO: "p", stat.S_IFSOCK: "s", stat.S_IFCHR: "c", stat.S_IFBLK: "b"}
# A file that changed this recently may change again without a new timestamp (Git: "racily clean").
_GRAIN_NS = 100_000_000


@dataclass(frozen=True, slots=True)
class Manifest:
    """Relative path → entry. `trusted`: (size, mtime, ctime, inode) of files that the next scan need not read."""

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
    """The manifest of everything below `root`, without `root`. Reads only files that may differ from `previous`.

    Files that vanish meanwhile are left out. The content of an unreadable folder is `unread`. A missing `root` is
    empty. Raises OSError if `root` itself is unreadable.
    """
    entries: dict[str, Entry] = {}
    trusted: dict[str, Stat] = {}
    known = previous.trusted if previous else {}
    fresh = time.time_ns() - _GRAIN_NS
    base = str(root)
    folders = [base]
    while folders:  # no recursion: nested generators cost more than the lstat calls
        folder = folders.pop()
        for child in _children(folder, base, entries):
            path = child.path  # strings only: a Path for every file costs more than the lstat calls
            relative = path[len(base) + 1 :]
            try:
                info = child.stat(follow_symlinks=False)
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
                else:
                    entries[relative] = (SPECIAL[kind], mode, 0, 0, str(info.st_rdev) if info.st_rdev else "")
            except OSError:  # it vanished or changed its kind after the folder was listed
                continue
    return Manifest(entries, trusted)


def _children(folder: str, base: str, entries: dict[str, Entry]) -> list[os.DirEntry[str]]:
    """The content of a folder; empty if it vanished, or if it is unreadable (then its entry is marked)."""
    try:
        with os.scandir(folder) as found:
            return list(found)
    except PermissionError:
        if folder == base:
            raise
        relative = folder[len(base) + 1 :]
        entries[relative] = (*entries[relative][:4], UNREAD)
    except OSError:
        if folder != base:
            entries.pop(folder[len(base) + 1 :], None)
    return []


def identity(info: os.stat_result) -> Stat:
    """Size, times and inode: equal values mean that a file was not changed."""
    return info.st_size, info.st_mtime_ns, info.st_ctime_ns, info.st_ino


def digest_file(path: str | Path) -> str:
    """The manifest's name for a file's content. Raises OSError if it is gone or no regular file."""
    return content_of(str(path))


def differences(before: Manifest, after: Manifest, *, limit: int = 50) -> tuple[str, ...]:
    """The differences, one line per path, at most `limit` lines. Empty means equal."""
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
    """The manifest without everything at or below the prefixes."""
    below = _below(prefixes)
    return Manifest({path: entry for path, entry in tree.entries.items() if not below(path)})


def grafted(checkpoint: Manifest, current: Manifest, prefixes: tuple[str, ...]) -> Manifest:
    """The checkpoint's tree, but with the current entries of the paths at or below `prefixes`."""
    below = _below(prefixes)
    own = {path: entry for path, entry in current.entries.items() if below(path)}
    return Manifest({**checkpoint.entries, **own})


def _below(prefixes: tuple[str, ...]) -> Callable[[str], bool]:
    """A function: is a path at or below one of the prefixes?"""
    folders = tuple(f"{prefix}/" for prefix in prefixes)
    return lambda path: path in prefixes or path.startswith(folders)
