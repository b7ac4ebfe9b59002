"""Commands of a phase and their child processes."""

from __future__ import annotations

import time
import types
from pathlib import Path
from typing import Any

import pytest

from rollout.errors import PhaseFailed, RolloutError
from rollout.phases.step import Step
from rollout.site.processes import marked
from tests.unit.fakes import Stage, interrupted_after, plan

# As a BEAM does with what it runs: a session of its own, out of reach of a signal to the group, its output elsewhere.
BEGINS_ANOTHER = "setsid sh -c 'echo $$ >another; exec sleep 60' >/dev/null 2>&1 & sleep 60"


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    stage = Stage(tmp_path, plan("one"))
    (stage.directory / "app").mkdir(parents=True)
    stage.site.app = "app"
    return stage


def _step(stage: Stage) -> Step:
    return Step(stage.site, stage.plan, stage.plan.phase("one"))


def _another(stage: Stage) -> int:
    return int((stage.directory / "app/another").read_text())


def test_children_of_a_command_end_with_it_at_its_deadline(stage: Stage) -> None:
    outcome = _step(stage).run("sh", "-c", BEGINS_ANOTHER, deadline=1)
    assert outcome.timed_out
    assert _another(stage) > 0
    assert marked(stage.run.marker) == ()
    stage.run.close(settled=True)


def test_children_of_a_command_end_when_a_signal_ends_the_run(stage: Stage) -> None:
    with interrupted_after(1):
        _step(stage).run("sh", "-c", BEGINS_ANOTHER, deadline=30)
    assert _another(stage) > 0
    assert marked(stage.run.marker) == ()
    stage.run.close(settled=True)


def test_a_server_that_a_command_starts_on_purpose_keeps_running(stage: Stage) -> None:
    """A server in the background, say: its phase's rollback ends it."""
    begins = "echo $$ >another; exec sleep 60 >/dev/null 2>&1 </dev/null"
    assert _step(stage).run("sh", "-c", f"setsid --fork sh -c '{begins}'").ok
    assert marked(stage.run.marker) == (_another(stage),)
    stage.site.in_forge.kill_marked(stage.run.marker)
    stage.run.close(settled=True)


def test_a_phase_past_its_deadline_starts_no_command(stage: Stage) -> None:
    step = _step(stage)
    step._until = time.monotonic() - 1
    with pytest.raises(RolloutError) as failed:
        step.run("sh", "-c", BEGINS_ANOTHER)
    assert failed.value.cause == "timeout"
    assert not (stage.directory / "app/another").exists()
    stage.run.close(settled=True)


def test_the_gateway_reports_a_tarball_that_changed(stage: Stage) -> None:
    """Hex reports a wrong checksum. The gateway adds the package, both checksums and advice."""
    record = types.SimpleNamespace(cause="checksum_mismatch", path="/tarballs/beta-0.2.0.tar", detail="beta 0.2.0: …")
    gateway: Any = types.SimpleNamespace(
        mark=lambda: 0, causes_since=lambda mark: {"checksum_mismatch": 1}, records_since=lambda mark: (record,),
        forge_environment=dict,
    )  # fmt: skip
    stage.site.gateway = gateway
    with pytest.raises(PhaseFailed) as failed:
        _step(stage).must("sh", "-c", "echo 'Checksum mismatch against registry'; exit 1")
    error = failed.value
    assert (error.cause, error.package, error.message) == ("checksum_mismatch", "beta", "beta 0.2.0: …")
    assert "--fresh" in error.advice
    stage.run.close(settled=True)
