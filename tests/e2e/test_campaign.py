"""A short real campaign. It detects a broken undo and a fault that never takes effect."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import psutil
import pytest

from rollout.campaign.executors import TrialExecutor, open_executor
from rollout.campaign.trial import run_trial
from rollout.campaign.trial_settings import TrialSettings
from rollout.config.plan import load_plan
from rollout.journal import pending_undos, read_events
from rollout.results.campaign.trials import Result, Specification
from tests.e2e.conftest import Rehearsed
from tests.e2e.world import PATIENCE, World, finish

# One fault of every family, and kills; each in another phase.
FAULTS = (
    "registry_503@packages:transient",
    "database_stopped@database:transient",
    "disk_full@ash_core:persistent",
    "overlay_compile_error@foundation:persistent",
    "sigterm@authentication:transient",
    "kills",
)

pytestmark = pytest.mark.timeout(2700)


@pytest.fixture
def settings(cache: Path, tmp_path: Path) -> TrialSettings:
    return TrialSettings(
        home=tmp_path / "trials",
        state=tmp_path / "state" / "trials",
        cache=cache,
        arguments=("--source=rehearsal", "--scenario=default"),
        population="rehearsal:default",
        timeout=PATIENCE,
    )


def trial(fault: str, phase: str, *, seed: int = 3, form: str = "transient", family: str = "suite") -> Specification:
    return Specification(
        number=1, block=1, kind="fault", path="realistic", seed=seed, source="rehearsal", scenario="default",
        fault=fault, family=family, group=phase, phase=phase, form=form,
    )  # fmt: skip


def _trials(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((folder / "campaign.json").read_text())["trials"]
    return found


def test_a_short_campaign_killed_and_resumed_injects_every_family_and_leaves_nothing(
    rehearsed: Rehearsed, world: World
) -> None:
    """The running trial is undone, finished ones are not repeated, and every trial ends as expected.

    Every fault was seen to bite, and the seed decides which trials there are.
    """
    rehearsed.needs("server")
    before = world.seen()
    asked = ("--campaign", "--paths=realistic", f"--faults={','.join(FAULTS)}", "--trials=1", "--seed=11")
    made, name = _killed_midway(world, asked)
    recovered = world.run("--recover")
    assert 0 == recovered.code, recovered.output[-3000:]
    assert before == world.seen()

    ended = finish(world.start(*asked, f"--resume={name}"), patience=3 * PATIENCE)
    folder = world.reports / name
    trials = _trials(folder)
    results = [(each["specification"]["fault"], each["outcome"], each["settled"], each["bites"]) for each in trials]
    assert 0 == ended.code, f"{results}\n{ended.output[-5000:]}"
    assert made == (folder / "trials.jsonl").read_text().splitlines()[: len(made)]
    assert before == world.seen()
    kinds = Counter(each["specification"]["kind"] for each in trials)
    assert {"fault": 5, "control": 2, "kills": 1} == kinds
    assert {"registry", "database", "machine", "deployment", "suite", ""} == {
        each["specification"]["family"] for each in trials
    }
    assert all(each["bites"] for each in trials if each["specification"]["kind"] == "fault"), results
    assert {("deployed", "deployed")} == {
        (each["outcome"], each["settled"]) for each in trials if each["specification"]["kind"] == "control"
    }
    assert not [each for each in trials if each["owed"] or each["changed"] or not each["as_promised"]]
    verdict = json.loads((folder / "verdict.json").read_text())
    assert (True, {}) == (verdict["rehearsal"], verdict["paths"])
    for report in ("report.html", "summary.md", "journal.jsonl"):
        assert (folder / report).stat().st_size, report
    # Every session reports the whole campaign with its warm-ups. `latest` is the resumed session.
    assert 10 == _reported_tests(world)
    again = world.run(*asked, "--resume=latest")
    assert (0, 10) == (again.code, _reported_tests(world)), again.output[-3000:]
    assert trials == _trials(folder)


def _reported_tests(world: World) -> int:
    """The number of tests that the newest session reports."""
    suite = ElementTree.parse(world.reports / "latest" / "junit.xml").getroot().find("testsuite")
    assert suite is not None
    return int(suite.get("tests", "0"))


def _killed_midway(world: World, asked: tuple[str, ...]) -> tuple[list[str], str]:
    """Kill a campaign during its second trial. Returns its trial log and the name of its run."""
    process = world.start(*asked)
    trial_log = world.reports / "latest" / "trials.jsonl"
    until = time.monotonic() + PATIENCE
    while not (trial_log.is_file() and len(trial_log.read_text().splitlines()) >= 4):  # its head, two warm-ups, a trial
        assert time.monotonic() < until
        assert process.poll() is None
        time.sleep(0.1)
    while not _is_amid_a_trial(world):
        assert time.monotonic() < until
        assert process.poll() is None
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    finish(process)
    made = trial_log.read_text().splitlines()
    name = (world.reports / "latest").resolve().name
    until = time.monotonic() + 120
    while orphans := _named(world):  # the runs of a killed campaign notice that, and unwind
        assert time.monotonic() < until, orphans
        time.sleep(0.5)
    return made, name


def _is_amid_a_trial(world: World) -> bool:
    """Whether a trial has started a phase whose undo is pending."""
    journals = (world.state / "trials").glob("*/open/*.jsonl")
    with contextlib.suppress(FileNotFoundError):  # settled between two looks
        return any(pending_undos(read_events(path)) for path in journals)
    return False


def _named(world: World) -> list[str]:
    """Command lines of processes that contain the world's folder, such as those of trials."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            command = " ".join(process.cmdline())
            if str(world.home) in command:
                found.append(command)
    return found


