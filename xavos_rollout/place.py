"""Finds the suite: below this package in a wheel, beside it in a checkout. Imports nothing of it."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_DATA = _PACKAGE / "_suite"
SUITE = _DATA if _DATA.is_dir() else _PACKAGE.parent
"""The folder with rollout/, deploy_tests/ and all others."""
CHECKS = SUITE / "deploy_tests"
PACKAGES = ("rollout", "suite", "fixtures", "deploy_tests")


def put_first_on_path() -> tuple[str, ...]:
    """Make the suite's packages importable. Returns a sentence for each that another package of its name hides."""
    sys.path.insert(0, str(SUITE))
    found = {name: _folder(name) for name in PACKAGES}
    return tuple(
        f"The suite needs its own package {name}, but this interpreter finds {place or 'another module'}. Install "
        "xavos-rollout into an environment of its own."
        for name, place in found.items()
        if place != SUITE / name
    )


def _folder(name: str) -> Path | None:
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).resolve().parent if spec and spec.origin else None
