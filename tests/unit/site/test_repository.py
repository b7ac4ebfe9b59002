"""Git commands run to their end despite signals, and report their errors."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rollout.errors import PhaseFailed
from rollout.site.repository import Repository
from tests.unit.fakes import interrupted_after


def test_a_signal_waits_for_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Git that is killed during a commit leaves a lock, and every later command fails."""
    git = tmp_path / "bin" / "git"
    git.parent.mkdir()
    index = tmp_path / "site" / "index"
    index.parent.mkdir()
    git.write_text(f"#!/bin/sh\ntouch {index}.lock; sleep 1; rm {index}.lock; touch {index}\n")
    git.chmod(0o755)
    monkeypatch.setenv("PATH", f"{git.parent}:{os.environ['PATH']}")
    with interrupted_after(0.2):
        Repository(tmp_path / "repository").tracked("main")
    assert [index.name] == [path.name for path in index.parent.iterdir()]


def test_the_error_contains_the_message_of_git(tmp_path: Path) -> None:
    with pytest.raises(PhaseFailed, match="cannot change to"):
        Repository(tmp_path / "none").tracked("main")
