"""Checks of the optional extras: admin and JSON:API."""

from __future__ import annotations

import pytest

from deploy_tests.support.commands import Ask
from deploy_tests.support.package_checks import test_package_is_compiled, test_package_is_locked_as_the_plan_requires
from rollout.phases.phase import PhaseResult
from rollout.site.views import CheckedSite

__all__ = ["test_package_is_compiled", "test_package_is_locked_as_the_plan_requires"]
pytestmark = [pytest.mark.phase("extras"), pytest.mark.timeout(120)]


def test_extras_phase_passed(phase: PhaseResult) -> None:
    phase.require()


def test_admin_is_routed(ask: Ask) -> None:
    assert "/admin" in ask("mix", "phx.routes", label="routes of extras", repeatable=True).tail


def test_the_router_of_the_json_api_is_compiled(site: CheckedSite) -> None:
    assert site.file("_build/dev/lib/xavos/ebin/Elixir.XavosWeb.AshJsonApiRouter.beam").is_file()
