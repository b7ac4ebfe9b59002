"""Calls and simple values in Elixir source: `config :shop, Shop.Repo, pool_size: 10`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rollout.project.elixir.tokens import ATOM, KEY, MODULE, NAME, NUMBER, OPERATOR, SIGIL, TEXT, Token
from rollout.project.elixir.tree import DO, Group, Items, Node, at, is_token, split, statements


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call. `module` is "" for a local one. `block` is its `do … end`. Each argument is a sequence of nodes."""

    name: str
    module: str
    arguments: tuple[tuple[Node, ...], ...]
    block: Group | None
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """`key: value` of a keyword list."""

    key: str
    value: tuple[Node, ...]
    line: int


def call(statement: Items) -> Call | None:
    """The call that a statement is, with or without parentheses; None for anything else."""
    module = ""
    if is_token(at(statement, 0), MODULE) and is_token(at(statement, 1), OPERATOR, "."):
        module, statement = _text(statement[0]), statement[2:]
    name = at(statement, 0)
    if not isinstance(name, Token) or name.kind != NAME:
        return None
    rest = tuple(statement[1:])
    block = rest[-1] if rest and isinstance(rest[-1], Group) and rest[-1].opening == DO else None
    rest = rest[:-1] if block else rest
    first = at(rest, 0)
    if isinstance(first, Group) and first.opening == "(" and not first.spaced:
        if len(rest) > 1:
            return None
        rest = first.items
    elif is_token(first, OPERATOR) and not is_token(first, OPERATOR, "@", "&", "%", "!", "-"):
        return None
    return Call(name=name.text, module=module, arguments=split(rest), block=block, line=name.line)


def calls(items: Items) -> Iterator[Call]:
    """The calls that are statements of a block, and those in their blocks."""
    for statement in statements(items):
        if found := call(statement):
            yield found
        for node in statement:
            if isinstance(node, Group) and node.opening in {DO, "fn"}:
                yield from calls(node.items)


def text(value: Items) -> str | None:
    """The string that a value is, if it is written out without interpolation."""
    node = _only(value)
    return node.text if node and node.kind == TEXT and not node.is_interpolated else None


def atom(value: Items) -> str | None:
    """The name of the atom that a value is, without its colon."""
    node = _only(value)
    return node.text if node and node.kind == ATOM else None


def module(value: Items) -> str | None:
    """The name of the module that a value is."""
    node = _only(value)
    return node.text if node and node.kind == MODULE else None


def number(value: Items) -> int | None:
    """The whole number that a value is."""
    node = _only(value)
    digits = node.text.replace("_", "") if node and node.kind == NUMBER else ""
    return int(digits) if digits.isdecimal() else None


def words(value: Items) -> tuple[str, ...] | None:
    """The words of `~w(a b)`."""
    node = _only(value)
    return tuple(node.text.split()) if node and node.kind == SIGIL else None


def elements(value: Items) -> tuple[tuple[Node, ...], ...]:
    """The elements of lists in a value, also of lists that `++` joins."""
    lists = [node for node in value if isinstance(node, Group) and node.opening == "["]
    return tuple(part for node in lists for part in split(node.items))


def pairs(value: Items) -> tuple[Pair, ...]:
    """The pairs of a keyword list, with or without brackets. A map counts as one."""
    found = []
    for part in _parts(value):
        first = part[0]
        if isinstance(first, Token) and first.kind == KEY:
            found.append(Pair(key=first.text, value=tuple(part[1:]), line=first.line))
        elif isinstance(first, Group) and first.opening == "{" and len(part) == 1:
            inner = split(first.items)
            if len(inner) == 2 and (name := atom(inner[0])):
                found.append(Pair(key=name, value=inner[1], line=first.line))
    return tuple(found)


def pair(value: Items, key: str) -> Pair | None:
    """The pair with a key, if there is one."""
    return next((each for each in pairs(value) if each.key == key), None)


def modules(value: Items) -> tuple[str, ...]:
    """The modules of a list: `[Shop.Repo, Shop.EventRepo]`."""
    return tuple(name for part in elements(value) if (name := module(part)))


def keywords(arguments: tuple[tuple[Node, ...], ...]) -> tuple[Pair, ...]:
    """The pairs among the arguments of a call: `config :shop, a: 1, b: 2` and `config :shop, [a: 1]`."""
    return tuple(each for argument in arguments for each in pairs(argument))


def _parts(value: Items) -> tuple[tuple[Node, ...], ...]:
    if value and isinstance(value[0], Token) and value[0].kind == KEY:
        return split(value)
    groups = [node for node in value if isinstance(node, Group) and (node.opening in {"[", "{"} or _has_pairs(node))]
    return tuple(part for node in groups for part in split(node.items))


def _has_pairs(group: Group) -> bool:
    """`without_nil(a: 1)`: the arguments of a call are a keyword list."""
    return group.opening == "(" and is_token(at(group.items, 0), KEY)


def _only(value: Items) -> Token | None:
    """The only token of a value, which may stand in parentheses."""
    nodes = [node for node in value if not (isinstance(node, Token) and node.kind == "end of line")]
    if len(nodes) != 1:
        return None
    node = nodes[0]
    if isinstance(node, Group):
        return _only(node.items) if node.opening == "(" else None
    return node


def _text(node: Node) -> str:
    return node.text if isinstance(node, Token) else ""
