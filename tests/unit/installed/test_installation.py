"""What differs between a checkout and an installed suite: commands in messages, sessions, and where a run writes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from rollout import environment, installation
from rollout.config import options
from rollout.config.options import ROOT
from rollout.errors import InvalidOption, UnfitPlace
from rollout.site import folder_check
from rollout.site.folder_check import require_usable_place
from xavos_rollout.reports import reports_folder


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (installation, options, folder_check):
        monkeypatch.setattr(module, "IS_CHECKOUT", False)


def parsed(*given: tuple[str, str], **environment: str) -> options.Options:
    return options.parse_options(dict(given).get, environment)


@pytest.mark.parametrize(
    ("words", "in_checkout", "in_wheel"),
    [
        (("undeploy",), "make undeploy", "xavos-rollout undeploy"),
        (("undeploy", "a"), "make undeploy ARGS=a", "xavos-rollout undeploy a"),
        (("undeploy", "a", "b"), 'make undeploy ARGS="a b"', "xavos-rollout undeploy a b"),
        (("recover",), "pytest --recover", "xavos-rollout recover"),
        (("init",), "python -m rollout init", "xavos-rollout init"),
        (("setup",), "make deploy", "xavos-rollout setup"),
        (("bundle",), "make bundle", "xavos-rollout bundle"),
    ],
)
def test_messages_name_a_command_that_is_there(
    words: tuple[str, ...], in_checkout: str, in_wheel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert in_checkout == installation.command(*words)
    assert ("pytest", "-x") == installation.run_command("-x")
    assert "python -m rollout.report" == installation.program("rollout.report", "report")
    monkeypatch.setattr(installation, "IS_CHECKOUT", False)
    assert in_wheel == installation.command(*words)
    assert ("xavos-rollout", "deploy", "-x") == installation.run_command("-x")
    assert "xavos-rollout report" == installation.program("rollout.report", "report")
    assert "xavos-rollout" == installation.program("rollout")


def test_a_session_of_a_checkout_is_plain_pytest() -> None:
    assert (sys.executable, "-m", "pytest", "-x") == installation.pytest_command("-x")


@pytest.mark.usefixtures("installed")
def test_a_session_of_a_wheel_names_its_own_settings_last() -> None:
    """Of two values pytest takes the last."""
    *_, config, rootdir, _, plugin, _, checks = installation.pytest_command("-c", "theirs.ini")
    assert (str(ROOT / "pyproject.toml"), f"--rootdir={ROOT}") == (config, rootdir)
    assert ("-pxavos_rollout.session", str(ROOT / "deploy_tests")) == (plugin, checks)


@pytest.mark.usefixtures("installed")
def test_an_installed_suite_writes_outside_of_itself(tmp_path: Path) -> None:
    found = parsed(XAVOS_STATE_DIR=str(tmp_path / "state"), HOME=str(tmp_path))
    assert tmp_path / "state" / "reports" == found.reports
    assert ("deployments", "xavos") == found.directory.parts[-2:]
    assert not found.directory.is_relative_to(ROOT)
    inside = parsed(("directory", str(ROOT / "app" / "x")), XAVOS_STATE_DIR=str(tmp_path / "state"))
    with pytest.raises(UnfitPlace, match="it is in the installed suite"):
        require_usable_place(inside, inside.directory, {})


@pytest.mark.usefixtures("installed")
def test_without_a_home_folder_the_deployment_needs_a_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def no_home(name: str) -> Path:
        raise RuntimeError(name)

    monkeypatch.setattr("platformdirs.user_data_path", no_home)
    folders = {f"XAVOS_{name}_DIR": str(tmp_path / name) for name in ("STATE", "CACHE")}
    with pytest.raises(InvalidOption, match=r"--directory='' is not valid.*no home folder"):
        parsed(**folders)
    assert tmp_path / "x" == parsed(("directory", str(tmp_path / "x")), **folders).directory


class TestReports:
    """Where reports go that are about a repository."""

    def test_they_are_in_the_repository_only_if_git_ignores_them_there(self, tmp_path: Path) -> None:
        project, state = tmp_path / "shop", tmp_path / "state"
        project.mkdir()
        subprocess.run(("git", "init", "--quiet", "."), cwd=project, env=environment.git(), check=True)
        beside = reports_folder(project, state)
        assert state / "reports" == beside.parent
        assert beside.name.startswith("shop-")
        (project / ".gitignore").write_text("/reports/\n", encoding="utf-8")
        assert project / "reports" == reports_folder(project, state)

    def test_two_projects_of_one_name_have_two_folders(self, tmp_path: Path) -> None:
        """They need not be repositories, nor exist."""
        first, second = (reports_folder(tmp_path / place / "shop", tmp_path) for place in ("a", "b"))
        assert first != second
        assert first == reports_folder(tmp_path / "a" / "shop", tmp_path)
