"""Removes folders with their content, even with missing write permissions or concurrent writers."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

_OPEN = stat.S_IRWXU
_ATTEMPTS = 5  # attempts, if a process still writes into the tree


def remove_tree(path: Path) -> None:
    """Remove a file, or a folder with its content. A missing path is no error.

    Folders that forbid reading or writing are made accessible first. Raises OSError if something is left.
    """
    for attempt in range(_ATTEMPTS):
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
            if attempt == _ATTEMPTS - 1:
                raise
        else:
            return


def open_folder(path: Path | str) -> bool:
    """Give the owner full access to a folder. Returns whether the mode was changed."""
    if os.access(path, os.R_OK | os.W_OK | os.X_OK):
        return False
    with contextlib.suppress(OSError):  # another user's folder: the caller fails with the reason
        info = os.lstat(path)
        if stat.S_ISDIR(info.st_mode):
            os.chmod(path, stat.S_IMODE(info.st_mode) | _OPEN)  # noqa: PTH101 - a string, in a hot path
            return True
    return False


def _again(function: Callable[..., Any], path: str, error: tuple[type[BaseException], BaseException, Any]) -> None:
    """Grant write permission and try once more. A vanished file is no error."""
    problem = error[1]
    if isinstance(problem, FileNotFoundError):
        return
    if not isinstance(problem, PermissionError):
        raise problem
    opened = [open_folder(folder) for folder in (os.path.dirname(path), path)]  # noqa: PTH120 - a string
    if not any(opened):
        raise problem
    if os.path.isdir(path) and not os.path.islink(path):  # noqa: PTH112, PTH114 - a string
        shutil.rmtree(path, onerror=_again)
    else:
        function(path)
