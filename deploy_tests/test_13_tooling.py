"""Checks the code with tools for style and security. They need real packages."""

from __future__ import annotations

import pytest

from deploy_tests.support.commands import Ask
from deploy_tests.support.package_checks import test_package_is_compiled, test_package_is_locked_as_the_plan_requires
from rollout.phases.phase import PhaseResult

__all__ = ["test_package_is_compiled", "test_package_is_locked_as_the_plan_requires"]
# Git's messages where it could not fetch a repository.
UNREACHED = ("unable to access", "Could not resolve host", "cannot be had", "Could not read from remote")
pytestmark = [pytest.mark.phase("tooling"), pytest.mark.timeout(300)]


def test_tooling_phase_passed(phase: PhaseResult) -> None:
    phase.require()


def test_credo_reports_nothing(ask: Ask) -> None:
    found = ask("mix", "credo", "--strict", label="mix credo --strict", repeatable=True, deadline=240)
    assert found.ok, found.tail


def test_sobelow_reports_no_vulnerability(ask: Ask) -> None:
    found = ask("mix", "sobelow", "--config", label="mix sobelow", repeatable=True, deadline=240)
    assert found.ok, found.tail


def test_no_dependency_has_a_known_vulnerability(ask: Ask) -> None:
    """mix_audit reads GitHub's advisories. Without them it finds nothing, says so, and exits 0."""
    found = ask("mix", "deps.audit", label="mix deps.audit", repeatable=True, deadline=120)
    if any(sign in found.tail for sign in UNREACHED):
        pytest.skip("the advisories cannot be fetched from this machine")
    assert found.ok, found.tail
