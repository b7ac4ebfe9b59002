"""Splits SQL text of PostgreSQL into statements and tokens. Pure.

It knows what can hide a semicolon: comments (nested), strings (also E'…' with backslashes), quoted names and dollar
quotes. The lexer of Pygments, which is installed, does not know E'it\\'s', and reads inside dollar quotes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""(?P<space>\s+|--[^\n]*)
    |(?P<comment>/\*)
    |(?P<dollar>\$(?P<tag>[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$)
    |(?P<escaped>[eE]'(?:[^'\\]|\\.|'')*')
    |(?P<string>(?:[nNbBxX]|[uU]&)?'(?:[^']|'')*')
    |(?P<quoted>(?:[uU]&)?"(?:[^"]|"")*")
    |(?P<word>[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)
    |(?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\$\d+)
    |(?P<mark>::|.)""",
    re.VERBOSE | re.DOTALL,
)
_COMMENT_MARK = re.compile(r"/\*|\*/")


@dataclass(frozen=True, slots=True)
class Token:
    """A token. `kind`: word (in capitals), name (a quoted name without its quotes), string, number or mark."""

    kind: str
    text: str

    def is_word(self, *words: str) -> bool:
        """Whether it is one of these keywords."""
        return self.kind == "word" and self.text.upper() in words


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlStatement:
    """One statement: its text without comments around it, and its tokens without the semicolon."""

    text: str
    tokens: tuple[Token, ...]


def split(sql: str) -> tuple[SqlStatement, ...]:
    """The statements of the text. An unfinished comment or string belongs to the last one."""
    found: list[SqlStatement] = []
    tokens: list[Token] = []
    start = end = 0
    for token, begin, finish in _tokens(sql):
        if token == Token("mark", ";"):
            _add(found, sql[start:end], tokens)
            tokens = []
            continue
        if not tokens:
            start = begin
        end = finish
        tokens.append(token)
    _add(found, sql[start:end], tokens)
    return tuple(found)


def _add(found: list[SqlStatement], text: str, tokens: list[Token]) -> None:
    if tokens:
        found.append(SqlStatement(text=text.strip(), tokens=tuple(tokens)))


def _tokens(sql: str) -> Iterator[tuple[Token, int, int]]:
    at = 0
    while at < len(sql):
        match = _TOKEN.match(sql, at)
        if match is None:
            return
        kind, begin, at = match.lastgroup, at, match.end()
        if kind == "comment":
            at = _end_of_comment(sql, at)
        elif match["dollar"]:
            closing = sql.find(match["dollar"], at)
            at = len(sql) if closing < 0 else closing + len(match["dollar"])
            yield Token("string", sql[begin:at]), begin, at
        elif kind in {"escaped", "string"}:
            yield Token("string", match[0]), begin, at
        elif kind == "quoted":
            yield Token("name", match[0].removeprefix("U&").removeprefix("u&")[1:-1].replace('""', '"')), begin, at
        elif kind in {"word", "number", "mark"}:
            yield Token(kind, match[0]), begin, at


def _end_of_comment(sql: str, at: int) -> int:
    depth = 1
    for match in _COMMENT_MARK.finditer(sql, at):
        depth += 1 if match[0] == "/*" else -1
        if not depth:
            return match.end()
    return len(sql)
