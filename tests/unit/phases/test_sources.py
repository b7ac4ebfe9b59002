"""A phase's checkpoint key depends on every file with code that the phase runs."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from fixtures import package_phases
from rollout.config.options import ROOT
from rollout.phases.phase import PhaseCode
from rollout.phases.sources import sources_of

CODES = {code.name: code for code in package_phases.CODES} | {
    name: importlib.import_module(f"fixtures.{name}").code for name in ("phoenix_app", "foundation", "installation")
}


def names(code: PhaseCode) -> set[str]:
    """The files of a phase's code, relative to the repository."""
    return {str(file.relative_to(ROOT)) for file in code.sources}


@pytest.mark.parametrize(
    ("phase", "files"),
    [
        ("ash_core", {"rollout/packages/installers.py", "rollout/packages/dependencies.py"}),
        ("swarm", {"fixtures/growing.py", "rollout/packages/assets.py", "rollout/packages/igniter.py"}),
        ("foundation", {"fixtures/foundation.py", "rollout/packages/assets.py", "rollout/packages/installers.py"}),
        ("phoenix_app", {"fixtures/phoenix_app.py", "rollout/packages/precompiled.py"}),
    ],
)
def test_the_files_of_a_phase_are_those_of_its_functions_and_their_imports(phase: str, files: set[str]) -> None:
    assert files <= names(CODES[phase])


def test_a_phase_does_not_depend_on_another_phases_code() -> None:
    """A change to the table, or to code of another phase, rebuilds nothing else."""
    assert "fixtures/package_phases.py" not in names(CODES["ash_core"])
    assert "fixtures/growing.py" not in names(CODES["ash_core"])
    assert "fixtures/foundation.py" not in names(CODES["phoenix_app"])


def test_every_function_of_a_phase_counts() -> None:
    """Not `apply` alone."""
    for key in ("apply", "prepare", "furnish", "adopt", "forget"):
        code = PhaseCode(**{"name": "x", "apply": sources_of, key: names})  # type: ignore[arg-type]
        assert Path(__file__) in code.sources, key
