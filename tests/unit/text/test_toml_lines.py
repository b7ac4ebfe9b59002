"""The line of each key of a TOML file."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rollout.config.options import ROOT
from rollout.text.toml_lines import line_of

TEXT = '''# [application] in a comment
[application]  # another
name = "a # b ] ="
"quoted key" = """
[no.table]
name = 1
"""
a . b = ['x', # ]
  "y]",
  { c = 1, d = """two
lines""" },
]

[services."my search".environment]
PORT = 1
[[hook]]
command = \'\'\'it''s\'\'\'
[[hook]]
undo = {
}
[hook.more]
x = 1979-05-27 07:32:00
'''.replace("{\n}", "{}")


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("application",), 2),
        (("application", "name"), 3),
        (("application", "quoted key"), 4),
        (("application", "a", "b"), 8),
        (("application", "a", "b", 0), 8),
        (("application", "a", "b", 1), 9),
        (("application", "a", "b", 2, "d"), 10),
        (("services", "my search", "environment", "PORT"), 15),
        (("hook", 0), 16),
        (("hook", 0, "command"), 17),
        (("hook", 1), 18),
        (("hook", 1, "undo"), 19),
        (("hook", 1, "more", "x"), 21),
        (("hook", 1, "absent", "x"), 18),
        (("absent",), 0),
    ],
)
def test_a_key_has_its_line(path: tuple[str | int, ...], line: int) -> None:
    """A key that is absent has the line of the nearest table above it."""
    tomllib.loads(TEXT)
    assert line == line_of(TEXT, path)


def paths(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield path
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in entries:
        yield from paths(below, (*path, key))


@pytest.mark.parametrize(
    "file", sorted([*ROOT.glob("plans/*.toml"), ROOT / "pyproject.toml"]), ids=lambda file: file.name
)
def test_every_key_of_a_real_file_is_found(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    lines = text.splitlines()
    for path in paths(tomllib.loads(text)):
        if path and isinstance(path[-1], str):
            assert path[-1] in lines[line_of(text, path) - 1], path
