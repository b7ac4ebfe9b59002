from __future__ import annotations

import json
import pickle
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from rollout.campaign.executors import ClusterUnreachable, Crew, TrialNotMade, hired
from rollout.campaign.trial_folders import TrialAlive
from rollout.campaign.trial_log import FILE, Ledger, NotACampaign
from rollout.campaign.trial_site import Ground
from rollout.results.campaign.trials import Result, Specification, as_row, from_row
from tests.unit.campaign.trials import made, result, trial


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    return Ground(home=tmp_path, state=tmp_path, cache=tmp_path, arguments=(), population="real", patience=1)


def test_a_result_survives_being_a_row() -> None:
    one = result(trial(at=7.25, phase="", kind="kills"), owed=("a role",), cause=None)
    assert from_row(json.loads(json.dumps(as_row(one)))) == one
    assert from_row({"v": 99}) is None
    assert from_row({**as_row(one), "specification": {"path": "x"}}) is None


def test_what_was_written_is_there_when_gone_on_and_a_torn_line_is_not(tmp_path: Path) -> None:
    ledger = Ledger.begin(tmp_path, {"seed": 7})
    first, second = result(trial(seed=1)), result(trial(seed=2))
    assert ledger.add(first)
    with (tmp_path / FILE).open("a") as file:
        file.write('{"v": 1, "key": "torn')
    again = Ledger.go_on(tmp_path)
    assert again.results == (first,)
    assert again.add(second)
    assert Ledger.go_on(tmp_path).results == (first, second)
    assert Ledger.go_on(tmp_path).head["seed"] == 7


def test_a_trial_counts_once_however_often_it_comes(tmp_path: Path) -> None:
    ledger = Ledger.begin(tmp_path, {})
    assert [ledger.add(result()), ledger.add(result(seconds=99.0))] == [True, False]
    with (tmp_path / FILE).open("a") as file:
        file.write(json.dumps(as_row(result(seconds=99.0))) + "\n")
    assert [one.seconds for one in Ledger.go_on(tmp_path).results] == [10.0]


def test_a_session_that_goes_on_with_a_campaign_leads_to_it(tmp_path: Path) -> None:
    """`latest` is the folder of that session; whoever goes on with it once more goes on with the campaign."""
    first, second = tmp_path / "a", tmp_path / "b"
    first.mkdir()
    second.mkdir()
    ledger = Ledger.begin(first, {"seed": 7})
    ledger.lead(first)
    ledger.lead(second)
    assert not (first / FILE).is_symlink()
    again = Ledger.go_on(second)
    assert again.path == first / FILE
    again.add(result())
    assert Ledger.go_on(first).results == (result(),)


def test_it_leads_there_also_where_the_reports_are_reached_by_a_link(tmp_path: Path) -> None:
    """A link into a deeper folder: the way from one to the other is not that between their names."""
    (tmp_path / "a/deep/disk/first").mkdir(parents=True)
    (tmp_path / "a/deep/disk/second").mkdir()
    (tmp_path / "reports").symlink_to(tmp_path / "a/deep/disk")
    ledger = Ledger.begin(tmp_path / "reports/first", {})
    ledger.lead(tmp_path / "reports/first")
    ledger.lead(tmp_path / "reports/second")
    assert Ledger.go_on(tmp_path / "reports/second").path.samefile(ledger.path)


@pytest.mark.parametrize("content", [None, "", "no json\n", '{"v": 1}\n'])
def test_what_is_no_campaign_is_refused(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / FILE).write_text(content)
    with pytest.raises(NotACampaign):
        Ledger.go_on(tmp_path)


def test_the_key_is_the_trial_wherever_it_stands() -> None:
    assert trial(number=1, block=1).key == trial(number=9, block=4).key
    assert len({trial(seed=seed, form=form).key for seed in (1, 2) for form in ("transient", "persistent")}) == 4


