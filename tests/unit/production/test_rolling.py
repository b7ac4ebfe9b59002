"""How one release replaces another, step by step, and how a bad one is taken back."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rollout.errors import PhaseFailed
from rollout.production import rolling
from rollout.production.fleet import NotReady
from rollout.production.instances import CONTAINER_BYTES, Ended, Instance
from rollout.production.proxy_config import ServerStatus
from rollout.production.release import Release
from rollout.production.rolling import BadRelease, roll

A, B = (Release(label=label, version="1", folder=Path(label)) for label in "ab")
UP = ServerStatus(status="UP", check="L7OK", sessions=0, requests=0, answers_5xx=0, connection_errors=0,
                  response_errors=0)  # fmt: skip


class FakeFleet:
    """Instances without processes. `bad` makes a named instance misbehave in one way."""

    def __init__(self, *names: str, bad: str = "") -> None:
        self.said: list[str] = []
        self.running: dict[str, Release] = {name: A if name[0] == "a" else B for name in names}
        self.admitted = set(names)
        self.bad = bad
        self.looks = 0
        self.settings = {"PHX_HOST": "localhost"}
        self.told: list[Any] = []
        journal = SimpleNamespace(tell=self.told.append)
        self.step: Any = SimpleNamespace(
            where={"path": "realistic", "phase": "upgrade"}, site=SimpleNamespace(run=SimpleNamespace(journal=journal))
        )
        self.proxy: Any = SimpleNamespace(statuses=self._statuses)
        self.host: Any = SimpleNamespace(
            is_running=lambda name: self.bad != f"{name} ends",
            memory=lambda name: CONTAINER_BYTES if self.bad == f"{name} grows" else 1,
        )

    def mark(self, text: str) -> None:
        pass

    def serving(self, release: Release) -> tuple[Instance, ...]:
        return tuple(
            Instance(name=name, release=release, address="127.0.0.1:1", port=1)
            for name, its in self.running.items()
            if its.label == release.label
        )

    def start(self, name: str, release: Release) -> Instance:
        self.said.append(f"start {name}")
        self.running[name] = release
        if self.bad == f"{name} never ready":
            raise NotReady("it is not ready", cause="timeout", advice="")
        return Instance(name=name, release=release, address="127.0.0.1:1", port=1)

    def admit(self, instance: Instance) -> None:
        self.said.append(f"admit {instance.name}")
        self.admitted.add(instance.name)

    def retire(self, name: str) -> Ended:
        self.said.append(f"retire {name}")
        assert len(self.admitted - {name}) > 0, "nobody would serve"
        self.admitted.discard(name)
        self.running.pop(name)
        return Ended(exit_code=0, seconds=0, log=b"")

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
