"""Checks the features of XAVOS, such as states and background jobs. They need real packages."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from deploy_tests.support.application_facts import Facts
from deploy_tests.support.code_checks import is_compiled, test_the_code_is_formatted
from deploy_tests.support.package_checks import test_package_is_compiled, test_package_is_locked_as_the_plan_requires
from rollout.phases.phase import PhaseResult
from rollout.site.views import CheckedSite

__all__ = ["test_package_is_compiled", "test_package_is_locked_as_the_plan_requires", "test_the_code_is_formatted"]
pytestmark = [pytest.mark.phase("features"), pytest.mark.timeout(120)]

AGENT, ITEM = "Xavos.Coordination.Agent", "Xavos.Coordination.WorkItem"
STATES = {
    AGENT: {"registering", "active", "busy", "idle", "maintenance", "offline"},
    ITEM: {"pending", "claimed", "in_progress", "blocked", "completed", "failed", "cancelled"},
}
ENDS = {"completed", "cancelled"}


def test_features_phase_passed(phase: PhaseResult) -> None:
    phase.require()


@pytest.mark.parametrize("module", ["Oban", "AshOban", f"{AGENT}.Lifecycle", f"{ITEM}.Lifecycle"])
def test_module_is_compiled(module: str, site: CheckedSite) -> None:
    assert is_compiled(module, site)


@pytest.mark.parametrize("name", [AGENT, ITEM])
def test_its_states_are_as_specified(name: str, resource: Callable[[str], Facts]) -> None:
    machine = resource(name)["machine"]
    assert machine is not None
    assert set(machine["states"]) == STATES[name]


def test_initial_states_are_pending_and_registering(resource: Callable[[str], Facts]) -> None:
    assert resource(ITEM)["machine"]["initial"] == ["pending"]
    assert resource(AGENT)["machine"]["initial"] == ["registering"]


def test_final_states_have_no_transitions(resource: Callable[[str], Facts]) -> None:
    """Completed and cancelled are final. Failed work can be retried."""
    transitions = resource(ITEM)["machine"]["transitions"]
    assert [each for each in transitions if ENDS & set(each["from"])] == []
    assert [each["to"] for each in transitions if "failed" in each["from"]] == [["pending"]]


def test_every_state_can_be_reached(resource: Callable[[str], Facts]) -> None:
    for name, states in STATES.items():
        machine = resource(name)["machine"]
        reached = {state for each in machine["transitions"] for state in each["to"]} | set(machine["initial"])
        assert states <= reached, f"{name}: no transition leads to {states - reached}"


def test_a_job_finds_stale_agents_every_minute(resource: Callable[[str], Facts]) -> None:
    trigger = {each["name"]: each for each in resource(AGENT)["triggers"]}.get("expire_stale")
    assert trigger is not None
    assert (trigger["action"], trigger["cron"]) == ("expire", "* * * * *")


def test_jobs_have_a_schedule_and_old_jobs_are_pruned(facts: Facts) -> None:
    assert facts["oban"] is not None
    assert {"Oban.Plugins.Cron", "Oban.Plugins.Pruner"} <= set(facts["oban"]["plugins"])
    assert facts["oban"]["queues"]


@pytest.mark.parametrize("name", [AGENT, ITEM])
def test_its_history_is_kept(name: str, facts: Facts, resource: Callable[[str], Facts]) -> None:
    assert "AshPaperTrail.Resource" in resource(name)["extensions"]
    assert resource(f"{name}.Version")["policies"], "versions have no policy for reading"


@pytest.mark.needs("extras")
def test_the_api_has_routes_of_every_kind(facts: Facts) -> None:
    paths = {route["path"] for route in facts["routes"]}
    assert any(path.startswith("/api/json") for path in paths)
    routes = [route for found in _resources(facts) for route in (found["api"] or {}).get("routes", ())]
    assert {"get", "post", "patch", "delete"} <= {route["method"] for route in routes}


@pytest.mark.needs("extras")
def test_the_admin_is_routed(facts: Facts) -> None:
    assert any(route["path"].startswith("/admin") for route in facts["routes"])


def _resources(facts: Facts) -> list[Facts]:
    return [found for domain in facts["domains"].values() for found in domain["resources"].values()]