class AtOnce(Executor):
    """Does what is submitted before `submit` returns."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - whatever it is belongs to the future
            future.set_exception(error)
        return future


def test_a_crew_makes_every_trial_once_and_no_more_at_a_time_than_it_is(ground: Ground) -> None:
    """Eight threads could make more; three go at once, and they do: each waits for two others."""
    going, most, guard, three = 0, 0, threading.Lock(), threading.Barrier(3)

    def make(specification: Specification, _: Ground) -> Result:
        nonlocal going, most
        with guard:
            going += 1
            most = max(most, going)
        three.wait(10)
        with guard:
            going -= 1
        return result(specification)

    trials = [trial(seed=seed) for seed in range(12)]
    with ThreadPoolExecutor(8) as threads:
        done = tuple(Crew(threads, ground, size=3, make=make).results(iter(trials)))
    assert {one.specification.seed for one in done} == set(range(12))
    assert len(done) == 12
    assert most == 3


def test_after_the_time_is_up_nothing_new_is_begun(ground: Ground) -> None:
    with ThreadPoolExecutor(1) as threads:
        crew = Crew(threads, ground, size=1, make=made)
        assert tuple(crew.results(iter([trial()]), until=time.monotonic() - 1)) == ()


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), CancelledError(), KeyError("x")])
def test_what_nobody_could_make_is_named_with_the_way_to_go_on(ground: Ground, error: Exception) -> None:
    """A full disk, a cluster that has gone, a fault of ours."""

    def make(specification: Specification, _: Ground) -> Result:
        raise error

    with ThreadPoolExecutor(1) as threads, pytest.raises(TrialNotMade) as failed:
        tuple(Crew(threads, ground, size=1, make=make).results(iter([trial()])))
    said = f"Trial 1 (realistic sigterm@database:transient) could not be made: {type(error).__name__}"
    assert said in str(failed.value)
    assert "--resume=latest" in failed.value.advice


def test_what_was_made_is_handed_over_before_anything_is_raised(ground: Ground) -> None:
    """Two trials have ended when the crew looks, one of them on a disk without room."""

    def make(specification: Specification, _: Ground) -> Result:
        if not specification.seed:
            raise OSError(28, "No space left on device")
        return result(specification)

    came = Crew(AtOnce(), ground, size=2, make=make).results(iter([trial(seed=0), trial(seed=1)]))
    assert next(came).specification.seed == 1
    with pytest.raises(TrialNotMade):
        next(came)


def test_an_error_of_ours_survives_the_way_from_a_worker(tmp_path: Path) -> None:
    """Each class takes arguments of its own; what it says and advises is what counts."""
    for error in (TrialAlive(folder=tmp_path), NotACampaign(folder=tmp_path, problem="x")):
        again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
        assert (type(again), str(again), again.advice) == (type(error), str(error), error.advice)


def test_what_a_trial_says_itself_is_left_as_it_is(ground: Ground) -> None:
    def make(specification: Specification, _: Ground) -> Result:
        raise TrialAlive(folder=ground.home)

    with ThreadPoolExecutor(1) as threads, pytest.raises(TrialAlive):
        tuple(Crew(threads, ground, size=1, make=make).results(iter([trial()])))


def test_a_cluster_that_does_not_answer_is_refused_by_its_address(ground: Ground) -> None:
    with pytest.raises(ClusterUnreachable, match=r"nowhere:1"), hired(ground, jobs=1, cluster="foo://nowhere:1"):
        pass


def test_whoever_goes_away_has_what_runs_unwind_and_waits_for_it(ground: Ground) -> None:
    """Ctrl-C amid a campaign: a trial is told to end, and nobody leaves before it has."""
    begun, told, ended = threading.Event(), threading.Event(), threading.Event()

    def make(specification: Specification, _: Ground) -> Result:
        if specification.seed:
            begun.set()
            assert told.wait(10)
            ended.set()
        assert begun.wait(10)
        return result(specification)

    with ThreadPoolExecutor(2) as threads:
        results = Crew(threads, ground, size=2, make=make, unwind=lambda session: told.set()).results(
            iter([trial(seed=0), trial(seed=1)])
        )
        assert next(results).specification.seed == 0
        results.close()  # type: ignore[attr-defined]
        assert ended.is_set()
