"""Draws which package of the code imports which: docs/pictures/packages.svg.

A row and a column for each package, in the order of the layers. A dot says that the package of the row imports that of
the column. All dots are right of the diagonal, because imports point one way.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping

import grimp

from docgen.drawing import Drawing
from rollout.config.options import ROOT

_PROGRAM = "rollout"
_LEFT, _HEAD, _NAMES, _CELL = 24, 142, 120, 24


def package_map() -> str:
    """The picture, as SVG."""
    return draw(layers(), imports())


def draw(names: tuple[str, ...], imported: Mapping[str, frozenset[str]]) -> str:
    """The picture of packages in this order. A package that `imported` does not know has no dots."""
    grid, size = _LEFT + _NAMES, _CELL * len(names)
    picture = Drawing(
        width=grid + size + 72,
        height=_HEAD + size + 24,
        text="The packages of the code in the order of their layers, and which imports which. "
        "Each imports only packages below it.",
    )
    picture.write(_LEFT, 32, "A dot: the package on the left imports the one above.", kind="soft")
    for number, name in enumerate(names):
        x, y = grid + _CELL * number, _HEAD + _CELL * number
        picture.line((_LEFT, y), (grid + size, y))
        picture.line((x, _HEAD), (x, _HEAD + size))
        picture.write(_LEFT, y + 17, _short(name), kind="title")
        picture.write(x + 16, _HEAD - 8, _short(name), kind="soft", turned=-55)
        picture.cell((x, y), _CELL)
        for column in sorted(map(names.index, imported.get(name, ()))):
            picture.dot(grid + _CELL * column + _CELL // 2, y + _CELL // 2)
    return picture.svg()


def layers() -> tuple[str, ...]:
    """The packages in the order of the layers in pyproject.toml; those of one layer side by side."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contract = next(each for each in settings["tool"]["importlinter"]["contracts"] if each["type"] == "layers")
    return tuple(name.strip(" ()") for layer in contract["layers"] for name in layer.split("|"))


def imports() -> Mapping[str, frozenset[str]]:
    """Package → the other packages that its modules import."""
    graph = grimp.build_graph(_PROGRAM, "xavos_rollout", "suite", "fixtures", "deploy_tests", cache_dir=None)
    found: dict[str, set[str]] = {}
    for module in graph.modules - {_PROGRAM}:
        others = graph.find_modules_directly_imported_by(module) - {_PROGRAM}
        found.setdefault(package_of(module), set()).update(map(package_of, others))
    return {name: frozenset(others - {name}) for name, others in found.items()}


def package_of(module: str) -> str:
    """`rollout.site.forge` → `rollout.site`; `suite.session` → `suite`."""
    first, *rest = module.split(".")
    return f"{first}.{rest[0]}" if first == _PROGRAM and rest else first


def _short(name: str) -> str:
    return name.removeprefix(f"{_PROGRAM}.")
