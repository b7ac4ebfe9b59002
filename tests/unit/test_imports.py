"""Imports point one way; the contracts are in pyproject.toml."""

from __future__ import annotations

import pytest
from importlinter.cli import lint_imports

from rollout.config.options import ROOT


def test_the_import_contracts_are_kept(capsys: pytest.CaptureFixture[str]) -> None:
    """It lists every import that breaks one."""
    code = lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True)
    assert code == 0, capsys.readouterr().out
