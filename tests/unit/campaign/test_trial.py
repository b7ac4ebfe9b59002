"""What a trial tells its run, and how it says what is different; whole trials are in tests/e2e/test_campaign.py."""

from __future__ import annotations

from pathlib import Path

from rollout.campaign import trial as trials
from rollout.campaign.ground import Ground
from rollout.campaign.place import Place, fresh_place
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


def _used(folder: Path) -> Place:
    place = fresh_place(trial(), ground(folder))
    for path in (place.sites / "site", place.reports / "journal.jsonl", place.output, place.reports / "other.log"):
        path.write_text("")
    return place
