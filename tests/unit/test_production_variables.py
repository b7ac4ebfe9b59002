"""docs/reference/xavos-in-production.md lists the variables that XAVOS reads in production, and no others."""

from __future__ import annotations

import re

from rollout.application import APPLICATION
from rollout.config.options import ROOT
from rollout.environment.unknown_variables import APPLICATION as KNOWN

LIB = ROOT / "app" / "lib" / "xavos"
PAGE = ROOT / "docs" / "reference" / "xavos-in-production.md"
# Read by the release's scripts and by its build, not by a module of settings.
OF_SCRIPTS = {"RELEASE_DISTRIBUTION", "RELEASE_COOKIE", "XAVOS_REVISION"}
_ROW = re.compile(r"new\(\s*:\w+\??,\s*\"([A-Z][A-Z0-9_]+)\"(.*?)(?=new\(|\n    \]|\n  \])", re.DOTALL)
_ABBREVIATED = ("ANTHROPIC_", "XAVOS_ADVICE_")


def variables() -> dict[str, str]:
    """Variable → the code of its row, up to the next."""
    files = (*sorted((LIB / "settings").glob("*.ex")), LIB / "release.ex")
    return {name: row for file in files for name, row in _ROW.findall(file.read_text())}


def test_the_page_lists_every_variable_and_no_other() -> None:
    """Those of advice are abbreviated there, because another page has them."""
    listed = set(re.findall(r"^\| `([A-Z][A-Z0-9_]+)` \|", PAGE.read_text(), re.MULTILINE))
    read = {name for name in variables() if not name.startswith(_ABBREVIATED)}
    assert len(read) > 20
    assert read | OF_SCRIPTS == listed


def test_required_variables_are_those_that_the_suite_takes_away() -> None:
    """One at a time, to see that the release does not start."""
    required = {name for name, row in variables().items() if re.search(r"required: :(always|server)", row)}
    assert set(APPLICATION.required_variables) == required


def test_the_suite_knows_every_variable_with_its_prefix() -> None:
    """Otherwise it would warn of them."""
    assert [name for name in variables() if name.startswith("XAVOS_") and name not in KNOWN] == []
