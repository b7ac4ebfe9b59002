"""The wheel has every file that a run may read: what Git has of the folders that the code names."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import rollout
from rollout import environment
from rollout.config.options import ROOT

# What a run makes there, and what only a checkout has.
_NOT_IN_IT = {"deployments", "reports", "bootstrap.py"}


@pytest.fixture(scope="module")
def packed() -> dict[str, str]:
    """Path in the wheel → path in the checkout."""
    wheel = pytest.importorskip("hatchling.builders.wheel", reason="requirements.lock has it: run `make doctor`")
    builder = wheel.WheelBuilder(str(ROOT))
    with builder.config.set_build_data({"force_include": {}, "force_include_editable": {}, "artifacts": []}):
        files = builder.recurse_included_files()
        return {file.distribution_path: str(Path(file.path).resolve().relative_to(ROOT)) for file in files}


def test_the_folders_that_code_names_are_in_it_as_git_has_them(packed: dict[str, str]) -> None:
    """Nothing is missing, and nothing is in it that only this machine has."""
    named = set(_named()) - _NOT_IN_IT
    assert {"app", "assembly", "images", "plans", "pyproject.toml", "rehearsal", "deploy_tests"} <= named
    wanted = {f"xavos_rollout/_suite/{path}": path for path in _tracked(*named, "suite", "fixtures", "conftest.py")}
    own = {path: path for path in _tracked("xavos_rollout")}
    assert {**wanted, **own} == packed


def test_the_version_has_one_value(packed: dict[str, str]) -> None:
    """Reports of an installed suite name it, because there is no revision of Git."""
    builder = pytest.importorskip("hatchling.builders.wheel").WheelBuilder(str(ROOT))
    assert rollout.__version__ == builder.metadata.version


def _tracked(*paths: str) -> list[str]:
    """The files below these paths that Git has, or would have after `git add`."""
    listed = subprocess.run(
        ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *paths),
        cwd=ROOT, env=environment.git(), capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    return [path for path in listed.split("\0") if path and (ROOT / path).is_file()]


def _named() -> Iterator[str]:
    """Each file and folder of the checkout that code of a run names: `ROOT / "plans"`, `manifest.root / "app"`."""
    for folder in ("rollout", "suite", "fixtures", "deploy_tests"):
        yield folder
        for file in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if (
                    isinstance(node, ast.BinOp)
                    and _is_root(node.left)
                    and isinstance(node.right, ast.Constant)
                    and (ROOT / str(node.right.value)).exists()  # other things are called root, too
                ):
                    yield str(node.right.value)


def _is_root(node: ast.expr) -> bool:
    name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
    return name.lower() == "root"
