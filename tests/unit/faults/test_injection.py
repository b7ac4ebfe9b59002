"""When a fault strikes, what is journaled about it, and that a fault without a bite makes the path void."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rollout.config.plan import load_plan
from rollout.config.values import PATHS
from rollout.errors import InvalidOption, PhaseFailed
from rollout.faults import (
    CATALOGUE,
    FAMILIES,
    FORMS,
    CannotInject,
    Fault,
    FaultSpec,
    Kind,
    Means,
    aim,
    find,
    places,
    why_unfit,
)
from rollout.faults.catalogue import refuse_unfit
from rollout.phases.step import Step
from rollout.process import Request
from rollout.results.verdict import verdict
from rollout.site.fault_points import RunningFleet
from rollout.site.site import Site
from tests.unit.fakes import GROUND, Stage, code, plan, writes

SEEN: list[str] = []


class Noted(Fault):
    """Records the calls of its methods, and bites when its phase fails."""

    def arm(self, site: Site) -> None:
        SEEN.append("arm")

    def before_fingerprint(self, site: Site) -> None:
        SEEN.append("look")

    def strike(self, step: Step) -> None:
        SEEN.append(f"strike {step.phase.name}")

    def failed(self, site: Site, error: BaseException) -> None:
        self.record_bite(str(error))

    def lift(self, site: Site) -> None:
        SEEN.append("lift")


class Biting(Noted):
    """Has another command run, and bites by that."""

    def before_command(self, site: Site, request: Request) -> Request:
        self.record_bite(request.label)
        return replace(request, label="troubled")


class SeesSteps(Noted):
    def at_step(self, site: Site, text: str, fleet: RunningFleet) -> None:
        self.record_bite(text)


class InRollback(Noted):
    strikes_in_rollback = True

    def rolling_back(self, site: Site) -> None:
        SEEN.append("rolling back")
        self.record_bite("rolling back")


KIND = Kind(name="noted", family="suite", text="", bites="", make=Noted, lasts="a moment")


@pytest.fixture(autouse=True)
def _clean() -> None:
    SEEN.clear()


def spec(kind: Kind = KIND, **facts: Any) -> FaultSpec:
    return FaultSpec(**{"kind": kind, "path": "realistic", "phase": "one", "at": None, "form": "transient", "seed": 1,
                    **facts})  # fmt: skip


def fails(step: Step) -> None:
    step.site.file("half").write_text("half")
    raise PhaseFailed("It broke.", cause="compile_error")


def test_the_methods_of_a_fault_are_called_in_order_and_its_bite_is_journaled(tmp_path: Path) -> None:
    stage = Stage(tmp_path, plan("ground", "one"), fault=spec())
    stage.play(GROUND, code("one", fails))
    assert ["arm", "look", "strike one", "lift"] == SEEN
    names = [e["event"] for e in stage.run.journal.events() if e["event"].startswith("fault.")]
    assert ["fault.armed", "fault.struck", "fault.bit", "fault.finished"] == names
    (finished,) = stage.told("fault.finished")
    assert (1, ["It broke."], True, "noted", "one") == tuple(
        finished[key] for key in ("bites", "evidence", "struck", "fault", "phase")
    )
    assert "rolled_back" == stage.deployment.outcome()


def test_a_fault_sees_the_steps_of_its_phase_only(tmp_path: Path) -> None:
    """A step of a roll: `b1 started`."""

    def steps(step: Step) -> None:
        step.site.fault_points.at_step(step.phase.name, f"b1 started in {step.phase.name}", fleet)

    fleet: Any = object()
    stage = Stage(tmp_path, plan("ground", "one", "two"), fault=spec(replace(KIND, make=SeesSteps)))
    stage.play(GROUND, code("one", steps), code("two", steps))
    assert ["b1 started in one"] == stage.told("fault.finished")[0]["evidence"]


def test_a_path_whose_fault_never_bit_is_void(tmp_path: Path) -> None:
    stage = Stage(tmp_path, plan("ground", "one"), fault=spec())
    stage.play(GROUND, code("one", writes("a")))
    assert "void" == stage.deployment.outcome()
    (path,) = verdict(stage.run.journal.events()).paths
    assert "void" == path.outcome


def test_a_phase_that_is_never_reached_is_never_struck(tmp_path: Path) -> None:
    stage = Stage(tmp_path, plan("ground", "zero", "one"), fault=spec())
    stage.play(GROUND, code("zero", fails), code("one", writes("a")))
    assert ["arm", "lift"] == SEEN
    assert "void" == stage.deployment.outcome()
    assert stage.told("fault.finished")[0]["struck"] is False


def test_a_path_with_residue_is_dirty_even_if_its_fault_never_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rollout.rollback.undo import _KINDS

    monkeypatch.setitem(_KINDS, "directory", lambda record, workshop: "done")
    stage = Stage(tmp_path, plan("ground", "one"), fault=spec())
    stage.play(GROUND, code("one", writes("a")))
    assert "dirty" == stage.deployment.outcome()


def test_a_persistent_fault_lasts_through_the_rollback(tmp_path: Path) -> None:
    still: list[bool] = []
    stage = Stage(tmp_path, plan("ground", "one"), fault=spec(form="persistent"))
    assert stage.injection.fault is not None
    fault = stage.injection.fault
    stage.play(GROUND, code("one", fails), within=lambda: still.append(fault.is_active))
    assert [True] == still
    assert fault.is_over


def test_a_persistent_fault_gets_the_errors_of_later_phases(tmp_path: Path) -> None:
    """A full disk that the struck phase had no need of is met by the next."""
    stage = Stage(tmp_path, plan("ground", "one", "two"), fault=spec(form="persistent"))
    stage.play(GROUND, code("one", writes("a")), code("two", fails))
    (finished,) = stage.told("fault.finished")
    assert (1, ["It broke."]) == (finished["bites"], finished["evidence"])
    assert "rolled_back" == stage.deployment.outcome()


def test_a_persistent_fault_affects_later_commands_once_it_has_bitten(tmp_path: Path) -> None:
    """A clock that is wrong stays so. What was not met in its phase does nothing in the name of another."""

    def asks(step: Step) -> None:
        request = Request(argv=("mix", "x"), label="mix x", cwd=step.site.directory)
        SEEN.append(f"{step.phase.name}: {step.site.fault_points.before_command(step.phase.name, request).label}")

    for bites in (True, False):
        SEEN.clear()
        kind = replace(KIND, make=Biting if bites else Noted)
        stage = Stage(tmp_path / str(bites), plan("ground", "one", "two"), fault=spec(kind, form="persistent"))
        stage.play(GROUND, code("one", asks), code("two", asks))
        expected = ["one: troubled", "two: troubled"] if bites else ["one: mix x", "two: mix x"]
        assert expected == [told for told in SEEN if ":" in told]


def test_a_persistent_fault_may_bite_between_two_phases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There the fingerprint is taken and a deferred phase is written."""
    stage = Stage(tmp_path, plan("ground", "one", "two"), fault=spec(form="persistent"))
    looks = stage.site.observer.fingerprint

    def breaks(step: Step) -> None:
        def broken() -> None:
            monkeypatch.setattr(stage.site.observer, "fingerprint", looks)
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(stage.site.observer, "fingerprint", broken)

    stage.play(GROUND, code("one", breaks), code("two", writes("b")))
    assert ["[Errno 28] No space left on device"] == stage.told("fault.finished")[0]["evidence"]


