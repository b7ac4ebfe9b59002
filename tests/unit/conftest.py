"""Fixtures that tests of several packages share."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from types import ModuleType

import pytest

from rollout.config.options import ROOT


@pytest.fixture
def bootstrap(tmp_path: Path) -> ModuleType:
    """bootstrap.py in a new folder, with an empty lock."""
    shutil.copy(ROOT / "bootstrap.py", tmp_path)
    (tmp_path / "requirements.lock").write_text("# nothing\n")
    spec = importlib.util.spec_from_file_location("bootstrap_in_test", tmp_path / "bootstrap.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
