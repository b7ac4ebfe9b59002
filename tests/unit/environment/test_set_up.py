"""The set-up uses the user's package index, but no setting that changes where packages are installed."""

from __future__ import annotations

import os
import subprocess
import sys
from types import ModuleType

import pytest

from rollout.cli import setup
from rollout.config.options import ROOT

WANTED = {
    "PIP_INDEX_URL": "https://me:s3cret@index.test/simple", "UV_INDEX_URL": "https://index.test/simple",
    "https_proxy": "http://proxy.test:3128", "SSL_CERT_FILE": "/company.pem", "PIP_CERT": "/company.pem",
    "UV_INDEX_COMPANY_PASSWORD": "s3cret", "UV_CACHE_DIR": "/cache", "HOME": "/home/me", "PATH": "/usr/bin:/bin",
}  # fmt: skip
ELSEWHERE = {
    "PIP_TARGET": "/other", "PIP_PREFIX": "/other", "PIP_USER": "1", "PIP_REQUIRE_VIRTUALENV": "1", "PIP_DRY_RUN": "1",
    "PIP_NO_DEPS": "1", "PIP_REQUIRE_HASHES": "0", "UV_SYSTEM_PYTHON": "1", "UV_PYTHON": "3.9", "VIRTUAL_ENV": "/other",
    "UV_PROJECT_ENVIRONMENT": "/other", "CONDA_PREFIX": "/other", "UV_TARGET": "/other", "PYTHONPATH": "/other",
    "PYTHONWARNINGS": "error", "PYTHONHOME": "/no/such", "PGSERVICE": "other",
}  # fmt: skip


def _make(bootstrap: ModuleType) -> None:
    """A .venv that counts as complete, and is the current one."""
    (bootstrap.ROOT / ".venv" / "bin").mkdir(parents=True)
    (bootstrap.ROOT / ".venv" / "bin" / "python").symlink_to(sys.executable)
    bootstrap.STAMP.write_text(bootstrap.wanted())


def test_installers_get_only_variables_about_the_source_of_packages(bootstrap: ModuleType) -> None:
    assert bootstrap.for_installers({**WANTED, **ELSEWHERE}) == {**WANTED, "PIP_USER": "0"}


def test_python_variables_do_not_change_the_environment(bootstrap: ModuleType) -> None:
    _make(bootstrap)
    hostile = {**ELSEWHERE, "PYTHONSTARTUP": "/no/such/file", "PYTHONPLATLIBDIR": "nowhere"}
    argv = [sys.executable, "-E", str(bootstrap.ROOT / "bootstrap.py"), "site"]
    ended = subprocess.run(argv, env={**os.environ, **hostile}, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert "site-packages" in ended.stdout
    assert "/other" not in ended.stdout


def test_a_closed_output_is_opened_for_the_started_program(bootstrap: ModuleType) -> None:
    _make(bootstrap)
    script = 'exec "$0" -E "$1" site >&- 2>&- <&-'
    ended = subprocess.run(("sh", "-c", script, sys.executable, str(bootstrap.ROOT / "bootstrap.py")), check=False)
    assert ended.returncode == 0


def test_make_starts_python_without_its_variables() -> None:
    lines = [line for line in (ROOT / "Makefile").read_text().splitlines() if "bootstrap.py" in line]
    assert lines
    assert all("$(PYTHON) -E bootstrap.py" in line for line in lines)


@pytest.mark.parametrize(
    "word",
    ["--cache-show", "--cache-show=*", "--setup-plan", "--setup-only", "--markers", "--fixtures", "--fault=list"],
)
def test_a_command_that_only_prints_needs_no_engine(word: str) -> None:
    assert setup.needed_images((word, "--forge=container"), {}) == {}
