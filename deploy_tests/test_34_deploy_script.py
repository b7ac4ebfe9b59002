"""Checks the script that deploys releases by hand, while the schema is that of A."""

from __future__ import annotations

import pytest

from deploy_tests.support.deploy_script import DeployScript, commands
from rollout.production.deployed import Deployed

pytestmark = [pytest.mark.phase("instances"), pytest.mark.timeout(400)]


def test_a_dry_run_names_release_ports_and_pending_migrations(deploy_script: DeployScript, released: Deployed) -> None:
    a, b = released.releases["a"], released.releases["b"]
    printed = deploy_script.must("--dry-run", "roll", deploy_script.release("b"))
    assert f"release: {deploy_script.release('b')} (version {b.version})" in printed
    assert f"migrations pending: {' '.join(b.migrations[len(a.migrations) :])}\n" in printed
    assert f"instance 1: port none → {deploy_script.port}\n" in printed
    assert commands(printed)[0] == f"+ {deploy_script.release('b')}/bin/migrate"
    assert deploy_script.answers(deploy_script.port) == ""


def test_a_release_without_its_schema_is_taken_back(deploy_script: DeployScript) -> None:
    """B is never ready while its migrations are pending. A serves all the time."""
    deploy_script.must("roll", deploy_script.release("a"))
    refused = deploy_script("--no-migrate", "roll", deploy_script.release("b"), ready_seconds=6)
    assert refused.exit_code == 1
    assert f"{deploy_script.release('b')} was taken back" in refused.tail
    assert deploy_script.answers(deploy_script.port) == "a"
    assert deploy_script.answers(deploy_script.port + 1) == ""
    assert f"release: {deploy_script.release('a')}" in deploy_script.must("status")
