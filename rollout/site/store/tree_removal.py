"""Removes trees, also with folders without write permission and files that appear meanwhile."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

_OPEN = stat.S_IRWXU
_AT_MOST = 5  # attempts, where somebody goes on writing into the tree


def remove_tree(path: Path) -> None:
    """Remove a folder with its content, or a file. Nothing happens where nothing is there.

    A folder of ours that forbids writing or reading is opened first, as otherwise a plain user could remove nothing.
    Raises OSError where something stays.
    """
    for attempt in range(_AT_MOST):
        try:
            if path.is_dir() and not path.is_symlink():
                open_folder(path)
                shutil.rmtree(path, onerror=_again)
            else:
                path.unlink(missing_ok=True)
        except FileNotFoundError:
            if not os.path.lexists(path):
                return
        except OSError:
            if attempt == _AT_MOST - 1:
                raise
        else:
            return


def open_folder(path: Path | str) -> bool:
    """Let the owner read, write and enter a folder; returns whether anything was changed."""
    if os.access(path, os.R_OK | os.W_OK | os.X_OK):
        return False
    with contextlib.suppress(OSError):  # somebody else's: whoever needs it fails with the reason
        info = os.lstat(path)
        if stat.S_ISDIR(info.st_mode):
            os.chmod(path, stat.S_IMODE(info.st_mode) | _OPEN)  # noqa: PTH101 - a text, in a hot path
            return True
    return False


def _again(function: Callable[..., Any], path: str, error: tuple[type[BaseException], BaseException, Any]) -> None:
    """Grant write permission and try once more. A vanished file is no error."""
    problem = error[1]
    if isinstance(problem, FileNotFoundError):
        return
    if not isinstance(problem, PermissionError):
        raise problem
    opened = [open_folder(folder) for folder in (os.path.dirname(path), path)]  # noqa: PTH120 - it is a text
    if not any(opened):
        raise problem
    if os.path.isdir(path) and not os.path.islink(path):  # noqa: PTH112, PTH114 - it is a text
        shutil.rmtree(path, onerror=_again)
    else:
        function(path)
