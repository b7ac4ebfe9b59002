"""Production faults: at which step they strike, what counts as a bite, and what each form does again."""

from __future__ import annotations

import threading
import types
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from rollout.config.plan import load_plan
from rollout.errors import PhaseFailed
from rollout.faults import CATALOGUE, places
from rollout.faults.fault import FaultSpec, Witness
from rollout.faults.production import KINDS
from rollout.journal import Journal

ROLL = (
    "roll a → b", "migrations of b", "migrations of b ended",
    "b1 started", "b1 ready", "b1 gets requests", "a1 drained", "a1 told to stop", "a1 stopped",
    "b2 started", "b2 ready", "b2 gets requests", "a2 drained", "a2 told to stop", "a2 stopped",
)  # fmt: skip


class FakeFleet:
    """Instances without processes. `said` is what was done to them."""

    def __init__(self) -> None:
        self.running = {"a1", "a2", "b1", "b2", "b-migrate"}
        self.said: list[str] = []
        self.migrated = threading.Event()
        self.refuses = False
        self.changes: list[dict[str, str]] = []
        self.knows = {"a1", "a2"}  # instances that know the sessions of release A

    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self.running - {"b-migrate"}))

    def log(self, name: str) -> str:
        return ""

    def kill(self, name: str) -> bool:
        was_there = name in self.running
        self.running.discard(name)
        self.said.append(f"kill {name}")
        return was_there

    def exhaust(self, name: str) -> bool:
        self.said.append(f"exhaust {name}")
        return name in self.running

    def freeze(self, name: str) -> bool:
        self.said.append(f"freeze {name}")
        return name in self.running

    def thaw(self, name: str) -> None:
        self.said.append(f"thaw {name}")

    def restart_proxy(self) -> str:
        self.said.append("restart the proxy")
        return "it is another one"

    def migrate_again(self, label: str) -> tuple[str, ...]:
        self.said.append(f"migrate {label}")
        self.migrated.set()
        if self.refuses:
            raise PhaseFailed("a duplicate key", cause="sql_error", advice="")
        return ("2026",)

    def take_image_away(self, label: str) -> Callable[[], None]:
        self.said.append(f"take the image of {label} away")
        return lambda: self.said.append("restore the image")

    def setting(self, name: str) -> str:
        return "ecto://me:secret@db.example.org:5432/shop"

    def change_settings(self, changes: Mapping[str, str]) -> Callable[[], None]:
        self.changes.append(dict(changes))
        self.said.append(f"change {', '.join(changes)}")
        return lambda: self.said.append("restore the settings")

    def cookie_of(self, name: str, *, sent: str = "") -> str:
        return "" if sent and name in self.knows else f"session={name}"


class Bed:
    """A fault that is active on a site, and a fleet."""

    def __init__(self, journal: Journal, name: str, form: str, *, seed: int = 1) -> None:
        spec = FaultSpec(kind=CATALOGUE[name], path="realistic", phase="upgrade", at=None, form=form, seed=seed)
        self.fault: Any = spec.kind.make(spec)
        self.fault.witness = Witness(journal=journal, facts=spec.facts)
        self.fault.is_active = True
        self.fleet = FakeFleet()
        self.site: Any = types.SimpleNamespace(databases={"prod": "prod"}, database=None)

    def roll(self, *steps: str) -> list[str]:
        for text in steps or ROLL:
            self.fault.at_step(self.site, text, self.fleet)
        return self.fleet.said

    @property
    def bites(self) -> int:
        return int(self.fault.witness.bites)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@pytest.mark.parametrize("path", ["realistic", "incremental"])
def test_every_kind_strikes_the_phases_that_roll(kind: Any, path: str) -> None:
    there = places(kind, load_plan(path, rehearsal=True, stage="production"))
    assert there in {("upgrade",), ("upgrade", "bad_release")}
    assert not places(kind, load_plan(path, rehearsal=True))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_nothing_happens_before_a_roll(journal: Journal, kind: Any) -> None:
    """The first instances of a site belong to no roll."""
    bed = Bed(journal, kind.name, kind.forms[-1])
    assert bed.roll("a1 started", "a1 ready", "a1 gets requests") == []
    assert bed.bites == 0


@pytest.mark.parametrize("seed", range(8))
def test_a_transient_kill_strikes_one_new_instance(journal: Journal, seed: int) -> None:
    bed = Bed(journal, "new_instance_killed", "transient", seed=seed)
    assert bed.roll() in (["kill b1"], ["kill b2"])
    assert bed.bites == 1
    assert bed.fault.is_over


def test_the_seed_chooses_the_instance(journal: Journal) -> None:
    assert {tuple(Bed(journal, "new_instance_killed", "transient", seed=seed).roll()) for seed in range(8)} == {
        ("kill b1",), ("kill b2",),
    }  # fmt: skip


def test_a_persistent_kill_strikes_every_new_instance(journal: Journal) -> None:
    bed = Bed(journal, "new_instance_killed", "persistent")
    assert bed.roll() == ["kill b1", "kill b2"]
    assert bed.bites == 2


def test_a_new_instance_runs_out_of_memory(journal: Journal) -> None:
    bed = Bed(journal, "new_instance_out_of_memory", "persistent")
    assert bed.roll() == ["exhaust b1", "exhaust b2"]
    assert bed.bites == 2


def test_an_instance_that_had_ended_before_is_no_bite(journal: Journal) -> None:
    bed = Bed(journal, "new_instance_killed", "persistent")
    bed.fleet.running.clear()
    bed.roll()
    assert bed.bites == 0


