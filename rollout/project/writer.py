"""Writes a project as rollout.toml, with a note behind each key. What it writes loads to the same project."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rollout.project.guessing.draft import Note
from rollout.project.project import Project
from rollout.project.schema import NAME
from rollout.text.toml_records import Place

LONGEST = 60
"""Lines of the file that init writes, as far as the application allows."""

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


@dataclasses.dataclass(frozen=True, slots=True)
class _Line:
    """A line of the file, the path of its key, and whether it begins a table. `covers` are paths on the same line."""

    text: str
    path: Place
    is_head: bool = False
    covers: tuple[Place, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """The text of a file, and the line of each note that asks."""

    text: str
    questions: Mapping[Place, int]


def render(project: Project, notes: Mapping[Place, Note] | None = None, head: Sequence[str] = ()) -> Written:
    """The file of a project. Keys with their default are left out, unless they have a note.

    A file that would be longer than LONGEST is written more tightly: first without empty lines, then with the
    variables of a table on one line.
    """
    notes = notes or {}
    comments = [_Line(f"#:schema {NAME}", ()), *(_Line(f"# {_one_line(each)}", ()) for each in head)]
    lines: list[_Line] = []
    for tight, inline in ((False, False), (True, False), (True, True)):
        lines = list(comments)
        for line in _lines(project, notes=notes, inline=inline):
            lines += [_Line("", ())] if line.is_head and not tight else []
            lines.append(line)
        if len(lines) <= LONGEST:
            break
    questions = {
        path: number
        for number, line in enumerate(lines, 1)
        for path in (line.path, *line.covers)
        if path in notes and notes[path].is_question
    }
    return Written(text="".join(f"{line.text}{_comment(line, notes)}\n" for line in lines), questions=questions)


def _comment(line: _Line, notes: Mapping[Place, Note]) -> str:
    if line.covers:
        return f"  # {Note(f'{len(line.covers)} of these values are made up', is_question=True)}"
    note = notes.get(line.path) if line.path else None
    return f"  # {_one_line(str(note))}" if note else ""


def _lines(project: Project, *, notes: Mapping[Place, Note], inline: bool) -> Iterator[_Line]:
    if inline and project.environment:  # a key of no table has to stand above all tables
        yield _inline(("environment",), project.environment, notes)
    for field in dataclasses.fields(project):
        value = getattr(project, field.name)
        if dataclasses.is_dataclass(value):
            yield from _table((field.name,), value, notes, inline=inline)
        elif field.name == "services":
            for name, service in value:
                yield from _table((field.name, name), service, notes, inline=inline)
        elif field.name == "hook":
            for hook in value:
                yield from _table((field.name,), hook, notes, is_array=True)
        elif value and not inline:
            yield from _variables((field.name,), value)


def _table(
    path: Place, record: Any, notes: Mapping[Place, Note], *, inline: bool = False, is_array: bool = False
) -> Iterator[_Line]:
    """A table with its keys, then the tables in it."""
    plain: list[_Line] = []
    below: list[_Line] = []
    for field in dataclasses.fields(record):
        value, here = getattr(record, field.name), (*path, field.name)
        if isinstance(value, tuple) and value and isinstance(value[0], tuple):
            if inline:
                plain.append(_inline(here, value, notes))
            else:
                below += _variables(here, value)
        elif value != field.default or here in notes:
            plain.append(_Line(f"{field.name} = {_value(value)}", here))
    if plain or is_array:
        name = ".".join(_key(str(part)) for part in path)
        yield _Line(f"[[{name}]]" if is_array else f"[{name}]", path, is_head=True)
    yield from plain
    yield from below


def _variables(path: Place, pairs: Sequence[tuple[str, str]]) -> Iterator[_Line]:
    """A table of names and texts."""
    yield _Line(f"[{'.'.join(_key(str(part)) for part in path)}]", path, is_head=True)
    for key, value in pairs:
        yield _Line(f"{_key(key)} = {_value(value)}", (*path, key))


def _inline(path: Place, pairs: Sequence[tuple[str, str]], notes: Mapping[Place, Note]) -> _Line:
    """The same on one line. Of its notes it has the names of those that ask."""
    table = ", ".join(f"{_key(key)} = {_value(value)}" for key, value in pairs)
    asked = [key for key, _ in pairs if (note := notes.get((*path, key))) and note.is_question]
    return _Line(f"{path[-1]} = {{ {table} }}", path, covers=tuple((*path, key) for key in asked))


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return f"[{', '.join(map(_value, value))}]"
    return _string(value) if isinstance(value, str) else str(value)


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _string(key)


def _string(text: str) -> str:
    def escaped(character: str) -> str:
        if character in _ESCAPES:
            return _ESCAPES[character]
        return f"\\u{ord(character):04X}" if ord(character) < 0x20 or ord(character) == 0x7F else character

    return f'"{"".join(map(escaped, text))}"'


def _one_line(text: str) -> str:
    """A text as TOML allows it in a comment."""
    return "".join(character if character.isprintable() else "?" for character in text)
