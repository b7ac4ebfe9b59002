"""The files to copy into a CI are valid, and run the two commands of the README."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]  # of MkDocs

from rollout.config.options import ROOT
from xavos_rollout.commands import COMMANDS

FOLDER = ROOT / "docs" / "ci"


def load(name: str) -> Any:
    return yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))


def commands_of_github() -> list[str]:
    return [step["run"] for step in load("github-action.yml")["runs"]["steps"] if "run" in step]


def test_both_run_the_two_commands() -> None:
    """Each with the options that the job is given."""
    assert ["xavos-rollout init", "pytest --rollout $ARGUMENTS"] == commands_of_github()[1:]
    assert ["xavos-rollout init", "pytest --rollout $ROLLOUT_ARGUMENTS"] == load("gitlab.yml")["verify"]["script"]
    assert "init" in {command.name for command in COMMANDS}


def test_every_step_of_the_action_says_its_shell() -> None:
    """GitHub refuses a composite action otherwise. An input gets into a command only by a variable."""
    steps = load("github-action.yml")["runs"]["steps"]
    assert {"bash"} == {step["shell"] for step in steps if "run" in step}
    assert not any("${{" in command for command in commands_of_github())


def test_reports_are_kept_where_the_run_writes_them() -> None:
    steps = {step.get("name"): step for step in load("github-action.yml")["runs"]["steps"]}
    assert steps["Verify"]["env"]["XAVOS_REPORTS_DIR"] == steps["Reports"]["with"]["path"]
    job = load("gitlab.yml")["verify"]
    (kept,) = job["artifacts"]["paths"]
    assert f"$CI_PROJECT_DIR/{kept}" == job["variables"]["XAVOS_REPORTS_DIR"]
    assert Path(kept, "latest", "junit.xml") == Path(job["artifacts"]["reports"]["junit"])
