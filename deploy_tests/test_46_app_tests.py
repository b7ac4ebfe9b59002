"""Checks of the run of the application's own tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from rollout.app.effective import configured_databases
from rollout.deployment.deployment import Deployment
from rollout.phases.phase import PhaseResult
from rollout.phases.step import Step
from rollout.project.project import Project
from rollout.site.views import CheckedSite

pytestmark = [pytest.mark.phase("app_tests"), pytest.mark.timeout(180)]

Found = Callable[[str], Mapping[str, Any]]


def test_tests_phase_passed(phase: PhaseResult) -> None:
    """`mix test`, or the command of rollout.toml, passes."""
    phase.require()


def test_no_test_failed(found: Found) -> None:
    failed = found("tests")["failed_tests"]
    if failed:
        pytest.skip(f"{len(failed)} tests failed, which do not count ([tests] gate = false): {'; '.join(failed[:20])}")


def test_at_least_one_test_has_run(found: Found) -> None:
    assert found("tests")["tests"]["passed"] > 0


def test_no_test_was_skipped(found: Found) -> None:
    skipped = found("tests")["tests"]["skipped"]
    if skipped:
        pytest.skip(f"{skipped} tests were skipped; the log of the tests says why")


def test_the_tests_left_the_database_of_development_alone(found: Found, site: CheckedSite, project: Project) -> None:
    if not project.database.needed:
        pytest.skip("the application has no PostgreSQL database")
    assert site.database_digest(site.databases["dev"]) == found("tests")["dev_database"]


def test_the_tests_had_a_database_of_their_own(site: CheckedSite, project: Project) -> None:
    if not project.database.needed:
        pytest.skip("the application has no PostgreSQL database")
    assert site.database_digest(site.databases["test"]) is not None


def test_tests_use_a_database_of_their_own(deployment: Deployment, project: Project) -> None:
    """Not those of development, and on the server of this deployment."""
    if not project.application.repos or not project.database.needed:
        pytest.skip("the application has no PostgreSQL database")
    site = deployment.site
    step = Step(site, deployment.plan, deployment.plan.phase("tests"))
    of_tests = configured_databases(step, env={"MIX_ENV": "test"})
    own = [name for purpose, name in site.databases.items() if purpose.startswith("test")]
    assert [address.rpartition("/")[2] for _, address in of_tests] == own[: len(project.application.repos)]
    assert {address.rpartition("/")[0] for _, address in of_tests} == {
        address.rpartition("/")[0] for _, address in configured_databases(step)
    }
