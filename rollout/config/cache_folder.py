"""Checks, before a run starts, that this user can write to the cache folder."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rollout.config.run import refuse_other_kind
from rollout.errors import FolderUnwritable

# Bundles are only read, unless --record-bundle names one.
_IGNORED = frozenset({"bundles"})
# The gateway keeps its files four folders deep: gateway/SOURCE/blobs/ab/.
_DEPTH = 4
_NAMES = ("checkpoints", "packs", "gateway", "rehearsal", "ways", "bundles", "gateway/git")
_LOCKS = ("checkpoints.lock", "image-forge.lock", "image-postgres.lock")


def check_cache(cache: Path) -> None:
    """Raise FolderUnwritable if the cache folder or a folder in it cannot be written.

    Raise StateUnusable if a file there has the name of a folder, or the reverse.

    Such a folder usually belongs to another user, for example to root after a first run as root. Without this check
    a phase would fail later.
    """
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=cache):
            pass
    except OSError as error:
        raise _unwritable(cache, error.strerror or str(error)) from None
    for names, is_wanted, kind in ((_NAMES, stat.S_ISDIR, "folder"), (_LOCKS, stat.S_ISREG, "file")):
        for name in names:
            refuse_other_kind(cache / name, is_wanted, kind, variable="XAVOS_CACHE_DIR")
    for folder in _folders(cache, _DEPTH):
        if not os.access(folder, os.W_OK | os.X_OK):
            raise _unwritable(folder, "it belongs to another user")


def _unwritable(folder: Path, reason: str) -> FolderUnwritable:
    return FolderUnwritable(folder=folder, reason=reason, variable="XAVOS_CACHE_DIR")


def _folders(parent: Path, depth: int) -> Iterator[Path]:
    """Every folder below `parent`, parents first, at most `depth` levels down."""
    try:
        with os.scandir(parent) as found:
            folders = [Path(entry) for entry in found if entry.is_dir(follow_symlinks=False)]
    except (FileNotFoundError, NotADirectoryError):
        return  # another run has removed it
    except OSError as error:
        raise _unwritable(parent, error.strerror or str(error)) from None
    for folder in folders:
        if folder.name not in _IGNORED:
            yield folder
            if depth > 1:
                yield from _folders(folder, depth - 1)
