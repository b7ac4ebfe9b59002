"""Checks before a run that this user can use the cache folder."""

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
    """Raise FolderUnwritable where the cache folder, or one in it, cannot be written.

    Raise StateUnusable where a file has the name of a folder there, or the reverse.

    Such a folder is another user's: the first run there was root's, say. Found out now it costs nothing; amid a phase
    it would be a failure of that phase.
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
    """Every folder below `parent`, those above first, at most `depth` levels down."""
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
