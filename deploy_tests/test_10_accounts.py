"""Checks sign-in methods, roles and API keys. They need real packages."""

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
from deploy_tests.support.package_checks import test_package_is_compiled, test_package_is_locked_as_the_plan_requires
from rollout.phases.phase import PhaseResult
from rollout.site.views import CheckedSite

__all__ = [
    "test_every_resource_has_policies",
    "test_package_is_compiled",
    "test_package_is_locked_as_the_plan_requires",
    "test_the_code_is_formatted",
]
pytestmark = [pytest.mark.phase("accounts"), pytest.mark.timeout(120)]

USER, API_KEY = "Xavos.Accounts.User", "Xavos.Accounts.ApiKey"


def test_accounts_phase_passed(phase: PhaseResult) -> None:
    phase.require()


@pytest.mark.parametrize(
    "module",
    ["Xavos.Accounts.ApiKey", "Xavos.RateLimit", "Mix.Tasks.Xavos.Operator", "Mix.Tasks.Xavos.ApiKey"],
)
def test_module_is_compiled(module: str, site: CheckedSite) -> None:
    assert is_compiled(module, site)


def test_users_have_a_role(resource: Callable[[str], Facts]) -> None:
    role = resource(USER)["attributes"].get("role")
    assert role is not None
    assert not role["nullable"]


def test_a_user_can_exist_without_a_password(resource: Callable[[str], Facts]) -> None:
    """Users who sign in by link or key have none."""
    password = resource(USER)["attributes"]["hashed_password"]
    assert (password["nullable"], password["sensitive"], password["public"]) == (True, True, False)


def test_api_keys_are_hashed_expire_and_can_be_revoked(resource: Callable[[str], Facts]) -> None:
    attributes = resource(API_KEY)["attributes"]
    assert {"expires_at", "revoked_at", "name"} <= attributes.keys()
    hashed = [name for name in attributes if "hash" in name]
    assert hashed
    assert not any(attributes[name]["public"] for name in hashed)


def test_users_can_sign_in_three_ways(resource: Callable[[str], Facts]) -> None:
    actions = resource(USER)["actions"]
    for way in ("password", "magic_link", "api_key"):
        assert any(way in name for name in actions), f"no action for {way} among {sorted(actions)}"


@pytest.mark.parametrize("task", ["xavos.operator", "xavos.api_key"])
def test_its_mix_task_has_a_description(task: str, ask: Ask) -> None:
    explains_itself(task, ask)


def test_magic_links_are_routed(facts: Facts) -> None:
    assert any("magic_link" in route["path"] for route in facts["routes"]), facts["routes"]
