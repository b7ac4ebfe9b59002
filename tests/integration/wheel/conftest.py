"""One environment with the built wheel, and a repository of a user who has tests and plugins of his own."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import pytest

from rollout.config.options import ROOT
from rollout.site.engine.client import NoEngine
from rollout.site.engine.discovery import find_busy_engine

PATIENCE = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    code: int
    output: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """An environment that has the wheel and its requirements, and nothing of the checkout on its path."""

    python: Path
    package: Path
    home: Path

    def run(self, *command: str, cwd: Path, **variables: str) -> Ended:
        """Run a program of the environment, with folders of its own."""
        kept = {name: value for name, value in os.environ.items()
                if not name.startswith(("XAVOS_", "PYTEST_", "PYTHON", "GITHUB_")) and name != "CI"}  # fmt: skip
        folders = {f"XAVOS_{name.upper()}_DIR": str(self.home / name) for name in ("state", "cache")}
        ended = subprocess.run(
            [str(self.python.with_name(command[0])), *command[1:]], cwd=cwd,
            env={**kept, **folders, "NO_COLOR": "1", **variables}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace", timeout=PATIENCE, check=False,
        )  # fmt: skip
        return Ended(code=ended.returncode, output=ended.stdout)


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel is built without a network, and installed without its requirements: the environment of these tests
    lends them.
    """
    pytest.importorskip("hatchling", reason="requirements.lock has it: `make doctor` makes the environment again")
    home = tmp_path_factory.mktemp("wheel")
    _done(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(home), cwd=ROOT)
    (wheel,) = home.glob("*.whl")
    _done(sys.executable, "-m", "venv", "--without-pip", str(home / "env"), cwd=home)
    python = home / "env" / "bin" / "python"
    paths = sysconfig.get_paths("venv", vars={"base": str(home / "env"), "platbase": str(home / "env")})
    site = Path(paths["purelib"])
    (site / "requirements.pth").write_text(f"{sysconfig.get_path('purelib')}\n", encoding="utf-8")
    _done(*_installer(python), "--no-deps", "--no-index", str(wheel), cwd=home)
    return Installed(python=python, package=site / "xavos_rollout", home=home)


def _installer(python: Path) -> tuple[str, ...]:
    """pip or uv, whichever made the environment of these tests."""
    if importlib.util.find_spec("pip") is not None:
        return (sys.executable, "-m", "pip", f"--python={python}", "--disable-pip-version-check", "install", "--quiet")
    uv = shutil.which("uv")
    assert uv is not None, "neither pip nor uv is here, and one of them has made this environment"
    return (uv, "pip", "install", "--quiet", f"--python={python}")


def _done(*command: str, cwd: Path) -> None:
    ended = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository whose packages, options and settings have the names of ours, with a test that looks for leaks."""
    files = {
        "conftest.py": """
            import os
            import fixtures

            if os.environ.get("NOT_TO_BE_READ"):
                raise RuntimeError("the conftest of the user was read")

            def pytest_addoption(parser):
                parser.addoption("--port", default="theirs")
                parser.addoption("--source", default="theirs")
        """,
        "fixtures/__init__.py": "OURS = False\n",
        "suite/__init__.py": "",
        "rollout/__init__.py": "",
        "deploy_tests/__init__.py": "",
        "test/test_mine.py": """
            import os, signal, sys, warnings
            import deploy_tests, fixtures, rollout, suite

            def test_mine(request):
                assert not fixtures.OURS
                assert request.config.getoption("--port") == "theirs"
                assert not hasattr(rollout, "__version__")
                assert not any("_suite" in place for place in sys.path)
                assert {"xavos_rollout", "xavos_rollout.plugin"} == {
                    name for name in sys.modules if name.startswith("xavos_rollout")
                }
                assert os.environ["PGHOST"] == "theirs"  # a run of ours removes it
                warnings.warn("a run of ours would make this an error")
        """,
        "pyproject.toml": """
            [tool.pytest.ini_options]
            addopts = "-n 2 --strict-markers --strict-config"
            pythonpath = ["."]
            testpaths = ["test"]
        """,
    }
    folder = tmp_path / "repository"
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        lines = text.strip("\n").splitlines()
        file.write_text("".join(f"{line[12:] if line[:1] == ' ' else line}\n" for line in lines), encoding="utf-8")
    _done("git", "init", "--quiet", ".", cwd=folder)
    return folder


@pytest.fixture
def engine() -> None:
    """Skip without a container engine, as every test of a whole run."""
    found = find_busy_engine()
    if isinstance(found, NoEngine):
        pytest.skip(f"no container engine: {found.reason}")
