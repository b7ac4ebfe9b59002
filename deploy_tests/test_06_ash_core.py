"""Checks of Ash on PostgreSQL: installed, loaded, no package downgraded."""

from __future__ import annotations

import pytest

from deploy_tests.support.commands import Ask
from deploy_tests.support.package_checks import test_package_is_compiled, test_package_is_locked_as_the_plan_requires
from rollout.deployment.deployment import Deployment
from rollout.hex.version import Version
from rollout.packages.dependencies import read_lock
from rollout.phases.phase import PhaseResult
from rollout.site.views import CheckedSite

__all__ = ["test_package_is_compiled", "test_package_is_locked_as_the_plan_requires"]
pytestmark = [pytest.mark.phase("ash_core"), pytest.mark.timeout(120)]


def test_ash_core_phase_passed(phase: PhaseResult) -> None:
    phase.require()


@pytest.mark.needs("packages")
def test_no_package_was_downgraded_since_an_earlier_phase(site: CheckedSite, deployment: Deployment) -> None:
    locked = read_lock(site.file("mix.lock"))
    older = {
        name: (found, locked[name].version)
        for name, found in site.findings.items()
        if name in locked and Version.parse(locked[name].version) < Version.parse(found)
    }
    allowed = {package.name for package in deployment.plan.packages if package.override}
    assert {name for name in older if name not in allowed} == set(), older


def test_the_repo_is_an_ash_repo(ask: Ask) -> None:
    code = "IO.inspect(Xavos.Repo.installed_extensions())"
    said = ask("mix", "run", "--no-start", "-e", code, label="repo of Ash", repeatable=True)
    assert "ash-functions" in said.tail, said.tail
