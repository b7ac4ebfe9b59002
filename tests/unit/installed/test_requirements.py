"""What the code of a run imports is declared. A tool of developers, or a dependency of one, is not there in a wheel."""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from rollout.config.options import ROOT
from xavos_rollout.place import PACKAGES

_PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
_ALLOWED = {
    "distributed",  # the extra `cluster`; without it --cluster says what to install
    "anyio",  # Starlette's own requirement: handlers run in it
    "requests",  # docker's own requirement: its client raises errors of requests
}


def test_every_import_is_of_a_declared_requirement() -> None:
    declared = {canonicalize_name(Requirement(text).name) for text in _PROJECT["dependencies"]}
    whose = packages_distributions()
    foreign = {(file, name) for file, name in _imports() if name not in {*sys.stdlib_module_names, *_ours()}}
    assert {"httpx", "pytest", "docker"} <= {name for _, name in foreign}
    undeclared = {
        (file, name)
        for file, name in foreign
        if declared.isdisjoint(canonicalize_name(each) for each in whose.get(name, ())) and name not in _ALLOWED
    }
    assert set() == undeclared


def _ours() -> tuple[str, ...]:
    return ("xavos_rollout", *PACKAGES)


def _imports() -> Iterator[tuple[str, str]]:
    """(file, top level package) of every import, late ones too."""
    for folder in _ours():
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                if isinstance(node, ast.ImportFrom) and node.module:
                    names = [node.module]
                yield from ((str(path.relative_to(ROOT)), name.partition(".")[0]) for name in names)
