"""Checks of the Mix archives that the ambitious path installs."""

from __future__ import annotations

import pytest

from deploy_tests.support.commands import Ask
from rollout.deployment.deployment import Deployment
from rollout.phases.phase import PhaseResult

pytestmark = [pytest.mark.phase("archives"), pytest.mark.timeout(60)]


def test_archives_phase_passed(phase: PhaseResult) -> None:
    phase.require()


def test_every_archive_is_installed(ask: Ask, deployment: Deployment) -> None:
    installed = ask("mix", "archive", label="archives", repeatable=True).tail
    assert [archive.name for archive in deployment.plan.archives if f"* {archive.name}-" not in installed] == []


@pytest.mark.parametrize("task", ["igniter.new", "phx.new"])
def test_its_generator_runs(task: str, ask: Ask) -> None:
    assert ask("mix", "help", task, label=f"help of mix {task}").ok
