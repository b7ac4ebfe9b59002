"""Authentication: installed, wired, its secrets outside the code."""

from __future__ import annotations

import pytest

from deploy_tests.conftest import Ask
from deploy_tests.packages import test_package_is_compiled, test_package_is_locked_as_the_plan_requires
from rollout.phase import PhaseResult
from rollout.site.settings import secrets_of
from rollout.site.site import Site

__all__ = ["test_package_is_compiled", "test_package_is_locked_as_the_plan_requires"]
pytestmark = [pytest.mark.phase("authentication"), pytest.mark.timeout(120)]


def test_authentication_phase_passed(phase: PhaseResult) -> None:
    phase.require()


def test_the_signing_secret_is_not_in_the_code(site: Site, tracked: tuple[str, ...]) -> None:
    secret = secrets_of(site).get("TOKEN_SIGNING_SECRET")
    found = [
        path for path in tracked
        if secret and secret in site.file(path).read_text(encoding="utf-8", errors="replace")
    ]  # fmt: skip
    assert found == []


def test_sign_in_is_routed(ask: Ask) -> None:
    routes = ask("mix", "phx.routes", label="routes of authentication", repeatable=True).tail
    assert "/sign-in" in routes
    assert "/register" in routes
