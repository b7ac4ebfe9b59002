"""The wheel in an environment of its own: its command, its plugin, and a run from a user's repository."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

import rollout
from tests.integration.wheel.conftest import Installed
from tests.unit.project import repositories

_RUN = ("--source=rehearsal", "--path=realistic", "--through=packages", "--keep=never", "--name=fromwheel")


def test_one_name_is_new_in_the_environment(installed: Installed) -> None:
    """A package of the user may be called fixtures or suite."""
    names = {path.name for path in installed.package.parent.iterdir()}
    assert {"xavos_rollout", f"xavos_rollout-{rollout.__version__}.dist-info", "requirements.pth"} == names


def test_the_command_answers_without_the_checkout(installed: Installed, tmp_path: Path) -> None:
    asked = installed.run("xavos-rollout", "--version", cwd=tmp_path)
    assert (0, f"xavos-rollout {rollout.__version__}\n") == (asked.code, asked.output)
    planned = installed.run("xavos-rollout", "plan", "--path=realistic", "--source=rehearsal", cwd=tmp_path)
    assert planned.code == 0, planned.output
    assert "Path realistic: " in planned.output
    assert str(installed.package) not in planned.output, "a deployment would go into the installed package"


def test_tests_of_the_user_know_nothing_of_the_plugin(installed: Installed, repository: Path) -> None:
    """His conftest, options of the same name, packages of the same name, and pytest-xdist."""
    ended = installed.run("python", "-P", "-m", "pytest", cwd=repository, PGHOST="theirs")
    assert ended.code == 0, ended.output
    assert "1 passed, 1 warning" in ended.output
    assert "created: 2/2 workers" in ended.output


@pytest.mark.usefixtures("engine")
def test_a_run_from_a_repository_reads_nothing_of_the_users_tests(installed: Installed, repository: Path) -> None:
    """Its plugins, settings and conftest are not ours, and it gets no file that Git would show."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    before = _status(repository)
    ended = installed.run(
        "python", "-P", "-m", "pytest", "--rollout", *_RUN, f"--port={port}", f"--directory={installed.home / 'site'}",
        cwd=repository, NOT_TO_BE_READ="1", PYTEST_ADDOPTS="--no-such-option",
    )  # fmt: skip
    assert ended.code == 0, ended.output
    (reports,) = (installed.home / "state" / "reports").glob("repository-*")
    verdict = json.loads((reports / "latest" / "verdict.json").read_text(encoding="utf-8"))
    phases = {phase["name"]: phase["outcome"] for phase in verdict["paths"]["realistic"]["phases"]}
    assert {"prerequisites": "passed", "packages": "passed"} == phases
    assert before == _status(repository)


def test_two_commands_lead_to_the_plan_of_the_users_application(installed: Installed, tmp_path: Path) -> None:
    """init reads the repository, and the other commands are about it from then on."""
    folder = repositories.repository(tmp_path / "shop")
    written = installed.run("xavos-rollout", "init", cwd=folder)
    assert (0, True) == (written.code, (folder / "rollout.toml").is_file()), written.output
    planned = installed.run("python", "-P", "-m", "pytest", "--rollout", "--plan", "--source=rehearsal", cwd=folder)
    assert planned.code == 0, planned.output
    assert planned.output.startswith("Path app: ")
    assert "Deployment 'shop' into " in planned.output


def test_a_test_of_the_user_is_no_check(installed: Installed, repository: Path) -> None:
    """It is refused before anything is deployed, and before its conftest is read."""
    ended = installed.run("xavos-rollout", "deploy", *_RUN, "test/test_mine.py", cwd=repository, NOT_TO_BE_READ="1")
    assert ended.code == pytest.ExitCode.USAGE_ERROR
    assert "test/test_mine.py is not a check of this suite" in ended.output


def _status(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if "__pycache__" not in path.parts}
