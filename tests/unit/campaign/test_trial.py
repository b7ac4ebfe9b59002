"""What a trial tells its run, and how it says what is different; whole trials are in tests/e2e/test_campaign.py."""

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
from rollout.campaign import trial_folders as places
from rollout.campaign.trial_folders import Place, fresh_place
from rollout.campaign.trial_site import Ground
from rollout.config.options import RUN_FOLDER
from rollout.site import engine
from rollout.site.engine import NoEngine
from tests.unit.campaign.trials import result, trial


def ground(folder: Path) -> Ground:
    return Ground(home=folder / "trials", state=folder / "state", cache=folder / "cache", arguments=("--source=auto",),
                  population="real", patience=1)  # fmt: skip


def test_what_was_there_before_is_told_before_what_was_left_behind() -> None:
    """Of what was left there may be thousands, and the end of a long list is cut."""
    before = {"a decoy": "1", "z decoy": "1"}
    after = {"a decoy": "2", **{f"left/{number}": "x" for number in range(99)}}
    told = trials._differences(before, after)
    assert len(told) == 101
    assert {"lost: z decoy (was 1)", "changed: a decoy: 1 → 2"} == set(told[:2])


def test_a_run_is_told_the_trial_and_nothing_else(tmp_path: Path) -> None:
    told = trials.command(trial(), ground(tmp_path), name="x1", directory=tmp_path / "x1", port=4999)
    assert {"--source=auto", "--path=realistic", "--fault=sigterm@database:transient", "--seed=7", "--name=x1",
            f"--directory={tmp_path}/x1", "--port=4999", "--keep=never"} <= set(told)  # fmt: skip


def test_of_a_trial_that_left_nothing_the_journal_and_the_output_stay(tmp_path: Path) -> None:
    place = _used(tmp_path)
    place.tidy(result())
    assert {path.name for path in place.folder.rglob("*")} == {"journal.jsonl", "pytest.log"}
    assert not place.state.exists()


def test_of_one_that_left_something_everything_stays(tmp_path: Path) -> None:
    place = _used(tmp_path)
    place.tidy(result(changed=("lost: a decoy",)))
    assert (place.sites / "site").is_file()
    assert place.state.is_dir()


def test_an_earlier_attempt_at_the_same_trial_is_cleared_away(tmp_path: Path) -> None:
    _used(tmp_path)
    assert not list(fresh_place(trial(), ground(tmp_path)).folder.rglob("*.*"))


def test_the_line_that_repeats_a_trial_is_one_for_a_shell_and_has_no_password_in_it(tmp_path: Path) -> None:
    given = (
        "--source=mirror:https://me:s3cret@mirror.example",
        "--database=postgresql://u:pa55@h/my db",
        "--forge=auto",
    )
    line = trials.repeat(trial(), replace(ground(tmp_path), arguments=given))
    words = shlex.split(line)
    assert words[:2] == ["pytest", "--source=mirror:https://me:***@mirror.example"]
    assert "--database=postgresql://u:***@h/my db" in words
    assert "--forge=auto" not in words
    assert "s3cret" not in line


def test_an_attempt_that_still_runs_is_not_taken_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its journal is open and its lock is held, though whoever waited for it has gone."""
    monkeypatch.setattr(places, "UNWIND_SECONDS", 0.2)
    monkeypatch.setattr(places, "alive", lambda state: True)
    place = _used(tmp_path)
    with pytest.raises(places.TrialAlive, match=r"still runs.*--resume") as refused:
        fresh_place(trial(), ground(tmp_path))
    assert str(place.folder) in str(refused.value)
    assert (place.sites / "site").is_file()


def test_an_attempt_that_has_only_just_been_started_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its worker was killed before the run had a journal; it is known by where it was told to report."""
    place = _used(tmp_path)
    orphan = subprocess.Popen(("sleep", "60"), env={**os.environ, RUN_FOLDER: str(place.reports)})
    try:
        monkeypatch.setattr(places, "UNWIND_SECONDS", 0.2)
        with pytest.raises(places.TrialAlive):
            fresh_place(trial(), ground(tmp_path))
        assert (place.sites / "site").is_file()
        monkeypatch.setattr(places, "UNWIND_SECONDS", 60)
        threading.Timer(0.3, orphan.kill).start()
        assert not list(fresh_place(trial(), ground(tmp_path)).folder.rglob("*.*"))
    finally:
        orphan.kill()
        orphan.wait()


def test_what_has_not_been_looked_for_has_not_been_found_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that made containers, and an engine that does not answer; one that made none needs no engine."""
    monkeypatch.setattr(engine, "find_engine", lambda: NoEngine(reason="it is busy"))
    monkeypatch.setattr(engine, "_BUSY_SECONDS", 0)
    place = _used(tmp_path)
    made = {"event": "act.intent", "run": "20260101-000000-000001", "undo": {"kind": "container"}}
    assert place.left_on_the_machine([made]) == ("containers cannot be looked for: it is busy",)
    assert place.left_on_the_machine([{**made, "undo": {"kind": "directory"}}]) == ()


def test_no_run_begins_in_a_campaign_that_unwinds(tmp_path: Path) -> None:
    """Ctrl-C came while the trial made ready."""
    here = replace(ground(tmp_path), session="s1")
    trials.unwind_running("s1")
    with pytest.raises(trials.Unwound):
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
def test_a_kill_that_comes_too_early_or_too_late_is_a_kill(
    tmp_path: Path, events: list[tuple[str, dict[str, Any]]], settled: str, evidence: str
) -> None:
    """A path that had ended when it came was found void then; it is what its phases say."""
    killed = trial(kind="kills", fault="sigkill", phase="", group="", at=3.0)
    told = tuple({"event": name, "run": "r", "path": "realistic", "phase": "" if name.startswith("path") else "one",
                  "mono": float(number), "t": "2026-01-01T00:00:00+00:00", **facts}
                 for number, (name, facts) in enumerate(events))  # fmt: skip
    ended = trials._Ended(code=-9, seconds=3.0)
    afterwards = trials._Afterwards(owed=(), changed=(), recovery_seconds=0.0)
    found = trials._result(killed, ground(tmp_path), ended, told, afterwards, printed="")
    assert (found.outcome, found.settled, found.evidence) == ("killed", settled, (evidence,))
    assert found.counts


def _used(folder: Path) -> Place:
    place = fresh_place(trial(), ground(folder))
    for path in (place.sites / "site", place.reports / "journal.jsonl", place.output, place.reports / "other.log"):
        path.write_text("")
    return place
