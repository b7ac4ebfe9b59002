"""What a fault may do to a fleet: the effects on host, proxy and settings, and answers about what is gone."""

from __future__ import annotations

import types
from pathlib import Path
from typing import Any

import docker.errors
import pytest

from rollout.production import exposed_fleet
from rollout.production.exposed_fleet import ExposedFleet
from rollout.production.instances import Instance
from rollout.production.release import Release

A = Release(label="a", version="1", folder=Path("a"))


class Host:
    """Instances that run, and those that do not end when they are killed."""

    def __init__(self) -> None:
        self.running = {"a1", "b1", "b-migrate"}
        self.removed = False  # the migrate command, by the roll
        self.immortal: set[str] = set()

    def is_running(self, name: str) -> bool:
        if name == "gone" or (name == "b-migrate" and self.removed):
            raise docker.errors.NotFound("no such container")
        return name in self.running

    def kill(self, name: str) -> None:
        self.running -= {name} - self.immortal
        self.removed = name == "b-migrate"

    def log(self, name: str) -> bytes:
        if name not in self.running:
            raise KeyError(name)
        return "größer".encode()


class Proxy:
    def __init__(self) -> None:
        self.seconds, self.names = 40, ["a1", "a2"]

    def uptime(self) -> int:
        return self.seconds

    def statuses(self) -> dict[str, None]:
        return dict.fromkeys(self.names)

    def restart(self) -> None:
        self.seconds, self.names = 0, ["a1", "b1"]


@pytest.fixture
def parts() -> Any:
    secrets: list[str] = []
    run = types.SimpleNamespace(redactor=types.SimpleNamespace(add=secrets.append))
    return types.SimpleNamespace(
        host=Host(), proxy=Proxy(), settings={"PHX_HOST": "localhost"}, releases={"a": A}, secrets=secrets,
        instances={"a1": Instance(name="a1", release=A, address="127.0.0.1:1", port=1)},
        step=types.SimpleNamespace(site=types.SimpleNamespace(run=run)),
    )  # fmt: skip


def test_a_kill_tells_whether_it_has_ended_something(parts: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exposed_fleet, "_ENDS_WITHIN", 0.0)
    parts.host.immortal = {"b1"}
    fleet = ExposedFleet(parts)
    assert [fleet.kill(name) for name in ("a1", "a1", "b1", "gone")] == [True, False, False, False]


def test_a_command_that_is_removed_after_its_end_was_killed(parts: Any) -> None:
    assert ExposedFleet(parts).kill("b-migrate")


def test_the_log_of_what_is_gone_is_empty(parts: Any) -> None:
    fleet = ExposedFleet(parts)
    assert (fleet.log("a1"), fleet.log("a9")) == ("größer", "")


def test_a_restart_of_the_proxy_tells_what_it_still_knows(parts: Any) -> None:
    said = ExposedFleet(parts).restart_proxy()
    assert said == "it had run for 40 s, now it has for 0 s, with 1 of 2 servers"


def test_changed_settings_are_masked_and_come_back(parts: Any) -> None:
    before = parts.settings
    restore = ExposedFleet(parts).change_settings({"SECRET_KEY_BASE": "another"})
    assert parts.settings == {"PHX_HOST": "localhost", "SECRET_KEY_BASE": "another"}
    assert parts.secrets == ["another"]
    assert before == {"PHX_HOST": "localhost"}, "what others share has changed"
    restore()
    assert parts.settings is before


def test_an_instance_that_does_not_answer_sets_no_cookie(parts: Any) -> None:
    assert ExposedFleet(parts).cookie_of("a1") == ""
