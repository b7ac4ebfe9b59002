"""Checks of the Git worktree: isolated, private, with its own settings."""

from __future__ import annotations

import stat

import pytest

from deploy_tests.support.commands import Ask
from rollout.phases.phase import PhaseResult
from rollout.site.views import CheckedSite

pytestmark = [pytest.mark.phase("worktree"), pytest.mark.timeout(60)]


def test_worktree_phase_passed(phase: PhaseResult) -> None:
    phase.require()


def test_the_folder_is_a_worktree_with_its_own_branch(site: CheckedSite) -> None:
    assert str(site.directory) in site.repository.worktrees()
    assert site.repository.has_branch(site.branch)


def test_the_environment_file_is_private(site: CheckedSite) -> None:
    assert stat.S_IMODE(site.file(".env").stat().st_mode) == 0o600


def test_the_environment_file_names_the_port_and_its_own_databases(site: CheckedSite) -> None:
    settings = dict(line.split("=", 1) for line in site.file(".env").read_text().splitlines())
    assert settings["PORT"] == str(site.options.port)
    assert settings["DATABASE_URL"].endswith(f"/{site.options.name}_dev")
    assert settings["TEST_DATABASE_URL"].endswith(f"/{site.options.name}_test")


def test_no_secret_is_committed(site: CheckedSite) -> None:
    tracked = site.repository.tracked(site.branch)
    assert ".env" not in tracked
    assert not any(path.startswith(".home/") for path in tracked)


def test_the_package_source_is_verified_by_its_key(ask: Ask) -> None:
    repositories = ask("mix", "hex.repo", "list", repeatable=True).tail
    assert "hexpm" in repositories
    unsafe = ask("sh", "-c", 'echo "[${HEX_UNSAFE_REGISTRY:-unset}]"', repeatable=True).tail
    assert unsafe.strip() == "[unset]"
