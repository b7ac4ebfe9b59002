"""Checks that the packages of the generated Phoenix application are resolved, fetched and compiled."""

from __future__ import annotations

import pytest

from deploy_tests.support.commands import Ask
from rollout.packages.dependencies import read_lock
from rollout.phases.phase import PhaseResult
from rollout.site.views import CheckedSite

pytestmark = [pytest.mark.phase("phoenix_app"), pytest.mark.timeout(120)]


def test_phoenix_app_phase_passed(phase: PhaseResult) -> None:
    phase.require()


def test_the_application_is_called_xavos(site: CheckedSite) -> None:
    assert "app: :xavos" in site.file("mix.exs").read_text()


def test_the_lock_agrees_with_mix_exs(ask: Ask) -> None:
    checked = ask("mix", "deps.get", "--check-locked", label="lock agrees with mix.exs", repeatable=True)
    assert checked.ok, checked.tail


def test_every_dependency_is_fetched_and_compiled(ask: Ask) -> None:
    listed = ask("mix", "deps", label="dependencies are in order", repeatable=True)
    assert listed.ok, listed.tail
    wrong = [line for line in listed.tail.splitlines() if "the dependency" in line or "mix deps." in line]
    assert wrong == []


def test_phoenix_and_liveview_are_locked(site: CheckedSite) -> None:
    assert {"phoenix", "phoenix_live_view", "ecto_sql", "postgrex"} <= read_lock(site.file("mix.lock")).keys()


def test_tables_get_binary_ids(site: CheckedSite) -> None:
    assert "binary_id: true" in site.file("config/config.exs").read_text()


def test_the_application_is_compiled(site: CheckedSite) -> None:
    assert site.file("_build/dev/lib/xavos/ebin/xavos.app").is_file()
