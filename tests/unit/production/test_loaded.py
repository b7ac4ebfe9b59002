"""A load around a change: its figures are journaled however the change ends. A soak watches memory meanwhile."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rollout.config.plan import PhasePlan
from rollout.errors import PhaseFailed, RolloutError
from rollout.load.records import LoadResult
from rollout.phases.step import Step
from rollout.production import loaded as loads
from rollout.production import soak as soaks
from rollout.production.deployed import deployed_on
from rollout.production.rolling import BadRelease
from tests.unit.fakes import Stage, plan
from tests.unit.report.loads import BEGAN, badly, result, well


class FakeLoad:
    """A load that was recorded before."""

    recorded: LoadResult
    now = BEGAN + 20.0

    def __init__(self, *_: Any, **__: Any) -> None:
        self.stopped = 0

    def __enter__(self) -> FakeLoad:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def mark(self, text: str) -> None:
        return

    def stop(self) -> LoadResult:
        self.stopped += 1
        return self.recorded


class FakeHost:
    """Two instances. `grows`: the bytes that each sample has more than the one before."""

    def __init__(self, *, grows: int = 0, ends: bool = False) -> None:
        self.grows, self.ends, self.used = grows, ends, 200_000_000

    def is_running(self, name: str) -> bool:
        return not self.ends

    def memory(self, name: str) -> int:
        self.used += self.grows
        return self.used


@pytest.fixture
def step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Step]:
    monkeypatch.setattr(loads, "BASELINE_SECONDS", 0.0)
    monkeypatch.setattr(loads, "Load", FakeLoad)
    monkeypatch.setattr(FakeLoad, "recorded", result(well), raising=False)
    monkeypatch.setattr(loads, "_prove", lambda step, loaded, proof: None)
    monkeypatch.setattr(loads, "_values", lambda step, deployed, plan: {})
    phase = PhasePlan(name="upgrade")
    stage = Stage(tmp_path, plan(phase))
    site: Any = stage.site
    site.server = SimpleNamespace(url=lambda **_: "ecto://stub", facts=dict)
    site.databases = {"prod": "prod"}
    entered: Any = SimpleNamespace(enter=lambda step, **_: None, instances={"b1": None, "b2": None}, host=FakeHost())
    deployed_on(site).fleet = entered
    yield Step(site, stage.plan, phase)
    stage.run.close(settled=True)


def _told(step: Step, event: str) -> list[Mapping[str, Any]]:
    return [each for each in step.site.run.journal.events() if each["event"] == event]


def test_figures_are_journaled_although_the_change_has_failed(step: Step) -> None:
    deployed = deployed_on(step.site)
    with (
        pytest.raises(BadRelease, match="it is bad"),
        loads.under_load(step, deployed, name="upgrade"),
    ):
        raise BadRelease(step="start", message="it is bad")
    (told,) = _told(step, "load.finished")
    assert told["totals"]["requests"] > 1000
    assert [window["name"] for window in told["windows"]] == ["before", "during", "after"]
    assert _told(step, "data.proven") == []
    assert deployed.loads["upgrade"].summary is not None


def test_the_error_of_the_change_is_told_where_the_load_fails_too(step: Step, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(self: FakeLoad) -> LoadResult:
        raise RolloutError("the generator has ended", advice="")

    monkeypatch.setattr(FakeLoad, "stop", breaks)
    with (
        pytest.raises(BadRelease, match="it is bad"),
        loads.under_load(step, deployed_on(step.site), name="upgrade"),
    ):
        raise BadRelease(step="start", message="it is bad")
    assert _told(step, "load.finished") == []


@pytest.mark.parametrize(("before", "found"), [("old\n", "new\n"), ("", None)], ids=["ours", "not readable"])
def test_a_load_has_what_the_database_has_logged_meanwhile(
    step: Step, monkeypatch: pytest.MonkeyPatch, before: str, found: str | None
) -> None:
    log = [before]
    monkeypatch.setattr(loads, "server_log", lambda server: "".join(log))
    with loads.under_load(step, deployed_on(step.site), name="upgrade") as loaded:
        log.append("new\n" if before else "")
    assert loaded.database_log == found


@contextlib.contextmanager
def _without_pauses(monkeypatch: pytest.MonkeyPatch, host: FakeHost, step: Step) -> Iterator[None]:
    """A soak with a sample each five seconds of a clock that runs as fast as it is looked at."""
    clock = [0.0]

    def sleep(seconds: float) -> None:
        clock[0] += seconds

    deployed_on(step.site).running.host = host  # type: ignore[assignment]
    monkeypatch.setattr(soaks, "time", SimpleNamespace(monotonic=lambda: clock[0], sleep=sleep))
    yield


def test_a_soak_samples_every_instance_until_its_end(step: Step, monkeypatch: pytest.MonkeyPatch) -> None:
    before = step.remaining
    with _without_pauses(monkeypatch, FakeHost(), step):
        found = soaks.soak(step, deployed_on(step.site), minutes=10)
    assert [(each.instance, each.samples, each.seconds) for each in found.memory] == [
        ("b1", 121, 600.0), ("b2", 121, 600.0),
    ]  # fmt: skip
    assert found.wrong == ()
    (told,) = _told(step, "soak.finished")
    assert [row["instance"] for row in told["instances"]] == ["b1", "b2"]
    assert step.remaining > before + 590


@pytest.mark.parametrize(
    ("host", "recorded", "expected"),
    [
        (FakeHost(grows=400_000), result(well), "b1 grew by"),
        (FakeHost(grows=4_000_000), result(well), "more than 644 MB"),
        (FakeHost(), result(badly), r"request\(s\) lost"),
        (FakeHost(ends=True), result(well), "b1 has ended"),
    ],
    ids=["grows", "too much", "loses requests", "ends"],
)
def test_a_bad_soak_names_what_was_wrong_and_journals_the_load(
    step: Step, monkeypatch: pytest.MonkeyPatch, host: FakeHost, recorded: LoadResult, expected: str
) -> None:
    monkeypatch.setattr(FakeLoad, "recorded", recorded)
    with _without_pauses(monkeypatch, host, step), pytest.raises(PhaseFailed, match=expected):
        soaks.soak(step, deployed_on(step.site), minutes=10)
    assert len(_told(step, "load.finished")) == 1
