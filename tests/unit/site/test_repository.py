"""Git commands run to their end despite signals, and report their errors."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from rollout.errors import PhaseFailed
from rollout.site.repository import Repository, _run_uninterrupted
from tests.unit.fakes import interrupted_after


def test_a_signal_waits_for_git(tmp_path: Path) -> None:
    """A killed Git would leave a lock and block every rollback."""
    with interrupted_after(0.2):
        script = 'touch "$0.lock"; sleep 1; rm "$0.lock"; touch "$0"'
        _run_uninterrupted(("sh", "-c", script, str(tmp_path / "index")), None)
    assert [path.name for path in tmp_path.iterdir()] == ["index"]


def test_input_output_and_failure_are_as_of_any_command() -> None:
    assert _run_uninterrupted(("cat",), "text").stdout == "text"
    with pytest.raises(subprocess.CalledProcessError) as failed:
        _run_uninterrupted(("sh", "-c", "echo out; echo wrong >&2; exit 3"), None)
    assert (failed.value.returncode, failed.value.output, failed.value.stderr) == (3, "out\n", "wrong\n")


def test_the_error_contains_the_message_of_git(tmp_path: Path) -> None:
    with pytest.raises(PhaseFailed, match="cannot change to"):
        Repository(tmp_path / "none").tracked("main")
