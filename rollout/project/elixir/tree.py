"""Tokens as nested groups: brackets, `do … end` and `fn … end`; and the statements and arguments in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rollout.project.elixir.tokens import BRACKET, END, KEY, NAME, OPERATOR, ElixirUnread, Token, tokens

DO, FN = "do", "fn"
_CLOSING = {"(": ")", "[": "]", "{": "}", DO: "end", FN: "end"}
_SECTIONS = frozenset({"else", "rescue", "catch", "after"})
_WORD_OPERATORS = frozenset({"and", "or", "not", "in", "when"})
# An operator at the start of a line that goes on with the line before; + and - begin a new one.
_CONTINUES = frozenset(
    {"|>", "||", "&&", "|||", "&&&", "==", "!=", "===", "!==", "=~", "<>", "++", "--", "|", "=", "<-", "->", "=>", "::",
     "<=", ">=", "<", ">", "*", "/", ".", "\\\\", ".."}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Group:
    """What stands between an opening and its closing. `opening` is `(`, `[`, `{`, `do` or `fn`."""

    opening: str
    items: tuple[Node, ...]
    line: int
    spaced: bool = False


Node = Token | Group
Items = Sequence[Node]


def parse(source: str) -> tuple[Node, ...]:
    """The nodes of a source text. Raises ElixirUnread. A token END ends a statement, not merely a line."""
    return group(tokens(source))


def group(flat: Iterable[Token]) -> tuple[Node, ...]:
    """Tokens as nested nodes. Raises ElixirUnread if something is not closed or closed twice."""
    stack: list[tuple[str, int, bool, list[Node]]] = [("", 1, False, [])]
    before: Token | None = None
    for token in flat:
        group(token.inner)  # an interpolation that does not match is an error here, not where it is looked into
        opening = _opening(token, before)
        before = token
        if opening:
            stack.append((opening, token.line, token.spaced, []))
        elif _is_closing(token, stack[-1][0]):
            kind, line, spaced, items = stack.pop()
            if _CLOSING.get(kind) != token.text:
                raise ElixirUnread(f"{token.text} closes nothing", token.line)
            stack[-1][3].append(Group(kind, tuple(items), line, spaced))
        else:
            _append(stack[-1][3], token)
    if len(stack) > 1:
        raise ElixirUnread(f"{stack[-1][0]} is not closed", stack[-1][1])
    return tuple(stack[0][3])


def statements(items: Items) -> Iterator[tuple[Node, ...]]:
    """The statements of a file or block: what stands between line ends."""
    found: list[Node] = []
    for item in items:
        if not is_end(item):
            found.append(item)
        elif found:
            yield tuple(found)
            found = []
    if found:
        yield tuple(found)


def sections(block: Group) -> dict[str, tuple[Node, ...]]:
    """`do`, `else`, `rescue` … → the items of that part of a block."""
    found: dict[str, list[Node]] = {DO: []}
    name = DO
    for item in block.items:
        if isinstance(item, Token) and item.kind == NAME and item.text in _SECTIONS:
            name = item.text
            found[name] = []
        else:
            found[name].append(item)
    return {name: tuple(items) for name, items in found.items()}


def split(items: Items, operator: str = ",") -> tuple[tuple[Node, ...], ...]:
    """The parts between commas or another operator, without line ends; empty parts are left out."""
    parts: list[list[Node]] = [[]]
    for item in items:
        if isinstance(item, Token) and item.kind == OPERATOR and item.text == operator:
            parts.append([])
        elif not is_end(item):
            parts[-1].append(item)
    return tuple(tuple(part) for part in parts if part)


def walk(items: Items) -> Iterator[tuple[Items, int]]:
    """(sequence, index) of each node, also of those in groups and interpolations."""
    for number, item in enumerate(items):
        yield items, number
        if isinstance(item, Group):
            yield from walk(item.items)
        elif item.inner:
            yield from walk(group(item.inner))


def is_end(node: Node) -> bool:
    """Whether a node is the end of a line."""
    return isinstance(node, Token) and node.kind == END


def is_token(node: Node | None, kind: str, *texts: str) -> bool:
    """Whether a node is a token of a kind and, if texts are given, one of them."""
    return isinstance(node, Token) and node.kind == kind and (not texts or node.text in texts)


def at(items: Items, number: int) -> Node | None:
    """The node at an index; None outside."""
    return items[number] if 0 <= number < len(items) else None


def _opening(token: Token, before: Token | None) -> str:
    if token.kind == BRACKET and token.text in _CLOSING:
        return token.text
    is_field = before is not None and before.kind == OPERATOR and before.text == "." and not token.spaced
    return token.text if token.kind == NAME and token.text in {DO, FN} and not is_field else ""


def _is_closing(token: Token, opened: str) -> bool:
    if token.kind == BRACKET:
        return token.text in {")", "]", "}"}
    return token.kind == NAME and token.text == "end" and opened in {DO, FN}


def _append(items: list[Node], token: Token) -> None:
    """Append a token. The end of a line that goes on with the next is left out."""
    if token.kind == END and (not items or is_end(items[-1]) or _is_open(items[-1])):
        return
    goes_on = is_token(token, OPERATOR, *_CONTINUES) or is_token(token, NAME, "and", "or", "in", "when")
    if goes_on and items and is_end(items[-1]):
        items.pop()
    items.append(token)


def _is_open(last: Node) -> bool:
    """Whether something has to follow: after a key or an operator."""
    if not isinstance(last, Token):
        return False
    return last.kind == KEY or last.text in _WORD_OPERATORS or (last.kind == OPERATOR and last.text != "...")
