"""Checks that authentication is installed and has routes, and that the code contains no secret."""

from __future__ import annotations

import pytest

from deploy_tests.support.commands import Ask
from deploy_tests.support.package_checks import test_package_is_compiled, test_package_is_locked_as_the_plan_requires
from rollout.phases.phase import PhaseResult
from rollout.site.settings import secrets_of
from rollout.site.views import CheckedSite

__all__ = ["test_package_is_compiled", "test_package_is_locked_as_the_plan_requires"]
pytestmark = [pytest.mark.phase("authentication"), pytest.mark.timeout(120)]


def test_authentication_phase_passed(phase: PhaseResult) -> None:
    phase.require()


def test_the_signing_secret_is_not_in_the_code(site: CheckedSite, tracked: tuple[str, ...]) -> None:
    """The same rule for every path: a secret that a generator writes into config/dev.exs is in the code."""
    secret = secrets_of(site).get("TOKEN_SIGNING_SECRET")
    if site.observed and secret is None:
        pytest.skip("this application has no signing secret in its development configuration")
    assert secret, "there is no signing secret: this check has nothing to look for"
    files = _code(site) if site.observed else tracked
    assert files, "the application has no files: this check searches nothing"
    holding = [path for path in files if secret in _text(site, path)]
    assert holding == []
    assert site.observed or secret in site.file(".env").read_text(encoding="utf-8")


def _text(site: CheckedSite, path: str) -> str:
    return site.application.joinpath(path).read_text(encoding="utf-8", errors="replace")


def _code(site: CheckedSite) -> list[str]:
    """Source files, tracked by Git or not."""
    files = [file for folder in ("config", "lib", "test") for file in site.application.joinpath(folder).rglob("*")]
    return sorted(str(file.relative_to(site.application)) for file in files if file.is_file())


def test_sign_in_is_routed(ask: Ask) -> None:
    routes = ask("mix", "phx.routes", label="routes of authentication", repeatable=True).tail
    assert "/sign-in" in routes
    assert "/register" in routes