@pytest.mark.parametrize(("form", "at"), [("transient", "one"), ("persistent", "two")])
def test_a_failure_without_the_active_fault_is_no_bite(tmp_path: Path, form: str, at: str) -> None:
    """After a transient one, and before a persistent one."""
    stage = Stage(tmp_path, plan("ground", "one", "two"), fault=spec(form=form, phase=at))
    failing = {"one": "two", "two": "one"}[at]
    stage.play(GROUND, *(code(name, fails if name == failing else writes("a")) for name in ("one", "two")))
    assert 0 == stage.told("fault.finished")[0]["bites"]


def test_a_struck_phase_is_neither_restored_nor_saved(tmp_path: Path) -> None:
    """The fault strikes a phase that is applied, and no later run inherits its result."""

    def restored(fault: FaultSpec | None) -> bool:
        stage = Stage(tmp_path, plan("ground", "one"), fault=fault)
        results = stage.play(GROUND, code("one", writes("a")))
        saved = {event["phase"] for event in stage.told("checkpoint.saved")}
        assert fault is None or "one" not in saved
        return results["one"].restored

    assert [restored(spec()), restored(None), restored(None), restored(spec())] == [False, False, True, False]


def test_a_rollback_fault_strikes_only_the_rollback(tmp_path: Path) -> None:
    kind = replace(KIND, make=InRollback)
    stage = Stage(tmp_path, plan("ground", "one"), fault=spec(kind, form="persistent"))
    stage.play(GROUND, code("one", writes("a")), within=lambda: SEEN.append("deployed"))
    assert ["arm", "look", "deployed", "rolling back", "lift"] == SEEN
    assert "deployed" == stage.deployment.outcome()


