"""Parts of a trial: command line, folders, differences, results. tests/e2e/test_campaign.py runs whole trials."""

from __future__ import annotations

import os
import shlex
import subprocess
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rollout.campaign import trial as trials
from rollout.campaign import trial_folders
from rollout.campaign.trial_folders import TrialFolders, prepare_folders
from rollout.campaign.trial_settings import TrialSettings
from rollout.config.options import RUN_FOLDER
from rollout.site.engine import discovery
from rollout.site.engine.client import NoEngine
from tests.unit.campaign.trials import result, trial


def settings(folder: Path) -> TrialSettings:
    return TrialSettings(home=folder / "trials", state=folder / "state", cache=folder / "cache", population="real",
                         arguments=("--source=auto",), timeout=1)  # fmt: skip


def test_lost_and_changed_things_are_listed_before_new_ones() -> None:
    """New files may be thousands, and long lists are cut at the end."""
    before = {"a decoy": "1", "z decoy": "1"}
    after = {"a decoy": "2", **{f"left/{number}": "x" for number in range(99)}}
    differences = trials._differences(before, after)
    assert len(differences) == 101
    assert {"lost: z decoy (was 1)", "changed: a decoy: 1 → 2"} == set(differences[:2])


def test_the_command_has_the_options_of_the_trial(tmp_path: Path) -> None:
    given = trials.command(trial(), settings(tmp_path), name="x1", directory=tmp_path / "x1", port=4999)
    assert {"--source=auto", "--path=realistic", "--fault=sigterm@database:transient", "--seed=7", "--name=x1",
            f"--directory={tmp_path}/x1", "--port=4999", "--keep=never"} <= set(given)  # fmt: skip


def test_journal_and_output_of_a_clean_trial_stay(tmp_path: Path) -> None:
    folders = _used(tmp_path)
    folders.clean_up(result())
    assert {path.name for path in folders.folder.rglob("*")} == {"journal.jsonl", "pytest.log"}
    assert not folders.state.exists()


def test_all_files_of_a_dirty_trial_stay(tmp_path: Path) -> None:
    folders = _used(tmp_path)
    folders.clean_up(result(changed=("lost: a decoy",)))
    assert (folders.sites / "site").is_file()
    assert folders.state.is_dir()


def test_files_of_an_earlier_attempt_are_removed(tmp_path: Path) -> None:
    _used(tmp_path)
    assert not list(prepare_folders(trial(), settings(tmp_path)).folder.rglob("*.*"))


def test_the_command_that_repeats_a_trial_is_quoted_and_has_no_password(tmp_path: Path) -> None:
    given = (
        "--source=mirror:https://me:s3cret@mirror.example",
        "--database=postgresql://u:pa55@h/my db",
        "--forge=auto",
    )
    line = trials.repeat(trial(), replace(settings(tmp_path), arguments=given))
    words = shlex.split(line)
    assert words[:2] == ["pytest", "--source=mirror:https://me:***@mirror.example"]
    assert "--database=postgresql://u:***@h/my db" in words
    assert "--forge=auto" not in words
    assert "s3cret" not in line


def test_an_earlier_attempt_that_still_runs_is_not_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its process holds the lock of its journal."""
    monkeypatch.setattr(trial_folders, "ROLLBACK_SECONDS", 0.2)
    monkeypatch.setattr(trial_folders, "alive", lambda state: True)
    folders = _used(tmp_path)
    with pytest.raises(trial_folders.TrialAlive, match=r"still runs.*--resume") as refused:
        prepare_folders(trial(), settings(tmp_path))
    assert str(folders.folder) in str(refused.value)
    assert (folders.sites / "site").is_file()


def test_an_earlier_attempt_that_has_just_started_is_awaited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its worker was killed before the run had a journal. The run is found by its report folder."""
    folders = _used(tmp_path)
    orphan = subprocess.Popen(("sleep", "60"), env={**os.environ, RUN_FOLDER: str(folders.reports)})
    try:
        monkeypatch.setattr(trial_folders, "ROLLBACK_SECONDS", 0.2)
        with pytest.raises(trial_folders.TrialAlive):
            prepare_folders(trial(), settings(tmp_path))
        assert (folders.sites / "site").is_file()
        monkeypatch.setattr(trial_folders, "ROLLBACK_SECONDS", 60)
        threading.Timer(0.3, orphan.kill).start()
        assert not list(prepare_folders(trial(), settings(tmp_path)).folder.rglob("*.*"))
    finally:
        orphan.kill()
        orphan.wait()


def test_an_engine_that_does_not_answer_is_a_line_of_residue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the run created containers. A run without containers needs no engine."""
    monkeypatch.setattr(discovery, "find_engine", lambda: NoEngine(reason="it is busy"))
    monkeypatch.setattr(discovery, "_BUSY_SECONDS", 0)
    folders = _used(tmp_path)
    made = {"event": "act.intent", "run": "20260101-000000-000001", "undo": {"kind": "container"}}
    assert folders.find_residue([made]) == ("containers cannot be looked for: it is busy",)
    assert folders.find_residue([{**made, "undo": {"kind": "directory"}}]) == ()


def test_no_run_starts_in_an_interrupted_campaign(tmp_path: Path) -> None:
    """Ctrl-C came while the trial created its folders."""
    here = replace(settings(tmp_path), session="s1")
    trials.interrupt_running("s1")
    with pytest.raises(trials.TrialCancelled):
        trials.run_trial(trial(), here)
    assert not (here.home / trial().key / "reports" / "pytest.log").exists()


@pytest.mark.parametrize(
    ("events", "settled", "evidence"),
    [
        ([], "refused", "SIGKILL ended the run before its first phase"),
        (
            [("path.started", {"phases": ["one"]}), ("phase.started", {}), ("phase.finished", {"outcome": "passed"}),
             ("rollback.started", {"why": "teardown"}), ("rollback.finished", {"outcome": "restored", "residue": []}),
             ("fault.finished", {"bites": 0, "evidence": []}), ("path.finished", {"outcome": "void"})],
            "deployed",
            "SIGKILL ended the run after its path had ended",
        ),
    ],
)  # fmt: skip
def test_a_kill_before_or_after_the_path_counts_as_a_kill(
    tmp_path: Path, events: list[tuple[str, dict[str, Any]]], settled: str, evidence: str
) -> None:
    """A path that ended before the kill was void then. Now its phases decide its outcome."""
    killed = trial(kind="kills", fault="sigkill", phase="", group="", at=3.0)
    journal = tuple({"event": name, "run": "r", "path": "realistic", "phase": "" if name.startswith("path") else "one",
                  "mono": float(number), "t": "2026-01-01T00:00:00+00:00", **facts}
                 for number, (name, facts) in enumerate(events))  # fmt: skip
    ended = trials._RunEnd(code=-9, seconds=3.0)
    afterwards = trials._AfterRecovery(owed=(), changed=(), recovery_seconds=0.0)
    found = trials._result(killed, settings(tmp_path), ended, journal, afterwards, printed="")
    assert (found.outcome, found.settled, found.evidence) == ("killed", settled, (evidence,))
    assert found.counts


def _used(folder: Path) -> TrialFolders:
    folders = prepare_folders(trial(), settings(folder))
    for path in (
        folders.sites / "site",
        folders.reports / "journal.jsonl",
        folders.output,
        folders.reports / "other.log",
    ):
        path.write_text("")
    return folders
