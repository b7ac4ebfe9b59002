"""Tooling: style, known holes in the code, known holes in what it depends on. Optional; real packages only."""

from __future__ import annotations

import pytest

from deploy_tests.support.commands import Ask
from deploy_tests.support.package_checks import test_package_is_compiled, test_package_is_locked_as_the_plan_requires
from rollout.phases.phase import PhaseResult

__all__ = ["test_package_is_compiled", "test_package_is_locked_as_the_plan_requires"]
# Git's words for a repository that it could not have.
UNREACHED = ("unable to access", "Could not resolve host", "cannot be had", "Could not read from remote")
pytestmark = [pytest.mark.phase("tooling"), pytest.mark.timeout(300)]


def test_tooling_phase_passed(phase: PhaseResult) -> None:
    phase.require()


def test_credo_has_nothing_to_say(ask: Ask) -> None:
    found = ask("mix", "credo", "--strict", label="mix credo --strict", repeatable=True, deadline=240)
    assert found.ok, found.tail


def test_sobelow_finds_no_hole(ask: Ask) -> None:
    found = ask("mix", "sobelow", "--config", label="mix sobelow", repeatable=True, deadline=240)
    assert found.ok, found.tail


def test_no_dependency_has_a_known_hole(ask: Ask) -> None:
    """What is known is asked of GitHub's advisories. Without them mix_audit finds nothing, says so, and exits 0."""
    found = ask("mix", "deps.audit", label="mix deps.audit", repeatable=True, deadline=120)
    if any(sign in found.tail for sign in UNREACHED):
        pytest.skip("the advisories cannot be fetched from here")
    assert found.ok, found.tail
