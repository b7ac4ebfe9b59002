"""Checks that the application compiles without a warning, passes its own tests and keeps no test records."""

from __future__ import annotations

import json

import pytest

from deploy_tests.support.commands import Ask
from rollout.deployment.deployment import Deployment
from rollout.phases.phase import PhaseResult
from rollout.site import postgres
from rollout.site.postgres import queries

pytestmark = [pytest.mark.phase("installation"), pytest.mark.timeout(300)]

# Numbers of XAVOS' own tests: in a rehearsal, and on real packages.
LEAST, LEAST_WHOLE = 12, 150


def test_installation_phase_passed(phase: PhaseResult) -> None:
    phase.require()


def test_the_application_compiles_without_a_warning(ask: Ask) -> None:
    compiled = ask("mix", "compile", "--warnings-as-errors", "--all-warnings", label="no warnings", repeatable=True)
    assert compiled.ok, compiled.tail


def test_the_applications_own_tests_all_passed(deployment: Deployment) -> None:
    """None failed, and their number is that of the deployed part of XAVOS."""
    tests = deployment.facts["installation"]["tests"]
    least = LEAST_WHOLE if deployment.plan.phase_for("swarm") else LEAST
    assert tests["failed"] == 0
    assert tests["passed"] >= least, json.dumps(tests)


def test_the_round_trip_left_no_agent(dev_database: postgres.Connection) -> None:
    assert queries.rows(dev_database, "agents") == 0
