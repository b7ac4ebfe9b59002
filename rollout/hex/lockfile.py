"""Parser for mix.lock, which is an Elixir map literal from package names to tuples."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

from rollout.hex.errors import InvalidLock

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<text>"(?:[^"\\]|\\.)*")
    | (?P<key>[a-z_][A-Za-z0-9_@]*[?!]?:(?!:))
    | (?P<atom>:[A-Za-z_][A-Za-z0-9_@]*[?!]?|:"(?:[^"\\]|\\.)*")
    | (?P<word>true|false|nil)
    | (?P<number>-?[0-9]+)
    | (?P<mark>%\{|=>|[{}\[\],:])
    | (?P<comment>\#[^\n]*)
    )""",
    re.VERBOSE,
)
_ESCAPE = re.compile(r"\\(.)")
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "s": " ", "0": "\0"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Locked:
    """One entry of the lock. `kind` is hex or git. `version` is the release, or the revision of a Git repository.

    `app` is the key in the lock. Hex packages have `name`, SHA-256 checksums in hexadecimal (very old locks have no
    `outer_checksum`), `managers`, `dependencies` (app names) and `repository`. Git repositories have `url`, and
    `options` as in mix.exs, such as tag and sparse.
    """

    kind: str
    app: str
    name: str
    version: str
    inner_checksum: str | None = None
    outer_checksum: str | None = None
    managers: tuple[str, ...] = ()
    dependencies: tuple[str, ...] = ()
    repository: str = "hexpm"
    url: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


Lock: TypeAlias = Mapping[str, Locked]
"""App name → entry, in alphabetical order."""


def read(path: Path) -> Lock:
    """Read the lock at `path`. A missing file is an empty lock. Raises InvalidLock."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidLock(where=str(path), problem=str(error)) from error
    return parse(text, where=str(path))


@lru_cache(maxsize=4)  # many checks read the same lock
def parse(text: str, *, where: str = "mix.lock") -> Lock:
    """Parse a lock. `where` names the file in errors. Blank text is an empty lock. Raises InvalidLock."""
    if not text.strip():
        return {}
    parser = _Parser(text, where)
    value = parser.value()
    parser.end()
    if not isinstance(value, dict):
        raise InvalidLock(where=where, problem="it is not a map")
    lock: dict[str, Locked] = {}
    for app, entry in value.items():
        try:
            lock[app] = _ENTRIES[entry[0]](app, entry)
        except (IndexError, TypeError, ValueError, KeyError) as error:
            raise InvalidLock(where=where, problem=f"the entry of {app} has an unexpected form") from error
    return MappingProxyType(lock)


def _hex(app: str, entry: tuple[Any, ...]) -> Locked:
    _kind, name, version, inner, managers, dependencies, repository, outer = (
        *entry,
        *_OLD_LOCK[len(entry) :],
    )
    _require_strings(name, version, inner)
    return Locked(
        kind="hex",
        app=app,
        name=name,
        version=version,
        inner_checksum=inner,
        outer_checksum=outer,
        managers=tuple(managers),
        dependencies=tuple(each[0] for each in dependencies),
        repository=repository,
    )


def _git(app: str, entry: tuple[Any, ...]) -> Locked:
    fields: tuple[Any, ...] = (*entry, *_OLD_GIT_LOCK[len(entry) :])
    _kind, url, revision, options = fields
    _require_strings(url, revision)
    return Locked(kind="git", app=app, name=app, version=revision, url=url, options=dict(options))


def _require_strings(*values: object) -> None:
    if not all(isinstance(value, str) for value in values):
        raise TypeError("not a string")


_OLD_LOCK: tuple[Any, ...] = (None, None, None, None, (), (), "hexpm", None)
_OLD_GIT_LOCK: tuple[Any, ...] = (None, None, None, ())
_ENTRIES = {"hex": _hex, "git": _git}


class _Parser:
    """Parses Elixir terms: strings and atoms to str, lists and tuples to tuple, maps to dict, pairs to (key, value)."""

    def __init__(self, text: str, where: str) -> None:
        self._where = where
        self._tokens: list[tuple[str, str, int]] = []
        position = 0
        while text[position:].strip():
            match = _TOKEN.match(text, position)
            if match is None:
                raise self._error(f"unexpected text at character {position}")
            kind = str(match.lastgroup)
            if kind != "comment":
                self._tokens.append((kind, match[kind], match.start(kind)))
            position = match.end()
        self._position = 0

    def value(self) -> Any:
        kind, token, at = self._next()
        match kind, token:
            case "text", _:
                return _unescaped(token)
            case "atom", _:
                return _unescaped(token[1:]) if token[1] == '"' else token[1:]
            case "word", _:
                return {"true": True, "false": False, "nil": None}[token]
            case "number", _:
                return int(token)
            case "mark", "{":
                return tuple(self._items("}"))
            case "mark", "[":
                return tuple(self._items("]"))
            case "mark", "%{":
                return dict(self._items("}"))
        raise self._error(f"unexpected {token!r} at character {at}")

    def end(self) -> None:
        if self._position != len(self._tokens):
            raise self._error(f"text after its end, at character {self._tokens[self._position][2]}")

    def _items(self, closing: str) -> list[Any]:
        found: list[Any] = []
        while not self._takes(closing):
            found.append(self._item())
            if not self._takes(","):
                if not self._takes(closing):
                    raise self._error(f"a missing {closing!r}")
                break
        return found

    def _item(self) -> Any:
        """A value, `key: value`, `"key": value` or `key => value`."""
        kind, token, _at = self._peek()
        if kind == "key":
            self._position += 1
            return token[:-1], self.value()
        value = self.value()
        if self._takes(":") or self._takes("=>"):
            return value, self.value()
        return value

    def _takes(self, mark: str) -> bool:
        kind, token, _at = self._peek()
        if kind == "mark" and token == mark:
            self._position += 1
            return True
        return False

    def _peek(self) -> tuple[str, str, int]:
        return self._tokens[self._position] if self._position < len(self._tokens) else ("end", "", -1)

    def _next(self) -> tuple[str, str, int]:
        token = self._peek()
        if token[0] == "end":
            raise self._error("unexpected end of file")
        self._position += 1
        return token

    def _error(self, problem: str) -> InvalidLock:
        return InvalidLock(where=self._where, problem=problem)


def _unescaped(quoted: str) -> str:
    return _ESCAPE.sub(lambda match: _ESCAPED.get(match[1], match[1]), quoted[1:-1])
