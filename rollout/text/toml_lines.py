"""The lines of a TOML file on which its keys stand; tomllib does not say them.

The text has been read by tomllib before, so that it is known to be valid. Syntax: https://toml.io/en/v1.0.0
"""

from __future__ import annotations

import re
import tomllib

Path = tuple[str | int, ...]
"""Keys and, for entries of arrays, numbers from 0: `("hook", 0, "command")`."""

_SPACE = re.compile(r"(?:\s|#[^\n]*)*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_DOT = re.compile(r"[ \t]*\.[ \t]*")
_STRING = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*"""(?:"{0,2})'
    r"|'''(?:[^']|'(?!''))*'''(?:'{0,2})"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)
_SCALAR = re.compile(r"[^,\]}\n#]*")


def line_of(text: str, path: Path) -> int:
    """The line, from 1, of the key at `path`, or of the nearest table above it; 0 if there is none."""
    found = _Scanner(text).lines()
    while path and path not in found:
        path = path[:-1]
    return found.get(path, 0)


class _Scanner:
    """Walks through the text and notes where each key begins."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._found: dict[Path, int] = {}
        self._counts: dict[Path, int] = {}

    def lines(self) -> dict[Path, int]:
        table: Path = ()
        while self._space() < len(self._text):
            if self._text.startswith("[", self._at):
                table = self._header()
            else:
                self._pair(table)
        return self._found

    def _space(self) -> int:
        """Skip white space, line ends and comments."""
        self._at = _end(_SPACE, self._text, self._at)
        return self._at

    def _header(self) -> Path:
        is_array = self._text.startswith("[[", self._at)
        begin, self._at = self._at, self._at + (2 if is_array else 1)
        self._space()
        table: Path = ()
        keys = self._key()
        for number, key in enumerate(keys, 1):
            table = (*table, key)
            self._note(table, begin)
            if number == len(keys) and is_array:
                self._counts[table] = self._counts.get(table, 0) + 1
            if table in self._counts:
                table = (*table, self._counts[table] - 1)
                self._note(table, begin)
        self._space()
        self._at += 2 if is_array else 1
        return table

    def _pair(self, table: Path) -> None:
        begin = self._at
        for key in self._key():
            table = (*table, key)
            self._note(table, begin)
        self._at = self._text.index("=", self._at) + 1
        self._value(table)

    def _key(self) -> tuple[str, ...]:
        """A key, with its parts between dots."""
        parts = []
        while True:
            if string := _STRING.match(self._text, self._at):
                parts.append(str(tomllib.loads(f"key={string[0]}")["key"]))
                self._at = string.end()
            else:
                begin, self._at = self._at, _end(_BARE, self._text, self._at)
                parts.append(self._text[begin : self._at])
            if not (dot := _DOT.match(self._text, self._at)):
                return tuple(parts)
            self._at = dot.end()

    def _value(self, path: Path) -> None:
        self._space()
        if string := _STRING.match(self._text, self._at):
            self._at = string.end()
        elif self._text.startswith("[", self._at):
            self._entries(path, "]")
        elif self._text.startswith("{", self._at):
            self._entries(path, "}")
        else:
            self._at = _end(_SCALAR, self._text, self._at)

    def _entries(self, path: Path, closing: str) -> None:
        """The entries of an array or the pairs of an inline table, up to the closing bracket."""
        self._at += 1
        number = 0
        while not self._text.startswith(closing, self._space()):
            if self._text.startswith(",", self._at):
                self._at += 1
            elif closing == "}":
                self._pair(path)
            else:
                self._note((*path, number), self._at)
                self._value((*path, number))
                number += 1
        self._at += 1

    def _note(self, path: Path, begin: int) -> None:
        self._found.setdefault(path, self._text.count("\n", 0, begin) + 1)


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at
