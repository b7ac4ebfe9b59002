"""The picture of the packages shows the imports of the code."""

from __future__ import annotations

import pytest

from docgen.drawings import PICTURES
from docgen.package_map import draw, imports, layers, package_of

COMMITTED = (PICTURES / "packages.svg").read_text(encoding="utf-8")


def test_every_package_has_a_layer() -> None:
    assert set() == set(imports()) - set(layers())


def test_a_new_import_makes_the_picture_out_of_date() -> None:
    """An import that is there no more does, too."""
    now = imports()
    assert COMMITTED == draw(layers(), now)
    assert COMMITTED != draw(layers(), {**now, "rollout.text": frozenset({"rollout.site"})})
    assert COMMITTED != draw(layers(), {**now, "rollout.site": frozenset()})


def test_each_import_is_a_dot() -> None:
    assert 0 == draw(("a", "b", "c"), {}).count("<circle")
    assert 2 == draw(("a", "b", "c"), {"a": frozenset({"b", "c"}), "b": frozenset()}).count("<circle")


@pytest.mark.parametrize(
    ("module", "package"),
    [
        ("rollout.site.postgres.queries", "rollout.site"),
        ("rollout.errors", "rollout.errors"),
        ("suite.session", "suite"),
        ("deploy_tests", "deploy_tests"),
    ],
)
def test_a_module_belongs_to_its_package(module: str, package: str) -> None:
    assert package == package_of(module)
