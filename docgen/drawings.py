"""The drawings of the documentation: file below docs/pictures/ → how it is drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from docgen.data_flow import data_flow
from docgen.package_map import package_map
from rollout.config.options import ROOT

PICTURES = ROOT / "docs" / "pictures"
DRAWINGS: Mapping[str, Callable[[], str]] = {"data.svg": data_flow, "packages.svg": package_map}


def write() -> None:
    """Write all drawings. They are committed; a test compares them with the code."""
    for name, draw in DRAWINGS.items():
        (PICTURES / name).write_text(draw(), encoding="utf-8")