@pytest.mark.parametrize("path", PATHS)
def test_every_fault_of_the_catalogue_has_texts_and_a_phase(path: str) -> None:
    for kind in CATALOGUE.values():
        assert kind.family in FAMILIES
        assert kind.text
        assert kind.bites
        assert set(kind.forms) <= set(FORMS)
        assert set(kind.expects) >= set(kind.forms), kind.name
        assert "dirty" not in {outcome for outcomes in kind.expects.values() for outcome in outcomes}
        assert kind.lasts or "transient" not in kind.forms, kind.name
    plan = load_plan(path, rehearsal=True, stage="production")
    rolls = any("rolls_releases" in phase.traits for phase in plan.phases)
    with_places = [kind for kind in CATALOGUE.values() if places(kind, plan)]
    assert {kind.family for kind in with_places} == {family for family in FAMILIES if rolls or family != "production"}


def test_a_fault_is_given_with_phase_and_form_or_a_time() -> None:
    realistic, ambitious = (load_plan(path, rehearsal=True) for path in ("realistic", "ambitious"))
    assert ("database", None, "transient") == _aimed("sigterm@database", realistic)
    assert (None, 7.5, "transient") == _aimed("sigkill@7.5s", realistic)
    assert ("prerequisites", None, "persistent") == _aimed("sigint:persistent", realistic)
    assert ("generation", None, "transient") == _aimed("sigterm@ash_core", ambitious)


def _aimed(text: str, where: Any) -> tuple[str | None, float | None, str]:
    found = aim(text, where, seed=1)
    return found.phase, found.at, found.form


@pytest.mark.parametrize(
    ("text", "says"),
    [("sigtemr", "did you mean sigterm"), ("sigterm@nowhere", "nowhere"), ("sigterm@database:sometimes", "transient"),
     ("two_runs@3s", "does not strike by the clock")],
)  # fmt: skip
def test_invalid_faults_are_refused(text: str, says: str) -> None:
    with pytest.raises(InvalidOption, match=says):
        aim(text, load_plan("realistic", rehearsal=True), seed=1)


def test_missing_means_of_a_site_are_named() -> None:
    means = Means(forge="container", database="container", is_root=True, signs=True)
    assert why_unfit(find("sigterm"), means) is None
    needing = replace(KIND, needs=("engine", "database", "root", "key"))
    assert why_unfit(needing, means) is None
    changes: tuple[dict[str, Any], ...] = ({"forge": "host"}, {"database": "url"}, {"is_root": False}, {"signs": False})
    for change in changes:
        assert why_unfit(needing, replace(means, **change)), change
    with pytest.raises(CannotInject, match="noted"):
        refuse_unfit(spec(needing), replace(means, forge="host"))
