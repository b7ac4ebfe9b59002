"""Checks of an application that a user's own script deployed."""

from __future__ import annotations

import pytest

from deploy_tests.support.commands import Ask
from rollout.phases.phase import PhaseResult
from rollout.site.views import CheckedSite

pytestmark = [pytest.mark.phase("script"), pytest.mark.timeout(300)]


def test_script_phase_passed(phase: PhaseResult) -> None:
    phase.require()


def test_the_application_of_the_script_compiles(ask: Ask, site: CheckedSite) -> None:
    compiled = ask("mix", "compile", label="the application compiles", repeatable=True)
    assert compiled.ok, compiled.tail
    assert list(site.file("_build/dev/lib").iterdir()) != []


def test_the_lock_of_the_scripts_application_agrees_with_mix_exs(ask: Ask) -> None:
    checked = ask("mix", "deps.get", "--check-locked", label="lock agrees with mix.exs", repeatable=True)
    assert checked.ok, checked.tail
