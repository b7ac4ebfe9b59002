"""Elixir source as tokens. Comments are dropped; strings, heredocs and sigils are one token each.

https://hexdocs.pm/elixir/syntax-reference.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

ATOM, KEY, TEXT, SIGIL, NUMBER, NAME, MODULE, OPERATOR, BRACKET, END = (
    "atom", "key", "text", "sigil", "number", "name", "module", "operator", "bracket", "end of line"
)  # fmt: skip
_SPACE = re.compile(r"(?:[ \t\r\f]|\\\r?\n|#[^\n]*)+")
_NUMBER = re.compile(r"0x[0-9a-fA-F_]+|0b[01_]+|0o[0-7_]+|\d[\d_]*(?:\.\d[\d_]*)?(?:[eE][+-]?\d+)?")
_NAME = re.compile(r"[^\W\d]\w*(?:[?!](?!=(?!=)))?")
_MODULE = re.compile(r"[A-Z]\w*(?:\.[A-Z]\w*)*", re.ASCII)
_CHARACTER = re.compile(r"\?(?:\\(?:x[0-9a-fA-F]{1,2}|u\{[0-9a-fA-F]+\}|u[0-9a-fA-F]{4}|.)|.)", re.DOTALL)
_OPERATORS = (
    "<<<", ">>>", "|||", "&&&", "^^^", "~~~", "<|>", "<~>", "<<~", "~>>", "===", "!==", "+++", "---", "...", "..//",
    "**", "||", "&&", "|>", "<-", "->", "=>", "==", "!=", "=~", "<=", ">=", "++", "--", "<>", "::", "..", "\\\\", "~>",
    "<~", "//", "+", "-", "*", "/", "|", "<", ">", "=", "!", "&", "^", "@", ".", "%", "~",
)  # fmt: skip
_ATOM_OF_SIGNS = re.compile(r":(?:%\{\}|<<>>|\{\}|%|\.\.\.|" + "|".join(re.escape(each) for each in _OPERATORS) + ")")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "s": " ", "0": "\0", "e": "\x1b", "\n": ""}
_PAIRS = {"(": ")", "[": "]", "{": "}", "<": ">"}
_SIGIL = re.compile(r"~([a-z]|[A-Z][A-Z0-9]*)(\"\"\"|'''|[/|\"'(\[{<])")


class ElixirUnread(ValueError):
    """The text is not Elixir that this reader understands. `line` counts from 1."""

    def __init__(self, problem: str, line: int) -> None:
        super().__init__(f"line {line}: {problem}")
        self.problem = problem
        self.line = line


@dataclass(frozen=True, slots=True)
class Token:
    """A token. `text` is its content without quotes, colons and escapes.

    `inner` are the tokens of the interpolations `#{…}` of a text, in order. `spaced`: white space comes before it.
    """

    kind: str
    text: str
    line: int
    inner: tuple[Token, ...] = ()
    is_interpolated: bool = False
    spaced: bool = False


def tokens(source: str) -> tuple[Token, ...]:
    """The tokens of a source text, with one END for each run of line ends. Raises ElixirUnread."""
    return tuple(_Lexer(source.removeprefix("\ufeff").replace("\r\n", "\n"), 1).run())


class _Lexer:
    """Walks through one source text. An interpolation is read by the same lexer, up to its closing brace."""

    def __init__(self, source: str, line: int) -> None:
        self._source = source
        self._at = 0
        self._line = line
        self._line_at = 0

    def run(self, *, until_brace: bool = False) -> Iterator[Token]:
        """The tokens from here to the end, or to the brace that closes an interpolation."""
        depth, spaced, before = 0, False, ""
        while self._at < len(self._source):
            if space := _SPACE.match(self._source, self._at):
                self._at, spaced = space.end(), True
                continue
            character = self._source[self._at]
            if until_brace and character in "{}":
                depth += 1 if character == "{" else -1
                if depth < 0:
                    return
            if character in "\n;":
                line, self._at = self._here(), self._at + 1
                if before != END:
                    yield Token(END, "", line)
                before, spaced = END, True
                continue
            token = self._token(character, spaced)
            before, spaced = token.kind, False
            yield token
        if until_brace:
            raise ElixirUnread("an interpolation is not closed", self._here())

    def _here(self) -> int:
        self._line += self._source.count("\n", self._line_at, self._at)
        self._line_at = self._at
        return self._line

    def _token(self, character: str, spaced: bool) -> Token:
        line = self._here()
        if character in "\"'":
            return self._quoted(line, spaced)
        if sigil := _SIGIL.match(self._source, self._at):
            return self._sigil(sigil, line, spaced)
        if character == ":" and (atom := self._atom(line, spaced)):
            return atom
        if character == "?" and (single := _CHARACTER.match(self._source, self._at)):
            return self._taken(NUMBER, single[0], line, spaced)
        if character in "()[]{}":
            return self._taken(BRACKET, character, line, spaced)
        return self._word(line, spaced)

    def _atom(self, line: int, spaced: bool) -> Token | None:
        """`:name`, `:"a name"` or `:+`; None for the operator `::`."""
        if self._source.startswith("::", self._at):
            return None
        if self._source[self._at + 1 : self._at + 2] in {'"', "'"}:
            self._at += 1
            return Token(ATOM, self._quoted(line, spaced).text, line, spaced=spaced)
        found = _NAME.match(self._source, self._at + 1) or _ATOM_OF_SIGNS.match(self._source, self._at)
        if found is None:
            return None
        self._at = found.end()
        return Token(ATOM, found[0].removeprefix(":"), line, spaced=spaced)

    def _word(self, line: int, spaced: bool) -> Token:
        """A number, a name, a module, a key of a keyword list, or an operator."""
        if number := _NUMBER.match(self._source, self._at):
            return self._taken(NUMBER, number[0], line, spaced)
        if name := _NAME.match(self._source, self._at):
            if self._is_key(name.end()):
                self._at = name.end() + 1
                return Token(KEY, name[0], line, spaced=spaced)
            if module := _MODULE.match(self._source, self._at):
                return self._taken(MODULE, module[0], line, spaced)
            return self._taken(NAME, name[0], line, spaced)
        for operator in _OPERATORS:
            if self._source.startswith(operator, self._at):
                return self._taken(OPERATOR, operator, line, spaced)
        return self._taken(OPERATOR, self._source[self._at], line, spaced)

    def _taken(self, kind: str, text: str, line: int, spaced: bool) -> Token:
        self._at += len(text)
        return Token(kind, text, line, spaced=spaced)

    def _is_key(self, end: int) -> bool:
        """Whether a colon with white space after it follows, as in `port: 4000`."""
        after = self._source[end + 1 : end + 2]
        return self._source.startswith(":", end) and (not after or after.isspace())

    def _quoted(self, line: int, spaced: bool) -> Token:
        """A string, charlist or heredoc; a key if a colon follows: `"a key": 1`."""
        quote = self._source[self._at]
        closing = quote * 3 if self._source.startswith(quote * 3, self._at) else quote
        self._at += len(closing)
        text, inner, interpolated = self._content(closing, line, raw=False)
        if len(closing) == 1 and self._is_key(self._at):
            self._at += 1
            return Token(KEY, text, line, spaced=spaced)
        return Token(TEXT, text, line, inner, interpolated, spaced)

    def _is_first_in_line(self) -> bool:
        """Whether only white space stands before this place: only there a heredoc ends."""
        return not self._source[self._source.rfind("\n", 0, self._at) + 1 : self._at].strip()

    def _sigil(self, opening: re.Match[str], line: int, spaced: bool) -> Token:
        letter, delimiter = opening[1], opening[2]
        self._at = opening.end()
        closing = _PAIRS.get(delimiter, delimiter)
        text, inner, interpolated = self._content(closing, line, raw=letter[0].isupper())
        while self._at < len(self._source) and self._source[self._at].isalpha():
            self._at += 1
        kind = TEXT if letter in {"s", "S"} else SIGIL
        return Token(kind, text, line, inner, interpolated, spaced)

    def _content(self, closing: str, line: int, *, raw: bool) -> tuple[str, tuple[Token, ...], bool]:
        """(text, tokens of interpolations, whether there are any) up to the closing delimiter, which is skipped."""
        parts: list[str] = []
        inner: list[Token] = []
        interpolated = False
        while self._at < len(self._source):
            if self._source.startswith(closing, self._at) and (len(closing) == 1 or self._is_first_in_line()):
                self._at += len(closing)
                return "".join(parts), tuple(inner), interpolated
            if self._source[self._at] == "\\":
                escaped = self._source[self._at + 1 : self._at + 2]
                unescaped = "\\" + escaped if raw else _ESCAPES.get(escaped, escaped)
                parts.append(escaped if escaped == closing else unescaped)
                self._at += 2
            elif not raw and self._source.startswith("#{", self._at):
                self._at += 2
                inner += self.run(until_brace=True)
                self._at += 1
                interpolated = True
            else:
                parts.append(self._source[self._at])
                self._at += 1
        raise ElixirUnread(f"what {closing} should close is not closed", line)
