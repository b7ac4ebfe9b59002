"""Adding a phase changes its plan, its checks, and one file of `fixtures/`. Done here in a copy of the repository."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rollout.config.options import ROOT

PLAN = """
[[phase]]
name = "telemetry"
description = "counts what happens"
traits = ["journals", "writes_files", "runs_mix", "reads_lock", "compiles"]
edition = "real"
because = "stand-ins count nothing"
timeout_seconds = 600
"""
CHECKS = '''"""What telemetry counts."""

from __future__ import annotations

import pytest

from rollout.phases.phase import PhaseResult

pytestmark = [pytest.mark.phase("telemetry"), pytest.mark.timeout(60)]


def test_telemetry_phase_passed(phase: PhaseResult) -> None:
    phase.require()
'''
MODULE = '''"""Telemetry: counts what happens."""

from __future__ import annotations

from fixtures.chain import phase_fixture
from rollout.phases.phase import PhaseCode
from rollout.phases.step import Step


def apply(step: Step) -> None:
    step.site.file("telemetry.txt").write_text("0")


code = PhaseCode(name="telemetry", apply=apply)

telemetry = phase_fixture(code)
'''
DEPLOYS = '''"""Deploys the new phase on this machine."""

import pytest

from fixtures.chain import phase_fixture
from tests.unit.fakes import GROUND, Stage, plan

ground = phase_fixture(GROUND)


@pytest.fixture(scope="session")
def deployment(tmp_path_factory):
    stage = Stage(tmp_path_factory.mktemp("stage"), plan("ground", "telemetry"))
    yield stage.deployment
    stage.deployment.finish()
    stage.run.close(settled=stage.deployment.is_settled)


def test_the_new_phase_is_applied_after_the_one_before_it(deployment, telemetry):
    telemetry.require()
    assert list(deployment.results) == ["ground", "telemetry"]
'''
# Tests of the suite that read plans, checks and documents.
READERS = (
    "tests/unit/test_documents.py",
    "tests/unit/config/test_options_and_plan.py",
    "tests/unit/faults/test_traits.py",
)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The repository's files without Git, environment and caches."""
    left_out = shutil.ignore_patterns(
        ".git", ".venv", "reports", "_build", "deps", "node_modules", "__pycache__", ".*_cache"
    )
    return shutil.copytree(ROOT, tmp_path / "copy", ignore=left_out, symlinks=True)


def add_to_plan(copy: Path) -> None:
    """Insert the phase after `swarm`."""
    file = copy / "plans/realistic.toml"
    before, marker, after = file.read_text(encoding="utf-8").partition('\n[[phase]]\nname = "tooling"')
    assert marker
    file.write_text(before + PLAN + marker + after, encoding="utf-8")


def add_row(copy: Path) -> None:
    """Enter the phase into the table of phases without code of their own."""
    file = copy / "fixtures/package_phases.py"
    before, marker, after = file.read_text(encoding="utf-8").partition('    "tooling": ')
    assert marker
    file.write_text(f'{before}    "telemetry": installers.install_one_by_one,\n{marker}{after}', encoding="utf-8")


def add_module(copy: Path) -> None:
    """Give the phase code of its own."""
    (copy / "fixtures/telemetry.py").write_text(MODULE, encoding="utf-8")


def run(copy: Path, *arguments: str) -> str:
    """Run pytest in the copy; returns its output."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("XAVOS_", "PYTEST_"))}
    environment["XAVOS_STATE_DIR"] = str(copy.parent / "state")
    command = (sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments)
    ended = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-2000:]
    return ended.stdout


def add_phase(copy: Path) -> None:
    """Plan and checks of the new phase, and a test that deploys it."""
    add_to_plan(copy)
    (copy / "deploy_tests/test_14_telemetry.py").write_text(CHECKS, encoding="utf-8")
    (copy / "tests/unit/test_telemetry.py").write_text(DEPLOYS, encoding="utf-8")


def test_a_phase_without_code_of_its_own_needs_one_row(copy: Path) -> None:
    """It is deployed."""
    add_phase(copy)
    add_row(copy)
    assert "1 passed" in run(copy, "-q", "-n0", "tests/unit/test_telemetry.py")


def test_a_phase_with_code_of_its_own_needs_one_module(copy: Path) -> None:
    """It is deployed, its check is collected, and no other test has to change."""
    add_phase(copy)
    add_module(copy)
    collected = run(copy, "--collect-only", "-q", "--source=hexpm", "deploy_tests/test_14_telemetry.py")
    assert "test_telemetry_phase_passed" in collected
    assert " passed" in run(copy, "-q", "-n0", "tests/unit/test_telemetry.py", *READERS)
