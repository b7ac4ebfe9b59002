"""The trial log (write, resume, torn lines) and the executors (order, errors, interrupts)."""

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

from rollout.campaign.executors import ClusterUnreachable, TrialExecutionFailed, TrialExecutor, open_executor
from rollout.campaign.trial_folders import TrialAlive
from rollout.campaign.trial_log import FILE, NotACampaign, TrialLog
from rollout.campaign.trial_settings import TrialSettings
from rollout.results.campaign.trials import Result, Specification, as_row, from_row
from tests.unit.campaign.trials import instant_result, result, trial


@pytest.fixture
def settings(tmp_path: Path) -> TrialSettings:
    return TrialSettings(home=tmp_path, state=tmp_path, cache=tmp_path, arguments=(), population="real", timeout=1)


def test_a_result_can_be_read_back_from_its_row() -> None:
    one = result(trial(at=7.25, phase="", kind="kills"), owed=("a role",), cause=None)
    assert from_row(json.loads(json.dumps(as_row(one)))) == one
    assert from_row({"v": 99}) is None
    assert from_row({**as_row(one), "specification": {"path": "x"}}) is None


def test_a_resumed_log_has_the_written_results_and_ignores_a_torn_line(tmp_path: Path) -> None:
    trial_log = TrialLog.create(tmp_path, {"seed": 7})
    first, second = result(trial(seed=1)), result(trial(seed=2))
    assert trial_log.add(first)
    with (tmp_path / FILE).open("a") as file:
        file.write('{"v": 1, "key": "torn')
    again = TrialLog.load(tmp_path)
    assert again.results == (first,)
    assert again.add(second)
    assert TrialLog.load(tmp_path).results == (first, second)
    assert TrialLog.load(tmp_path).head["seed"] == 7


def test_a_trial_counts_once(tmp_path: Path) -> None:
    trial_log = TrialLog.create(tmp_path, {})
    assert [trial_log.add(result()), trial_log.add(result(seconds=99.0))] == [True, False]
    with (tmp_path / FILE).open("a") as file:
        file.write(json.dumps(as_row(result(seconds=99.0))) + "\n")
    assert [one.seconds for one in TrialLog.load(tmp_path).results] == [10.0]


def test_the_folder_of_a_resumed_session_links_to_the_log(tmp_path: Path) -> None:
    """`latest` is that folder. --resume=latest then resumes the campaign again."""
    first, second = tmp_path / "a", tmp_path / "b"
    first.mkdir()
    second.mkdir()
    trial_log = TrialLog.create(first, {"seed": 7})
    trial_log.link_from(first)
    trial_log.link_from(second)
    assert not (first / FILE).is_symlink()
    again = TrialLog.load(second)
    assert again.path == first / FILE
    again.add(result())
    assert TrialLog.load(first).results == (result(),)


def test_the_link_works_if_the_reports_folder_is_a_link(tmp_path: Path) -> None:
    """The relative path between the real folders differs from that between their names."""
    (tmp_path / "a/deep/disk/first").mkdir(parents=True)
    (tmp_path / "a/deep/disk/second").mkdir()
    (tmp_path / "reports").symlink_to(tmp_path / "a/deep/disk")
    trial_log = TrialLog.create(tmp_path / "reports/first", {})
    trial_log.link_from(tmp_path / "reports/first")
    trial_log.link_from(tmp_path / "reports/second")
    assert TrialLog.load(tmp_path / "reports/second").path.samefile(trial_log.path)


@pytest.mark.parametrize("content", [None, "", "no json\n", '{"v": 1}\n'])
def test_a_folder_without_a_campaign_is_rejected(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / FILE).write_text(content)
    with pytest.raises(NotACampaign):
        TrialLog.load(tmp_path)


def test_the_key_does_not_depend_on_number_and_block() -> None:
    assert trial(number=1, block=1).key == trial(number=9, block=4).key
    assert len({trial(seed=seed, form=form).key for seed in (1, 2) for form in ("transient", "persistent")}) == 4


