"""Checks that the script rolls from one release to the next and back, with the schema that both work with."""

from __future__ import annotations

import pytest

from deploy_tests.support.deploy_script import DeployScript, commands

pytestmark = [pytest.mark.phase("upgrade"), pytest.mark.timeout(500)]


def test_a_roll_runs_what_its_dry_run_prints_and_goes_back(deploy_script: DeployScript) -> None:
    first, second = deploy_script.port, deploy_script.port + 1
    a, b = deploy_script.release("a"), deploy_script.release("b")
    deploy_script.must("roll", a)
    assert deploy_script.answers(first) == "a"
    planned = deploy_script.must("--dry-run", "roll", b)
    assert "migrations pending: none\n" in planned
    assert f"replaces: {a}\n" in planned
    assert f"instance 1: port {first} → {second}\n" in planned
    assert commands(deploy_script.must("roll", b)) == commands(planned)
    assert (deploy_script.answers(first), deploy_script.answers(second)) == ("", "b")
    deploy_script.must("rollback")
    assert (deploy_script.answers(first), deploy_script.answers(second)) == ("a", "")
