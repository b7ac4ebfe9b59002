"""Reads the tokens of an SQL statement one after the other. Pure."""

from __future__ import annotations

from rollout.migrations.sql_tokens import Token

_CONSTRAINT = (
    "CONSTRAINT", "NOT", "NULL", "DEFAULT", "CHECK", "REFERENCES", "UNIQUE", "PRIMARY", "GENERATED", "COLLATE", "USING",
    "STORAGE", "COMPRESSION",
)  # fmt: skip


class Cursor:
    """A position in the tokens of a statement."""

    def __init__(self, tokens: tuple[Token, ...]) -> None:
        self._tokens = tokens
        self._at = 0

    @property
    def is_at_end(self) -> bool:
        return self._at >= len(self._tokens)

    def peek(self, ahead: int = 0) -> Token | None:
        """The token at the position, None after the last one."""
        place = self._at + ahead
        return self._tokens[place] if place < len(self._tokens) else None

    def peek_word(self) -> str | None:
        """The word at the position, in capitals."""
        token = self.peek()
        return token.text.upper() if token and token.kind == "word" else None

    def advance(self) -> None:
        self._at += 1

    def at_word(self, *words: str) -> bool:
        """Whether one of the words is at the position."""
        return self.peek_word() in words

    def accept(self, *words: str) -> bool:
        """Read these words if all of them follow."""
        for ahead, word in enumerate(words):
            token = self.peek(ahead)
            if token is None or not token.is_word(word):
                return False
        self._at += len(words)
        return True

    def accept_mark(self, mark: str) -> bool:
        """Read this mark if it follows."""
        if self.peek() == Token("mark", mark):
            self._at += 1
            return True
        return False

    def has(self, *words: str) -> bool:
        """Whether these words follow one another anywhere from the position on."""
        rest = [token.text.upper() if token.kind == "word" else "" for token in self._tokens[self._at :]]
        return any(tuple(rest[start : start + len(words)]) == words for start in range(len(rest)))

    def skip_to(self, word: str) -> None:
        """Read up to and with the word, or to the end."""
        while not self.is_at_end and not self.accept(word):
            self._at += 1

    def name(self) -> str | None:
        """Read a name, with its schema; unquoted ones are folded to lower case."""
        parts = []
        while (token := self.peek()) is not None and token.kind in {"word", "name"}:
            parts.append(token.text if token.kind == "name" else token.text.lower())
            self._at += 1
            if not self.accept_mark("."):
                break
        return ".".join(parts) or None

    def text_until(self, *words: str) -> str:
        """Read the text up to one of the words or a comma, outside of parentheses."""
        parts: list[str] = []
        depth = 0
        while (token := self.peek()) is not None:
            if not depth and (token == Token("mark", ",") or token.is_word(*words)):
                break
            depth += {"(": 1, ")": -1, "[": 1, "]": -1}.get(token.text, 0) if token.kind == "mark" else 0
            parts.append(f'"{token.text}"' if token.kind == "name" else token.text)
            self._at += 1
        return _joined(parts)

    def type_name(self) -> str:
        """Read the type of a column."""
        return self.text_until(*_CONSTRAINT).lower()

    def expression(self) -> str:
        """Read an expression that follows DEFAULT, up to the next constraint of the column."""
        return self.text_until(*(word for word in _CONSTRAINT if word != "NULL"))

    def parenthesised(self) -> list[str]:
        """Read a list in parentheses: the text of each item; empty without one."""
        items: list[str] = []
        if not self.accept_mark("("):
            return items
        depth, parts = 1, list[str]()
        while depth and (token := self.peek()) is not None:
            self._at += 1
            depth += {"(": 1, ")": -1}.get(token.text, 0) if token.kind == "mark" else 0
            if not depth or (depth == 1 and token == Token("mark", ",")):
                items.append(_joined(parts))
                parts = []
            else:
                parts.append(token.text)
        return items


def _joined(parts: list[str]) -> str:
    """Tokens as text, with spaces between words only."""
    text = ""
    for part in parts:
        words = text[-1:].isalnum() or text[-1:] in {"_", '"', "'", ")"}
        text += f" {part}" if text and words and (part[:1].isalnum() or part[:1] in {"_", '"', "'"}) else part
    return text
