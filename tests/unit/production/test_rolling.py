"""How one release replaces another, step by step, and how a bad one is taken back."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rollout.errors import EngineFailed, PhaseFailed
from rollout.production import rolling
from rollout.production.fleet import NotReady
from rollout.production.instances import CONTAINER_BYTES, Ended, Instance
from rollout.production.migrator import MigrationFailed
from rollout.production.proxy_config import ServerStatus
from rollout.production.release import Release
from rollout.production.rolling import BadRelease, roll
from rollout.site.postgres import DatabaseUnreachable

A, B = (Release(label=label, version="1", folder=Path(label)) for label in "ab")
UP = ServerStatus(status="UP", check="L7OK", sessions=0, requests=0, answers_5xx=0, connection_errors=0,
                  response_errors=0)  # fmt: skip


class FakeFleet:
    """Instances without processes. `bad` makes a named instance misbehave in one way."""

    def __init__(self, *names: str, bad: str = "") -> None:
        self.said: list[str] = []
        self.running: dict[str, Release] = {name: A if name[0] == "a" else B for name in names}
        self.admitted = set(names)
        self.releases: dict[str, Release] = {}
        self.marks: list[str] = []
        self.ended: dict[str, int] = {}  # instance → exit code
        self.mishaps = [bad] if bad.endswith(("killed", "engine fails")) else []  # each happens once
        self.bad = bad
        self.looks = 0
        self.settings = {"PHX_HOST": "localhost"}
        self.told: list[Any] = []
        journal = SimpleNamespace(tell=self.told.append)
        self.step: Any = SimpleNamespace(
            where={"path": "realistic", "phase": "upgrade"},
            retrying=lambda do: do(),
            site=SimpleNamespace(run=SimpleNamespace(journal=journal)),
        )
        self.proxy: Any = SimpleNamespace(statuses=self._statuses)
        self.host: Any = SimpleNamespace(
            is_running=lambda name: self.bad != f"{name} ends" and name not in self.ended,
            exit_code=self.ended.get,
            memory=lambda name: CONTAINER_BYTES if self.bad == f"{name} grows" else 1,
        )

    @property
    def instances(self) -> dict[str, Release]:
        return self.running

    def mark(self, text: str) -> None:
        self.marks.append(text)

    def serving(self, release: Release) -> tuple[Instance, ...]:
        return tuple(
            Instance(name=name, release=release, address="127.0.0.1:1", port=1)
            for name, its in self.running.items()
            if its.label == release.label
        )

    def start(self, name: str, release: Release) -> Instance:
        self.said.append(f"start {name}")
        if self._happens(f"{name} engine fails"):
            raise EngineFailed(asked=f"start {name}", reason="no such image")
        self.running[name] = release
        if self._happens(f"{name} start killed"):
            self.ended[name] = 137
            raise NotReady("it has ended", cause="unknown", advice="")
        if self.bad == f"{name} never ready":
            raise NotReady("it is not ready", cause="timeout", advice="")
        return Instance(name=name, release=release, address="127.0.0.1:1", port=1)

    def admit(self, instance: Instance) -> None:
        self.said.append(f"admit {instance.name}")
        self.admitted.add(instance.name)
        if self._happens(f"{instance.name} killed"):
            self.ended[instance.name] = 137

    def retire(self, name: str) -> Ended:
        self.said.append(f"retire {name}")
        assert len(self.admitted - {name}) > 0, "nobody would serve"
        self.admitted.discard(name)
        self.running.pop(name)
        self.ended.pop(name, None)
        return Ended(exit_code=0, seconds=0, log=b"")

    def _happens(self, mishap: str) -> bool:
        happens = mishap in self.mishaps
        if happens and not self.bad.startswith("always"):
            self.mishaps.remove(mishap)
        return happens

    def _statuses(self) -> dict[str, ServerStatus]:
        self.looks += 1
        failed = self.looks * 2 if self.bad == "b1 fails" else 0
        status = "DOWN" if self.bad == "b1 unready" else "UP"
        return {
            name: ServerStatus(
                status=status if name == "b1" else "UP", check="L7OK", sessions=0, requests=0,
                answers_5xx=failed if name == "b1" else 0, connection_errors=0, response_errors=0,
            )
            for name in self.admitted
        }  # fmt: skip


@pytest.fixture(autouse=True)
def _no_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        rolling, "failing_pages", lambda fleet, instance: "GET / answers 500" if fleet.bad == "pages" else ""
    )
    monkeypatch.setattr(rolling, "migrate", _migrated)
    monkeypatch.setattr(rolling, "versions", lambda step: ())
    monkeypatch.setattr(rolling, "_LOOK", 0.0)


def _migrated(step: Any, host: Any, release: Release, settings: Any) -> tuple[str, ...]:
    return ("20260101000000",)


def test_every_instance_is_replaced_one_after_another() -> None:
    fleet: Any = FakeFleet("a1", "a2")
    done = roll(fleet, A, B, observe=0.01)
    assert fleet.said == ["start b1", "admit b1", "retire a1", "start b2", "admit b2", "retire a2"]
    assert done.applied == ("20260101000000",)
    assert (fleet.told[-1].outcome, fleet.told[-1].old, fleet.told[-1].new) == ("replaced", "a", "b")


def test_a_roll_back_to_the_old_release_runs_no_migration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rolling, "migrate", lambda *_: pytest.fail("it ran migrations"))
    fleet: Any = FakeFleet("b1", "b2")
    assert roll(fleet, B, A, migrates=False, observe=0.01).applied == ()


@pytest.mark.parametrize(
    ("bad", "step"),
    [
        ("b1 never ready", "start"),
        ("pages", "pages"),
        ("b1 fails", "observation"),
        ("b1 unready", "observation"),
        ("b1 ends", "observation"),
        ("b1 grows", "observation"),
    ],
)
def test_a_bad_first_instance_is_taken_back_while_the_old_ones_serve(bad: str, step: str) -> None:
    fleet: Any = FakeFleet("a1", "a2", bad=bad)
    with pytest.raises(BadRelease) as error:
        roll(fleet, A, B, observe=5)
    assert error.value.step == step
    assert fleet.admitted == {"a1", "a2"}
    assert set(fleet.running) == {"a1", "a2"}
    assert fleet.told[-1].outcome == "taken_back"


def test_old_instances_serve_again_before_the_new_ones_go() -> None:
    fleet: Any = FakeFleet("a1", "a2", bad="b2 never ready")
    with pytest.raises(BadRelease):
        roll(fleet, A, B, observe=0.01)
    assert fleet.said[3:] == ["start b2", "start a1", "admit a1", "retire b1", "retire b2"]
    assert set(fleet.running) == {"a1", "a2"}


def test_failed_migrations_start_no_instance(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> tuple[str, ...]:
        raise PhaseFailed("division by zero", cause="sql_error", advice="")

    monkeypatch.setattr(rolling, "migrate", fails)
    fleet: Any = FakeFleet("a1", "a2")
    with pytest.raises(BadRelease, match="division by zero") as error:
        roll(fleet, A, B)
    assert (error.value.step, error.value.cause, fleet.said) == ("migrate", "sql_error", [])


@pytest.mark.parametrize("mishap", ["b1 killed", "b1 start killed", "b1 engine fails"])
def test_a_new_instance_that_was_ended_from_outside_is_started_a_second_time(mishap: str) -> None:
    fleet: Any = FakeFleet("a1", "a2", bad=mishap)
    assert roll(fleet, A, B, observe=0.01).new == "b"
    assert set(fleet.running) == {"b1", "b2"}
    assert fleet.said.count("start b1") == 2
    assert "b1 is started a second time" in fleet.marks


def test_a_new_instance_that_is_always_killed_is_taken_back() -> None:
    fleet: Any = FakeFleet("a1", "a2", bad="always b1 killed")
    fleet.mishaps = ["b1 killed"]
    with pytest.raises(BadRelease, match="has ended while it got requests"):
        roll(fleet, A, B, observe=0.01)
    assert fleet.said == ["start b1", "admit b1", "retire b1", "start b1", "admit b1", "retire b1"]
    assert set(fleet.running) == {"a1", "a2"}


def test_a_new_instance_that_ends_by_itself_is_not_started_again() -> None:
    fleet: Any = FakeFleet("a1", "a2", bad="b1 ends")
    fleet.host.exit_code = lambda name: 1
    with pytest.raises(BadRelease):
        roll(fleet, A, B)
    assert fleet.said.count("start b1") == 1


def test_an_old_instance_that_has_ended_is_started_again_when_the_new_release_is_taken_back() -> None:
    fleet: Any = FakeFleet("a1", "a2", bad="pages")
    fleet.ended["a2"] = 137
    with pytest.raises(BadRelease):
        roll(fleet, A, B)
    assert fleet.said == ["start b1", "retire a2", "start a2", "admit a2", "retire b1"]
    assert fleet.ended == {}


@pytest.mark.parametrize(("kills", "outcome"), [(1, "replaced"), (2, "taken_back")])
def test_a_migrate_command_that_was_killed_runs_a_second_time(
    monkeypatch: pytest.MonkeyPatch, kills: int, outcome: str
) -> None:
    found: list[tuple[str, ...]] = [()]
    left = [kills]

    def migrates(*_: Any) -> tuple[str, ...]:
        found[0] = (*found[0], "2026")  # a part of the work is done before it is killed
        if left[0]:
            left[0] -= 1
            error = MigrationFailed("killed", cause="unknown", advice="")
            error.is_killed = True
            raise error
        return ("2026",)

    monkeypatch.setattr(rolling, "migrate", migrates)
    monkeypatch.setattr(rolling, "versions", lambda step: found[0])
    fleet: Any = FakeFleet("a1", "a2")
    if outcome == "replaced":
        assert roll(fleet, A, B, observe=0.01).applied == ("2026", "2026")
    else:
        with pytest.raises(BadRelease, match="killed"):
            roll(fleet, A, B)
    assert fleet.told[-1].outcome == outcome


def test_a_proxy_that_starts_again_counts_from_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    """Failures after its restart are compared with the new counters."""
    fleet: Any = FakeFleet("a1", "a2")
    looks = iter([(900, 50), (900, 50), (0, 0), (10, rolling.FAILED_ANSWERS)])

    def statuses() -> dict[str, ServerStatus]:
        requests, failed = next(looks)
        return {"b1": replace(UP, requests=requests, answers_5xx=failed)}

    fleet.proxy.statuses = statuses
    with pytest.raises(BadRelease, match=f"has failed {rolling.FAILED_ANSWERS} requests"):
        roll(fleet, A, B)


def test_a_roll_waits_while_no_instance_is_ready_and_goes_on_with_them() -> None:
    """Their database is away for a moment. That says nothing about the release."""
    fleet: Any = FakeFleet("a1", "a2")
    down, looks = replace(UP, status="DOWN"), [0]

    def statuses() -> dict[str, ServerStatus]:
        looks[0] += 1
        return dict.fromkeys(fleet.admitted, down if 3 <= looks[0] <= 5 else UP)

    fleet.proxy.statuses = statuses
    roll(fleet, A, B, observe=0.01)
    assert looks[0] > 5, "no instance was down"
    assert set(fleet.running) == {"b1", "b2"}


def test_a_roll_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rolling, "OUTAGE_SECONDS", 0.0)
    fleet: Any = FakeFleet("a1", "a2")
    fleet.proxy.statuses = lambda: dict.fromkeys(fleet.admitted, replace(UP, status="DOWN"))
    with pytest.raises(BadRelease, match="not ready any more"):
        roll(fleet, A, B, observe=0.01)


def test_migrations_are_tried_again_if_the_database_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    fleet: Any = FakeFleet("a1", "a2")
    away = [DatabaseUnreachable(host="h", port=1, reason="Connection refused")]

    def migrates(*_: Any) -> tuple[str, ...]:
        if away:
            raise away.pop()
        return ("2026",)

    def retrying(do: Any) -> Any:
        with contextlib.suppress(DatabaseUnreachable):
            return do()
        return do()

    monkeypatch.setattr(rolling, "migrate", migrates)
    fleet.step.retrying = retrying
    assert roll(fleet, A, B, observe=0.01).applied == ("2026",)
