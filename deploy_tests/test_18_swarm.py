"""The swarm: claiming, Scrum at Scale, board, advice, bridge. Real packages only; it is at work in later checks."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from deploy_tests.conftest import Ask
from deploy_tests.introspection import Facts
from rollout.phase import PhaseResult
from rollout.site.site import Site

pytestmark = [pytest.mark.phase("swarm"), pytest.mark.timeout(120)]

ITEM = "Xavos.Coordination.WorkItem"


def test_swarm_phase_passed(phase: PhaseResult) -> None:
    phase.require()


@pytest.mark.parametrize(
    "module",
    ["Xavos.Swarm", "Xavos.Scrum", "Xavos.Bridge", "XavosWeb.CoordinationLive", "Xavos.Intelligence.Claude"],
)
def test_module_is_compiled(module: str, site: Site) -> None:
    assert site.file(f"_build/dev/lib/xavos/ebin/Elixir.{module}.beam").is_file()


def test_agents_can_ask_for_work(facts: Facts, resource: Callable[[str], Facts]) -> None:
    assert "claim_next" in facts["domains"]["Xavos.Coordination"]["functions"]
    assert "agent_id" in resource(ITEM)["actions"]["claim_next"]["arguments"]


def test_items_have_a_place_in_the_order(resource: Callable[[str], Facts]) -> None:
    assert not resource(ITEM)["attributes"]["rank"]["nullable"]


@pytest.mark.parametrize("path", ["/coordination", "/intelligence"])
def test_its_page_is_routed(path: str, facts: Facts) -> None:
    assert path in {route["path"] for route in facts["routes"]}


@pytest.mark.parametrize("task", ["xavos.swarm", "xavos.bridge", "xavos.benchmark", "xavos.advise"])
def test_its_command_explains_itself(task: str, ask: Ask) -> None:
    helped = ask("mix", "help", task, label=f"help of mix {task}")
    assert helped.ok, helped.tail
    assert f"mix {task}" in helped.tail


def test_every_resource_still_has_policies(facts: Facts) -> None:
    open_to_all = [
        name
        for domain in facts["domains"].values()
        for name, found in domain["resources"].items()
        if not found["policies"]
    ]
    assert open_to_all == []


def test_the_code_is_formatted(ask: Ask) -> None:
    formatted = ask("mix", "format", "--check-formatted", label="code with the swarm is formatted")
    assert formatted.ok, formatted.tail
