"""Checks XAVOS' own code: agents and health, and with real packages the coordination of agents."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from deploy_tests.support.application_facts import Facts
from deploy_tests.support.code_checks import test_the_code_is_formatted
from deploy_tests.support.commands import Ask
from rollout.deployment.deployment import Deployment
from rollout.phases.phase import PhaseResult
from rollout.site.views import CheckedSite

__all__ = ["test_the_code_is_formatted"]
pytestmark = [pytest.mark.phase("foundation"), pytest.mark.timeout(120)]

RESOURCE = """
alias Xavos.Coordination.Agent
IO.puts("resources: " <> inspect(Ash.Domain.Info.resources(Xavos.Coordination)))
IO.puts("attributes: " <> inspect(Enum.sort(Enum.map(Ash.Resource.Info.attributes(Agent), & &1.name))))
IO.puts("identities: " <> inspect(Enum.map(Ash.Resource.Info.identities(Agent), & &1.keys)))
"""
COORDINATION = "Xavos.Coordination"
PUBLIC_IDS = {"Agent": "agent_id", "WorkItem": "work_item_id", "Team": "name"}
# Public functions of the domain, by resource.
FUNCTIONS = {
    "Team": ("create_team", "list_teams", "get_team_by_name", "update_team", "remove_team"),
    "Agent": ("register_agent", "list_agents", "get_agent_by_agent_id", "update_agent", "remove_agent"),
    "WorkItem": ("add_work_item", "list_work_items", "get_work_item_by_work_item_id", "remove_work_item"),
    "WorkItemDependency": ("add_dependency", "list_dependencies", "remove_dependency"),
    "CoordinationEvent": ("record_event", "list_events"),
}


@pytest.fixture
def _whole(deployment: Deployment) -> None:
    """Skip where the packages are stand-ins: the whole coordination needs real packages."""
    if "coordination" not in deployment.plan.phase(_answering(deployment)).overlay:
        pytest.skip("only the realistic path on real packages has the whole coordination")


def _answering(deployment: Deployment) -> str:
    answering = deployment.plan.phase_for("foundation")
    assert answering is not None
    return answering.name


def test_foundation_phase_passed(phase: PhaseResult) -> None:
    phase.require()


@pytest.mark.parametrize("module", ["Xavos.Coordination", "Xavos.Coordination.Agent", "XavosWeb.Health"])
def test_module_is_compiled(module: str, site: CheckedSite) -> None:
    assert site.file(f"_build/dev/lib/xavos/ebin/Elixir.{module}.beam").is_file()


def test_the_domain_holds_agents_with_a_unique_agent_id(ask: Ask) -> None:
    said = ask("mix", "run", "--no-start", "-e", RESOURCE, label="resources of the domain", repeatable=True).tail
    assert "Xavos.Coordination.Agent" in said.partition("resources: [")[2]
    assert all(f":{name}" in said for name in ("agent_id", "name", "status", "id"))
    assert "[:agent_id]" in said


@pytest.mark.usefixtures("_whole")
@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_the_domain_has_all_functions_of(name: str, facts: Facts) -> None:
    functions = facts["domains"][COORDINATION]["functions"]
    assert [each for each in FUNCTIONS[name] if each not in functions] == []


@pytest.mark.usefixtures("_whole")
@pytest.mark.parametrize("name", sorted(PUBLIC_IDS))
def test_the_public_name_is_unique_and_required_of(name: str, resource: Callable[[str], Facts]) -> None:
    found = resource(f"{COORDINATION}.{name}")
    assert [PUBLIC_IDS[name]] in found["identities"]
    assert not found["attributes"][PUBLIC_IDS[name]]["nullable"]


@pytest.mark.usefixtures("_whole")
def test_work_items_depend_on_work_items(resource: Callable[[str], Facts]) -> None:
    found = resource(f"{COORDINATION}.WorkItem")["relationships"]["dependencies"]
    assert found["destination"] in (f"{COORDINATION}.WorkItem", f"{COORDINATION}.WorkItemDependency")


@pytest.mark.usefixtures("_whole")
def test_events_can_only_be_added(resource: Callable[[str], Facts]) -> None:
    kinds = {action["type"] for action in resource(f"{COORDINATION}.CoordinationEvent")["actions"].values()}
    assert kinds == {"create", "read"}