class SynchronousExecutor(Executor):
    """Runs each function before `submit` returns."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - the future holds any error
            future.set_exception(error)
        return future


def test_every_trial_runs_once_and_at_most_size_at_once(settings: TrialSettings) -> None:
    """There are eight threads and size is three. Each trial waits for two others, so three run at once."""
    running, most, guard, three = 0, 0, threading.Lock(), threading.Barrier(3)

    def run(specification: Specification, _: TrialSettings) -> Result:
        nonlocal running, most
        with guard:
            running += 1
            most = max(most, running)
        three.wait(10)
        with guard:
            running -= 1
        return result(specification)

    trials = [trial(seed=seed) for seed in range(12)]
    with ThreadPoolExecutor(8) as threads:
        done = tuple(TrialExecutor(threads, settings, size=3, run=run).results(iter(trials)))
    assert {one.specification.seed for one in done} == set(range(12))
    assert len(done) == 12
    assert most == 3


def test_no_trial_starts_after_the_time_limit(settings: TrialSettings) -> None:
    with ThreadPoolExecutor(1) as threads:
        executor = TrialExecutor(threads, settings, size=1, run=instant_result)
        assert tuple(executor.results(iter([trial()]), until=time.monotonic() - 1)) == ()


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), CancelledError(), KeyError("x")])
def test_a_failed_execution_names_the_trial_and_how_to_resume(settings: TrialSettings, error: Exception) -> None:
    """A full disk, a lost cluster, a bug."""

    def run(specification: Specification, _: TrialSettings) -> Result:
        raise error

    with ThreadPoolExecutor(1) as threads, pytest.raises(TrialExecutionFailed) as failed:
        tuple(TrialExecutor(threads, settings, size=1, run=run).results(iter([trial()])))
    message = f"Trial 1 (realistic sigterm@database:transient) could not be executed: {type(error).__name__}"
    assert message in str(failed.value)
    assert "--resume=latest" in failed.value.advice


def test_finished_results_are_yielded_before_an_error_is_raised(settings: TrialSettings) -> None:
    """Two trials have ended, one of them because the disk was full."""

    def run(specification: Specification, _: TrialSettings) -> Result:
        if not specification.seed:
            raise OSError(28, "No space left on device")
        return result(specification)

    results = TrialExecutor(SynchronousExecutor(), settings, size=2, run=run).results(
        iter([trial(seed=0), trial(seed=1)])
    )
    assert next(results).specification.seed == 1
    with pytest.raises(TrialExecutionFailed):
        next(results)


def test_errors_can_be_pickled(tmp_path: Path) -> None:
    """A Dask worker sends them back. Message and advice stay the same."""
    for error in (TrialAlive(folder=tmp_path), NotACampaign(folder=tmp_path, problem="x")):
        again = pickle.loads(pickle.dumps(error))  # noqa: S301 - pickled one line above
        assert (type(again), str(again), again.advice) == (type(error), str(error), error.advice)


def test_errors_of_a_trial_are_raised_unchanged(settings: TrialSettings) -> None:
    def run(specification: Specification, _: TrialSettings) -> Result:
        raise TrialAlive(folder=settings.home)

    with ThreadPoolExecutor(1) as threads, pytest.raises(TrialAlive):
        tuple(TrialExecutor(threads, settings, size=1, run=run).results(iter([trial()])))


def test_the_error_of_an_unreachable_cluster_has_its_address(settings: TrialSettings) -> None:
    with (
        pytest.raises(ClusterUnreachable, match=r"nowhere:1"),
        open_executor(settings, jobs=1, cluster="foo://nowhere:1"),
    ):
        pass


def test_an_interrupted_campaign_interrupts_its_trials_and_waits_for_them(settings: TrialSettings) -> None:
    """Ctrl-C during a campaign."""
    started, interrupted, ended = threading.Event(), threading.Event(), threading.Event()

    def run(specification: Specification, _: TrialSettings) -> Result:
        if specification.seed:
            started.set()
            assert interrupted.wait(10)
            ended.set()
        assert started.wait(10)
        return result(specification)

    with ThreadPoolExecutor(2) as threads:
        results = TrialExecutor(
            threads, settings, size=2, run=run, interrupt=lambda session: interrupted.set()
        ).results(iter([trial(seed=0), trial(seed=1)]))
        assert next(results).specification.seed == 0
        results.close()  # type: ignore[attr-defined]
        assert ended.is_set()
