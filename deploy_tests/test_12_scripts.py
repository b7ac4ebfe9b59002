"""The scripts by which people run XAVOS."""

from __future__ import annotations

import os

import pytest

from deploy_tests.conftest import Ask
from fixtures.scripts import SCRIPTS
from rollout.phase import PhaseResult
from rollout.site.site import Site

pytestmark = [pytest.mark.phase("scripts"), pytest.mark.timeout(120)]

COMMANDS = ("start", "stop", "status", "test", "console", "reset", "agents")


def test_scripts_phase_passed(phase: PhaseResult) -> None:
    phase.require()


@pytest.mark.parametrize("script", SCRIPTS)
def test_script_is_executable(script: str, site: Site) -> None:
    assert os.access(site.file(script), os.X_OK)


def test_every_command_is_in_the_usage(ask: Ask) -> None:
    usage = ask("scripts/manage_xavos.sh", "help", label="usage of manage_xavos.sh").tail
    assert [command for command in COMMANDS if command not in usage] == []


def test_an_unknown_command_is_refused(ask: Ask) -> None:
    assert ask("scripts/manage_xavos.sh", "no-such-command", label="unknown command").exit_code not in (0, None)


def test_status_says_stopped_before_the_first_start(ask: Ask, site: Site) -> None:
    if site.file("log/server.log").exists():
        pytest.skip("the server has been started in this run already")
    status = ask("scripts/manage_xavos.sh", "status", label="status before start")
    assert status.exit_code != 0
    assert "not running" in status.tail.lower() or "stopped" in status.tail.lower()


def test_reset_asks_before_it_deletes(ask: Ask, site: Site) -> None:
    asked = ask("scripts/manage_xavos.sh", "reset", label="reset without an answer")
    assert asked.exit_code != 0
    assert site.database_digest(site.databases["dev"]) is not None