@pytest.mark.parametrize(("mutation", "phase"), [("undo_worktree", "worktree"), ("undo_role", "authentication")])
def test_an_undo_that_does_nothing_is_detected(
    rehearsed: Rehearsed, settings: TrialSettings, monkeypatch: pytest.MonkeyPatch, mutation: str, phase: str
) -> None:
    """The run reports the residue where it can still look, and the outside look finds it too."""
    rehearsed.needs("server")
    monkeypatch.setenv("MUTATION", mutation)
    broken = replace(settings, arguments=(*settings.arguments, "-p", "tests.e2e.mutation"))
    try:
        result = run_trial(trial("sigterm", phase), broken)
        assert result.is_dirty, result
        assert "dirty" == result.outcome, result
        assert result.left, result
    finally:
        _remove_containers_of(result.run)


def test_a_fault_that_does_not_bite_is_not_counted(
    rehearsed: Rehearsed, settings: TrialSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    rehearsed.needs("server")
    monkeypatch.setenv("MUTATION", "blunt")
    blunt = replace(settings, arguments=(*settings.arguments, "-p", "tests.e2e.mutation", "--through=packages"))
    result = run_trial(trial("registry_503", "packages", family="registry"), blunt)
    assert ("void", 0, False, False) == (result.outcome, result.bites, result.counts, result.is_dirty), result


def test_on_a_cluster_whose_worker_is_killed_no_trial_is_lost_or_counted_twice(
    rehearsed: Rehearsed, settings: TrialSettings
) -> None:
    """Two workers on this machine. The other worker repeats the trial of the killed one."""
    rehearsed.needs("server")
    distributed = pytest.importorskip("distributed")
    trials = [trial("sigterm", "packages", seed=seed) for seed in range(1, 4)]
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1", silence_logs=50
    )
    results: list[Result] = []
    with cluster, open_executor(settings, jobs=1, cluster=cluster.scheduler_address) as executor:
        victim = next(iter(cluster.workers.values())).pid
        threading.Timer(7.0, lambda: os.kill(victim, signal.SIGKILL)).start()
        results.extend(executor.results(iter(trials)))
    assert isinstance(executor, TrialExecutor)
    assert sorted(one.seed for one in trials) == sorted(one.specification.seed for one in results)
    assert {("rolled_back", "rolled_back", False)} == {(one.outcome, one.settled, one.is_dirty) for one in results}
    assert not psutil.pid_exists(victim)


def test_the_plan_of_the_short_campaign_has_the_phases_it_strikes() -> None:
    names = load_plan("realistic", rehearsal=True).phase_names
    assert {fault.partition("@")[2].partition(":")[0] for fault in FAULTS if "@" in fault} <= set(names)


def _remove_containers_of(run: str) -> None:
    import docker

    client = docker.from_env(timeout=60)
    for container in client.containers.list(all=True, filters={"label": f"xavos.run={run}"}):
        container.remove(force=True, v=True)
    client.close()