def test_roles_change_with_the_direction_of_the_roll(journal: Journal) -> None:
    bed = Bed(journal, "new_instance_killed", "persistent")
    assert bed.roll("roll b → a", "a1 gets requests", "b1 gets requests") == ["kill a1"]


def test_all_old_instances_are_killed_at_once(journal: Journal) -> None:
    bed = Bed(journal, "old_instance_killed", "persistent")
    assert bed.roll("roll a → b", "b1 ready") == ["kill a1", "kill a2"]
    assert bed.bites == 1


def test_one_old_instance_is_killed(journal: Journal) -> None:
    bed = Bed(journal, "old_instance_killed", "transient")
    assert bed.roll() in (["kill a1"], ["kill a2"])


@pytest.mark.parametrize(("name", "step"), [("new_instance_slow", "started"), ("new_instance_hangs", "gets requests")])
def test_a_frozen_instance_goes_on_when_the_fault_ends(journal: Journal, name: str, step: str) -> None:
    bed = Bed(journal, name, "persistent")
    assert bed.roll("roll a → b", "b1 ready", f"b1 {step}") == ["freeze b1"]
    assert bed.bites == 1
    bed.fault.over(bed.site)
    assert bed.fleet.said == ["freeze b1", "thaw b1"]


def test_a_transient_freeze_ends_by_itself(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    bed, timers = Bed(journal, "new_instance_slow", "transient"), []
    monkeypatch.setattr(bed.fault, "after", lambda seconds, do: timers.append((seconds, do)))
    (frozen,) = bed.roll()
    ((seconds, do),) = timers
    assert 3 <= seconds <= 8
    do()
    assert bed.fleet.said == [frozen, frozen.replace("freeze", "thaw")]


@pytest.mark.parametrize("seed", range(8))
def test_the_proxy_is_restarted_once(journal: Journal, seed: int) -> None:
    bed = Bed(journal, "proxy_restarted", "transient", seed=seed)
    assert bed.roll() == ["restart the proxy"]
    assert "it is another one" in bed.fault.witness.evidence[0]


def test_the_proxy_is_restarted_whenever_a_new_instance_gets_requests(journal: Journal) -> None:
    assert Bed(journal, "proxy_restarted", "persistent").roll() == ["restart the proxy"] * 2


class _Sessions:
    """A connection to a server on which the migrate command has a session."""

    def __enter__(self) -> _Sessions:
        return self

    def __exit__(self, *how: object) -> None:
        pass

    def execute(self, statement: str, values: Any = None) -> Any:
        return types.SimpleNamespace(fetchone=lambda: (1,))


@pytest.mark.parametrize(("form", "kills"), [("transient", 1), ("persistent", 2)])
def test_the_migrate_command_is_killed(journal: Journal, form: str, kills: int) -> None:
    """The persistent form kills the second one as well."""
    bed = Bed(journal, "migration_killed", form)
    bed.site.database = types.SimpleNamespace(connect=lambda database: _Sessions())
    killed = [threading.Event(), threading.Event()]

    def kill(name: str) -> bool:
        count = len(bed.fleet.said)
        bed.fleet.said.append(f"kill {name}")
        killed[min(count, 1)].set()
        return count < 2

    bed.fleet.kill = kill  # type: ignore[method-assign]
    bed.roll("roll a → b", "migrations of b")
    assert all(event.wait(10) for event in killed[:kills])
    bed.roll("migrations of b ended")
    assert bed.bites == kills
    assert set(bed.fleet.said) == {"kill b-migrate"}


def test_a_second_migrate_command_runs_beside_the_first(journal: Journal) -> None:
    bed = Bed(journal, "second_deployment", "transient")
    bed.roll("roll a → b", "migrations of b")
    assert bed.fleet.migrated.wait(10)
    bed.roll("migrations of b ended")
    assert bed.bites == 1
    assert "both have applied 2026" in bed.fault.witness.evidence[0]


def test_a_second_migrate_command_that_fails_fails_the_phase(journal: Journal) -> None:
    bed = Bed(journal, "second_deployment", "transient")
    bed.fleet.refuses = True
    bed.roll("roll a → b", "migrations of b")
    with pytest.raises(PhaseFailed, match="a duplicate key"):
        bed.roll("migrations of b ended")
    assert bed.bites == 1


def test_an_image_that_is_gone_comes_back_after_a_start_has_failed(journal: Journal) -> None:
    bed = Bed(journal, "image_gone", "transient")
    assert bed.roll(*ROLL[:4]) == ["take the image of b away"]
    assert bed.bites == 0
    assert bed.roll("b1 is started a second time")[1:] == ["restore the image"]
    assert bed.bites == 1


def test_an_image_may_stay_away(journal: Journal) -> None:
    bed = Bed(journal, "image_gone", "persistent")
    assert bed.roll(*ROLL[:4], "b1 is started a second time") == ["take the image of b away"]
    bed.fault.over(bed.site)
    assert bed.fleet.said[1:] == ["restore the image"]


@pytest.mark.parametrize(
    ("knows", "said"),
    [({"a1", "a2"}, "is not known there"), ({"a1", "a2", "b1"}, "goes on there"), (set(), "each answer sets a cookie")],
)
def test_other_settings_are_tried_with_a_session(journal: Journal, knows: set[str], said: str) -> None:
    bed = Bed(journal, "settings_changed", "transient")
    bed.fleet.knows = knows
    assert bed.roll() == ["change SECRET_KEY_BASE", "restore the settings"]
    assert said in bed.fault.witness.evidence[0]


def test_other_settings_may_stay(journal: Journal) -> None:
    bed = Bed(journal, "settings_changed", "persistent")
    assert bed.roll() == ["change SECRET_KEY_BASE"]
    assert bed.bites == 1
