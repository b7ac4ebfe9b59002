"""Every event of the vocabulary is recorded by some module, and every event that is read is recorded."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from rollout.config.options import ROOT
from rollout.journal.events import EVENTS, KINDS

VOCABULARY = ROOT / "rollout" / "journal" / "events"
CLASSES = {kind.__name__: name for name, kind in KINDS.items()}
WRITERS = {"record", "tell", "write"}
CONSOLE = {f"_on_{name.replace('.', '_')}": name for name in EVENTS}


def sources() -> Iterator[Path]:
    for folder in ("rollout", "suite", "fixtures", "deploy_tests"):
        yield from (path for path in (ROOT / folder).rglob("*.py") if VOCABULARY not in path.parents)
    yield ROOT / "conftest.py"


def constructed(call: ast.Call) -> str | None:
    """The name of the event that a call constructs, as in `phases.PhaseNote(…)`."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    return CLASSES.get(name)


def written(call: ast.Call) -> Iterator[ast.Constant]:
    """The event names that a call of a writer gives as its first argument."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name.strip("_") in WRITERS and call.args:
        yield from (node for node in ast.walk(call.args[0]) if isinstance(node, ast.Constant))


def used() -> tuple[set[str], set[str]]:
    """The names of events that the code records, and those that it mentions otherwise."""
    recorded: set[str] = set()
    read: set[str] = set()
    for path in sources():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
        ours = {id(node): node for call in calls for node in written(call)}
        recorded |= {str(node.value) for node in ours.values() if node.value in EVENTS}
        recorded |= {name for call in calls if (name := constructed(call))}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and id(node) not in ours and node.value in EVENTS:
                read.add(str(node.value))
            if isinstance(node, ast.FunctionDef) and node.name in CONSOLE:
                read.add(CONSOLE[node.name])
    return recorded, read


def test_every_event_of_the_vocabulary_is_recorded_somewhere() -> None:
    recorded, _ = used()
    assert set() == set(EVENTS) - recorded


def test_every_event_that_is_read_is_recorded() -> None:
    recorded, read = used()
    assert set() == read - recorded


def test_the_console_handles_no_unknown_event() -> None:
    tree = ast.parse((ROOT / "rollout" / "report" / "console.py").read_text(encoding="utf-8"))
    handled = {
        node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name.startswith("_on_")
    }
    assert set() == handled - set(CONSOLE)
