"""Decides where reports go that are about a repository of the user."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from rollout import environment
from rollout.process import capture

_REPORTS = "reports"
_SECONDS = 30.0


def reports_folder(project: Path, state: Path) -> Path:
    """`reports/` of the project if Git ignores it there, else a folder of that project in the state folder.

    So a run never adds files to a repository that its owner would have to commit or to ignore.
    """
    folder = project.resolve()
    if _is_ignored(folder):
        return folder / _REPORTS
    digest = hashlib.blake2b(str(folder).encode(errors="surrogateescape"), digest_size=4).hexdigest()
    return state / _REPORTS / f"{folder.name or 'root'}-{digest}"


def _is_ignored(folder: Path) -> bool:
    git = shutil.which("git")
    if git is None or not folder.is_dir():
        return False
    asked = capture((git, "check-ignore", "--quiet", f"{_REPORTS}/latest"), cwd=folder, env=environment.git(),
                    deadline=_SECONDS)  # fmt: skip
    return asked.exit_code == 0
