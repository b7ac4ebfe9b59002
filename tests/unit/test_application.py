"""The generic machinery knows no XAVOS: its names and files are in rollout/application.py only."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from rollout.application import APPLICATION
from rollout.config.options import ROOT

# "XAVOS Rollout", `XAVOS_…` variables and "xavos-…" names belong to the suite, not to the application.
_KNOWS = re.compile(r"\bXAVOS\b(?!_| Rollout)|\bXavos(?:Web)?\b|lib/xavos|xavos_web|manage_xavos|/health/ready")


def texts(path: Path) -> Iterator[str]:
    """Every string of a module except docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


def knowing(path: Path) -> list[str]:
    """The strings of a file in which XAVOS appears."""
    if path.suffix == ".py":
        return [text for text in texts(path) if _KNOWS.search(text)]
    return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if _KNOWS.search(line)]


def test_one_module_describes_the_application() -> None:
    folder = ROOT / "rollout"
    files = [path for path in folder.rglob("*") if path.suffix in {".py", ".jinja"}]
    found = {str(path.relative_to(folder)): known for path in files if (known := knowing(path))}
    assert set(found) == {"application.py"}, found


def test_its_files_follow_its_name() -> None:
    assert APPLICATION.application_file == "lib/xavos/application.ex"
    assert APPLICATION.endpoint_file == "lib/xavos_web/endpoint.ex"
    assert APPLICATION.phx_new("new")[:7] == ("mix", "phx.new", "new", "--app", "xavos", "--module", "Xavos")


def test_it_knows_the_commands_that_start_its_server() -> None:
    assert APPLICATION.starts_server(("scripts/manage_xavos.sh", "start"))
    assert APPLICATION.starts_server(("sh", "-c", "exec mix phx.server"))
    assert not APPLICATION.starts_server(("mix", "test"))
