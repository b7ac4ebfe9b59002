"""Checks the code of the swarm: agents that claim and share work. They need real packages."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from deploy_tests.support.application_facts import Facts
from deploy_tests.support.code_checks import (
    explains_itself,
    is_compiled,
    test_every_resource_has_policies,
    test_the_code_is_formatted,
)
from deploy_tests.support.commands import Ask
from rollout.phases.phase import PhaseResult
from rollout.site.views import CheckedSite

__all__ = ["test_every_resource_has_policies", "test_the_code_is_formatted"]
pytestmark = [pytest.mark.phase("swarm"), pytest.mark.timeout(120)]

ITEM = "Xavos.Coordination.WorkItem"


def test_swarm_phase_passed(phase: PhaseResult) -> None:
    phase.require()


@pytest.mark.parametrize(
    "module",
    ["Xavos.Swarm", "Xavos.Scrum", "Xavos.Bridge", "XavosWeb.CoordinationLive", "Xavos.Intelligence.Claude"],
)
def test_module_is_compiled(module: str, site: CheckedSite) -> None:
    assert is_compiled(module, site)


def test_agents_can_ask_for_work(facts: Facts, resource: Callable[[str], Facts]) -> None:
    assert "claim_next" in facts["domains"]["Xavos.Coordination"]["functions"]
    assert "agent_id" in resource(ITEM)["actions"]["claim_next"]["arguments"]


def test_items_have_a_rank(resource: Callable[[str], Facts]) -> None:
    assert not resource(ITEM)["attributes"]["rank"]["nullable"]


@pytest.mark.parametrize("path", ["/coordination", "/intelligence"])
def test_its_page_is_routed(path: str, facts: Facts) -> None:
    assert path in {route["path"] for route in facts["routes"]}


@pytest.mark.parametrize("task", ["xavos.swarm", "xavos.bridge", "xavos.benchmark", "xavos.advise"])
def test_its_mix_task_has_a_description(task: str, ask: Ask) -> None:
    explains_itself(task, ask)
