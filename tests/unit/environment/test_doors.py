"""Only rollout.process starts programs, and whatever starts one or opens a connection sets its environment."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from rollout.config.options import ROOT

FOLDERS = ("rollout", "suite", "fixtures", "deploy_tests", "docgen")
_FILES = ("bootstrap.py", "conftest.py")
_STARTS = {"capture", "start"}
_CONNECTS = {"httpx.Client", "httpx.AsyncClient", "httpx.get", "httpx.post", "httpx.stream", "httpx.request"}
_PROCESS_MODULES = {"subprocess", "multiprocessing", "pty", "concurrent.futures.process"}
_PROCESS_CALLS = re.compile(r"os\.(system|popen|fork\w*|exec\w+|spawn\w+|posix_spawn\w*)|\w+\.create_subprocess_\w+")
# Modules outside rollout/process that start programs, with the reason.
ALLOWED = {
    "bootstrap.py": "runs before anything is installed, with the standard library only; then becomes another program",
    "rollout/text/standard_streams.py": "restarts this very process (exec), so no second program runs",
}


@pytest.fixture(scope="module")
def sources() -> dict[str, ast.Module]:
    """Every module of the suite, by its path in the checkout."""
    found = (path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py")))
    files = (*(ROOT / name for name in _FILES), *found)
    return {str(path.relative_to(ROOT)): ast.parse(path.read_text(encoding="utf-8")) for path in files}


def _calls(tree: ast.Module) -> Iterator[tuple[str, ast.Call]]:
    return ((ast.unparse(node.func), node) for node in ast.walk(tree) if isinstance(node, ast.Call))


def _argument(call: ast.Call, name: str) -> str | None:
    return next((ast.unparse(each.value) for each in call.keywords if each.arg == name), None)


def _is_right(file: str, name: str, call: ast.Call, *, has_websockets: bool) -> bool:
    if name in _STARTS:
        return _argument(call, "env") not in {None, "os.environ", "dict(os.environ)"}
    if name in _CONNECTS:
        return _argument(call, "trust_env") == "False"
    if name == "connect" and has_websockets:
        return _argument(call, "proxy") == "None"
    if name in {"psycopg.connect", "psycopg.Connection.connect"}:
        return file == "rollout/site/postgres/login.py"
    return name not in {"docker.from_env", "docker.DockerClient", "docker.APIClient"}


def _starts_programs(tree: ast.Module) -> bool:
    """Whether a module imports what can start a program, or calls it."""
    imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    return not imported.isdisjoint(_PROCESS_MODULES) or any(_PROCESS_CALLS.fullmatch(name) for name, _ in _calls(tree))


def test_only_rollout_process_starts_programs(sources: dict[str, ast.Module]) -> None:
    """Other modules call `execute`, `Dialogue`, `capture` or `start`."""
    starting = {file for file, tree in sources.items() if _starts_programs(tree)}
    inside = {file for file in starting if file.startswith("rollout/process/")}
    assert inside, "the modules of rollout.process are recognised"
    assert set(ALLOWED) == starting - inside


@pytest.mark.parametrize(
    "text",
    ["import subprocess", "from subprocess import run", "import os\nos.system('x')", "import os\nos.execv('x', [])",
     "import asyncio\nasyncio.create_subprocess_exec('x')", "def f():\n    import multiprocessing"],
)  # fmt: skip
def test_every_way_to_start_a_program_is_recognised(text: str) -> None:
    """Also inside a function."""
    assert _starts_programs(ast.parse(text))


def test_every_program_and_connection_gets_an_environment(sources: dict[str, ast.Module]) -> None:
    """A program gets its own variables, an HTTP client reads none, and only the login module opens a database."""
    found, wrong = 0, []
    for file, tree in sources.items():
        has_websockets = "websockets" in {getattr(node, "module", "").partition(".")[0] for node in tree.body
                                          if isinstance(node, ast.ImportFrom) and node.module}  # fmt: skip
        for name, call in _calls(tree):
            found += name in _STARTS | _CONNECTS
            if not _is_right(file, name, call, has_websockets=has_websockets):
                wrong.append(f"{file}:{call.lineno} {name}")
    assert wrong == []
    assert found > 20, "the names of the code are searched for"


def test_no_program_gets_the_whole_environment(sources: dict[str, ast.Module]) -> None:
    spread = [
        f"{file}:{node.lineno}"
        for file, tree in sources.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Dict)
        for key, value in zip(node.keys, node.values, strict=True)
        if key is None and ast.unparse(value) == "os.environ"
    ]
    # That module searches the engine by its variables. It starts nothing with the copy.
    assert [place for place in spread if not place.startswith("rollout/site/postgres/engine.py")] == []
