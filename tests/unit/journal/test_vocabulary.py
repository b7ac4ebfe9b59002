"""Every event of the vocabulary is recorded by some module, and every event that is read is recorded."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from rollout.config.options import ROOT
from rollout.journal.events import EVENTS

VOCABULARY = ROOT / "rollout" / "journal" / "events.py"
WRITERS = {"record", "tell", "write"}
CONSOLE = {f"_on_{name.replace('.', '_')}": name for name in EVENTS}


def sources() -> Iterator[Path]:
    for folder in ("rollout", "suite", "fixtures", "deploy_tests"):
        yield from (path for path in (ROOT / folder).rglob("*.py") if path != VOCABULARY)
    yield ROOT / "conftest.py"


def written(call: ast.Call) -> Iterator[ast.Constant]:
    """The event names that a call of a writer gives as its first argument."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name.strip("_") in WRITERS and call.args:
        yield from (node for node in ast.walk(call.args[0]) if isinstance(node, ast.Constant))


def heard() -> tuple[set[str], set[str]]:
    """The names of events that the code records, and those that it mentions otherwise."""
    recorded: set[str] = set()
    read: set[str] = set()
    for path in sources():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        ours = {id(node): node for call in ast.walk(tree) if isinstance(call, ast.Call) for node in written(call)}
        recorded |= {str(node.value) for node in ours.values() if node.value in EVENTS}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and id(node) not in ours and node.value in EVENTS:
                read.add(str(node.value))
            if isinstance(node, ast.FunctionDef) and node.name in CONSOLE:
                read.add(CONSOLE[node.name])
    return recorded, read


def test_every_event_of_the_vocabulary_is_recorded_somewhere() -> None:
    recorded, _ = heard()
    assert set() == set(EVENTS) - recorded


def test_every_event_that_is_read_is_recorded() -> None:
    recorded, read = heard()
    assert set() == read - recorded


def test_the_console_hears_of_no_event_that_does_not_exist() -> None:
    tree = ast.parse((ROOT / "rollout" / "report" / "console.py").read_text(encoding="utf-8"))
    heard_of = {
        node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name.startswith("_on_")
    }
    assert set() == heard_of - set(CONSOLE)
