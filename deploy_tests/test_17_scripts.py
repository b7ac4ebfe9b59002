"""Checks of the scripts that operate XAVOS."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator

import pytest

from deploy_tests.support.commands import Ask
from deploy_tests.support.records import PREFIX, CreatedRecords, delete_records
from fixtures.scripts import SCRIPTS
from rollout.phases.phase import PhaseResult
from rollout.site.views import CheckedSite

pytestmark = [pytest.mark.phase("scripts"), pytest.mark.timeout(120)]

COMMANDS = (
    "start",
    "stop",
    "status",
    "test",
    "check",
    "console",
    "agents",
    "work",
    "intelligence",
    "operator",
    "key",
    "swarm",
    "reset",
)

DEPLOY_COMMANDS = ("release", "migrate", "roll", "rollback", "wait", "status", "stop", "proxy", "--dry-run")

# Commands that are Mix tasks of later phases (real packages only). Exit code where they are missing:
TASKS = {"work": "work", "intelligence": "advise", "operator": "operator", "key": "api_key", "swarm": "swarm"}
NOT_DEPLOYED = 4


def test_scripts_phase_passed(phase: PhaseResult) -> None:
    phase.require()


@pytest.mark.parametrize("script", SCRIPTS)
def test_script_is_executable(script: str, site: CheckedSite) -> None:
    assert os.access(site.file(script), os.X_OK)


def test_every_command_is_in_the_usage(ask: Ask) -> None:
    usage = ask("scripts/manage_xavos.sh", "help", label="usage of manage_xavos.sh", repeatable=True).tail
    assert [command for command in COMMANDS if command not in usage] == []


def test_deploy_script_lists_its_commands(ask: Ask) -> None:
    told = ask("scripts/deploy_xavos.sh", "--help", label="usage of deploy_xavos.sh", repeatable=True)
    assert told.ok, told.tail
    assert [each for each in DEPLOY_COMMANDS if f"\n  {each}" not in told.tail] == []


def test_deploy_script_prints_how_a_release_is_built(ask: Ask, site: CheckedSite) -> None:
    planned = ask("scripts/deploy_xavos.sh", "--dry-run", "release", "r1", label="dry run of a build", repeatable=True)
    assert planned.ok, planned.tail
    assert "+ env MIX_ENV=prod XAVOS_REVISION=r1 mix release --overwrite --path releases/r1\n" in planned.tail
    assert not site.file("releases").exists()


def test_deploy_script_refuses_what_is_no_release(ask: Ask) -> None:
    refused = ask("scripts/deploy_xavos.sh", "roll", "lib", label="roll to a folder that is no release")
    assert refused.exit_code == 1
    assert "bin/server is missing" in refused.tail


def test_an_unknown_command_is_refused(ask: Ask) -> None:
    assert ask("scripts/manage_xavos.sh", "no-such-command", label="unknown command").exit_code not in (0, None)


def test_status_says_stopped_before_the_first_start(ask: Ask, site: CheckedSite) -> None:
    if site.file("log/server.log").exists():
        pytest.skip("the server was already started in this run")
    status = ask("scripts/manage_xavos.sh", "status", label="status before start", repeatable=True)
    assert status.exit_code != 0
    assert "not running" in status.tail.lower() or "stopped" in status.tail.lower()


def test_reset_asks_before_it_deletes(ask: Ask, site: CheckedSite) -> None:
    asked = ask("scripts/manage_xavos.sh", "reset", label="reset without an answer")
    assert asked.exit_code != 0
    assert site.database_digest(site.databases["dev"]) is not None


@pytest.mark.parametrize("command", TASKS)
def test_a_command_that_is_not_deployed_says_so(command: str, ask: Ask, site: CheckedSite) -> None:
    if site.file(f"lib/mix/tasks/xavos.{TASKS[command]}.ex").exists():
        pytest.skip(f"XAVOS has {command} in this deployment")
    refused = ask("scripts/manage_xavos.sh", command, label=f"manage_xavos.sh {command}, not deployed", repeatable=True)
    assert refused.exit_code == NOT_DEPLOYED
    assert "was not deployed" in refused.tail


@pytest.fixture
def records_deleted_by_script(site: CheckedSite, created: CreatedRecords) -> Iterator[None]:
    """Delete the records that a check creates by script."""
    yield
    with site.database.connect(site.databases["dev"]) as connection:
        delete_records(connection, created)


@pytest.mark.usefixtures("records_deleted_by_script")
def test_work_is_added_and_listed(ask: Ask, site: CheckedSite) -> None:
    if not site.file("lib/mix/tasks/xavos.work.ex").exists():
        pytest.skip("XAVOS has no work items in this deployment")
    name = f"{PREFIX}by-script"
    added = ask("scripts/manage_xavos.sh", "work", "add", name, "Added by a script", label="work add")
    assert added.ok, added.tail
    assert name in ask("scripts/manage_xavos.sh", "work", label="work", repeatable=True).tail
    assert not ask("scripts/manage_xavos.sh", "work", "add", name, "Again", label="work add once more").ok


@pytest.mark.usefixtures("records_deleted_by_script")
def test_advice_comes_from_rules_where_no_key_is_configured(
    ask: Ask, site: CheckedSite, created: CreatedRecords
) -> None:
    if not site.file("lib/mix/tasks/xavos.advise.ex").exists():
        pytest.skip("XAVOS gives no advice in this deployment")
    if "ANTHROPIC_API_KEY" in site.file(".env").read_text(encoding="utf-8"):
        pytest.skip("an API key is configured, and a request costs money")
    advised = ask("scripts/manage_xavos.sh", "intelligence", "priority", "--json", label="advice on priorities")
    assert advised.ok, advised.tail
    advice = json.loads(next(line for line in advised.tail.splitlines() if line.startswith("{")))
    created.advices.append(uuid.UUID(advice["id"]))
    assert (advice["source"], advice["model"]) == ("heuristic", None)
    assert "not by a model" in advice["summary"]
