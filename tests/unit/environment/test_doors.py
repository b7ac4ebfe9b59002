"""Only known modules start programs or open connections, and each controls its environment."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from rollout.config.options import ROOT

FOLDERS = ("rollout", "suite", "fixtures", "deploy_tests")
_STARTS = {"subprocess.run", "subprocess.Popen", "subprocess.check_output", "subprocess.check_call", "subprocess.call",
           "os.system", "os.popen"}  # fmt: skip
_ASKS = {"httpx.Client", "httpx.AsyncClient", "httpx.get", "httpx.post", "httpx.stream", "httpx.request"}


@pytest.fixture(scope="module")
def sources() -> dict[str, ast.Module]:
    """Every module of the suite, by its path in the checkout."""
    files = (path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py")))
    return {str(path.relative_to(ROOT)): ast.parse(path.read_text(encoding="utf-8")) for path in files}


def _calls(tree: ast.Module) -> Iterator[tuple[str, ast.Call]]:
    return ((ast.unparse(node.func), node) for node in ast.walk(tree) if isinstance(node, ast.Call))


def _argument(call: ast.Call, name: str) -> str | None:
    return next((ast.unparse(each.value) for each in call.keywords if each.arg == name), None)


def _is_right(file: str, name: str, call: ast.Call, *, has_websockets: bool) -> bool:
    if name in _STARTS:
        return _argument(call, "env") not in {None, "os.environ", "dict(os.environ)"}
    if name in _ASKS:
        return _argument(call, "trust_env") == "False"
    if name == "connect" and has_websockets:
        return _argument(call, "proxy") == "None"
    if name in {"psycopg.connect", "psycopg.Connection.connect"}:
        return file == "rollout/site/postgres/login.py"
    return name not in {"docker.from_env", "docker.DockerClient", "docker.APIClient"}


def test_whatever_asks_says_what_it_lets_in(sources: dict[str, ast.Module]) -> None:
    asked, wrong = 0, []
    for file, tree in sources.items():
        has_websockets = "websockets" in {getattr(node, "module", "").partition(".")[0] for node in tree.body
                                          if isinstance(node, ast.ImportFrom) and node.module}  # fmt: skip
        for name, call in _calls(tree):
            asked += name in _STARTS | _ASKS
            if not _is_right(file, name, call, has_websockets=has_websockets):
                wrong.append(f"{file}:{call.lineno} {name}")
    assert wrong == []
    assert asked > 20, "the names that are looked for are those in use"


def test_nothing_hands_the_whole_environment_on(sources: dict[str, ast.Module]) -> None:
    spread = [
        f"{file}:{node.lineno}"
        for file, tree in sources.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Dict)
        for key, value in zip(node.keys, node.values, strict=True)
        if key is None and ast.unparse(value) == "os.environ"
    ]
    # There the engine is looked for by its variables; nothing is started with that copy.
    assert [place for place in spread if not place.startswith("rollout/site/postgres/engine.py")] == []
