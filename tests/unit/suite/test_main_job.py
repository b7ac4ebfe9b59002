"""pytest deploys if it selects checks, by any path, unless an option only prints something."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest

from rollout.config.options import ROOT
from suite.preparation import is_main_job

NO_PHASE = "--through=no_such_phase"  # refused as soon as a run is begun, before anything is looked at


class Config:
    """The part of pytest's configuration that the code uses."""

    def __init__(self, *args: str, **options: Any) -> None:
        self.args, self._options = list(args), options

    def getoption(self, name: str, default: Any = None) -> Any:
        return self._options.get(name, default)


def is_main(*args: str, **options: Any) -> bool:
    return is_main_job(cast("pytest.Config", Config(*args, **options)))


@pytest.mark.parametrize(
    "selected",
    ["deploy_tests", "deploy_tests/test_18_server.py::test_admin_answers", ".", "docs/../deploy_tests", "tests/../",
     "deploy_tests.test_13_server"],
)  # fmt: skip
def test_checks_are_selected_by_any_path(monkeypatch: pytest.MonkeyPatch, selected: str) -> None:
    monkeypatch.chdir(ROOT)
    assert is_main(selected)


def test_checks_are_selected_from_a_folder_below(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT / "docs")
    assert is_main("../deploy_tests")
    assert not is_main("../tests")


def test_checks_are_selected_through_a_link(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(ROOT)
    monkeypatch.chdir(tmp_path)
    assert is_main("link")
    assert is_main("link/deploy_tests/test_18_server.py::test_admin_answers")
    assert not is_main("link/tests")


@pytest.mark.parametrize(
    "option",
    ["collectonly", "help", "version", "markers", "showfixtures", "show_fixtures_per_test", "setupplan", "setuponly"],
)
def test_options_that_only_print(monkeypatch: pytest.MonkeyPatch, option: str) -> None:
    monkeypatch.chdir(ROOT)
    assert not is_main("deploy_tests", **{option: True})


def test_showing_the_cache_only_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert not is_main("deploy_tests", cacheshow=["*"])
    assert is_main("deploy_tests", cacheshow=None)


# -- as pytest really has it -------------------------------------------------------------------------------------------


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = (sys.executable, "-m", "pytest", "-p", "no:randomly", *arguments)
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture
def places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    for name in ("STATE", "CACHE", "REPORTS"):
        monkeypatch.setenv(f"XAVOS_{name}_DIR", str(tmp_path / name.lower()))
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    return tmp_path


def test_a_run_starts_from_a_folder_below_and_through_a_link(places: Path) -> None:
    (places / "link").symlink_to(ROOT)
    for folder, selected in ((ROOT / "docs", "../deploy_tests"), (places, "link/deploy_tests")):
        ended = run(folder, selected, NO_PHASE)
        assert ended.returncode == 4, ended.stdout + ended.stderr
        assert "no_such_phase" in ended.stderr


def test_a_preview_of_the_set_up_changes_nothing(places: Path) -> None:
    ended = run(ROOT, "deploy_tests/test_01_prerequisites.py", "--setup-only", "-p", "no:cacheprovider", NO_PHASE)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "SETUP    S deployment" in ended.stdout
    assert "nothing is deployed" in ended.stdout
    assert "deployed." not in ended.stdout.replace("nothing is deployed, ", "")
    assert list(places.iterdir()) == []


def test_showing_the_cache_opens_no_run(places: Path) -> None:
    ended = run(ROOT, "--cache-show", "-o", f"cache_dir={places / 'pytest'}", NO_PHASE)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert not (places / "state").exists()


def test_an_unknown_variable_causes_one_warning(monkeypatch: pytest.MonkeyPatch, places: Path) -> None:
    monkeypatch.setenv("XAVOS_PROT", "4100")
    ended = run(ROOT, "--markers")
    assert (ended.stderr.count("XAVOS_PROT"), ended.stdout.count("XAVOS_PROT")) == (1, 0)
    assert "Did you mean XAVOS_PORT?" in ended.stderr
