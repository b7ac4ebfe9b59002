"""Finds the source files that a phase's code consists of; its checkpoint key depends on their content."""

from __future__ import annotations

import ast
import functools
import inspect
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from rollout.config.options import ROOT

# A phase does its work with modules of these folders. The rest of the suite does not decide what a phase makes.
_FOLLOWED = tuple(
    ROOT / folder
    for folder in ("fixtures", "rollout/app", "rollout/assembly", "rollout/packages", "rollout/production")
)


def sources_of(functions: Iterable[Callable[..., Any]]) -> tuple[Path, ...]:
    """The files that define the functions, and every followed module that they import, directly or not. Sorted."""
    found: set[Path] = set()
    ahead = [Path(inspect.getfile(inspect.unwrap(function))) for function in functions]
    while ahead:
        file = ahead.pop()
        if file not in found:
            found.add(file)
            ahead.extend(imported_by(file))
    return tuple(sorted(found))


@functools.cache
def imported_by(file: Path) -> tuple[Path, ...]:
    """The followed modules that a module imports directly."""
    names = _names(ast.parse(file.read_text(encoding="utf-8")))
    candidates = {ROOT.joinpath(*name.split(".")).with_suffix(".py") for name in names}
    return tuple(path for path in candidates if path.is_file() and any(map(path.is_relative_to, _FOLLOWED)))


def _names(module: ast.Module) -> Iterator[str]:
    """Dotted names of what a module imports. Some name a function, which is no file."""
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
