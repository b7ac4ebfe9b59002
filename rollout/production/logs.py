"""Keeps the logs of instances and of the commands of a release, masked, in the report folder of the run."""

from __future__ import annotations

from pathlib import Path

from rollout.config.run import Run


def folder_of(run: Run) -> Path:
    """The folder of everything that the production stage keeps."""
    folder = run.logs / "production"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def keep_log(run: Run, name: str, log: bytes) -> str:
    """Save a log in place of an earlier one of that name. Returns its path, relative to the report folder."""
    file = folder_of(run) / f"{name}.log"
    file.write_text(run.redactor.text(log.decode("utf-8", "replace")), encoding="utf-8")
    return file.relative_to(run.folder).as_posix()
