"""In which Mix environments a piece of a configuration is evaluated: `if config_env() == :prod do`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rollout.project.elixir.calls import atom, elements
from rollout.project.elixir.tokens import KEY, MODULE, NAME, OPERATOR, Token
from rollout.project.elixir.tree import (
    DO,
    Group,
    Items,
    Node,
    at,
    group,
    is_end,
    is_token,
    sections,
    split,
    statements,
    walk,
)

ENVIRONMENTS = ("dev", "test", "prod")
Truth = tuple[bool | None, ...]
"""For each of ENVIRONMENTS whether it is evaluated; None: that depends on something else, such as a variable."""
ALWAYS: Truth = (True, True, True)


@dataclass(frozen=True, slots=True)
class Position:
    """A node in its sequence, where it is evaluated, and the function whose argument it is (`String.to_integer`)."""

    items: Items
    number: int
    truth: Truth
    caller: str
    is_refused: bool = False
    """The node is in a condition under which the configuration raises."""


def positions(items: Items, truth: Truth = ALWAYS, caller: str = "") -> Iterator[Position]:
    """Every node below, with the conditions around it."""
    number = 0
    while number < len(items):
        node = items[number]
        yield Position(items, number, truth, caller)
        if is_token(node, NAME, "if", "unless", "case") and (branches := _branches(items, number)):
            condition, parts, end = branches
            refused = (
                _raises_for_nil(items[end - 1])
                if is_token(node, NAME, "case")
                else _is_about_nil(node, condition) and _raises(parts[0][0])
            )
            for each in positions(condition, truth):
                yield Position(each.items, each.number, each.truth, each.caller, is_refused=refused)
            for body, holds in parts:
                yield from positions(body, tuple(map(_and, truth, holds)))
            number = end
            continue
        if isinstance(node, Group):
            yield from positions(node.items, truth, _function(items, number) if node.opening == "(" else "")
        elif node.inner:
            yield from positions(group(node.inner), truth)
        number += 1


def holds(condition: Items, environment: str) -> bool | None:
    """Whether a condition is true in a Mix environment; None if that depends on something else."""
    for words, unit, combine in ((("||", "or"), False, _or), (("&&", "and"), True, _and)):
        parts = _split_by(condition, words)
        if len(parts) > 1:
            value: bool | None = unit
            for part in parts:
                value = combine(value, holds(part, environment))
            return value
    first = at(condition, 0)
    if is_token(first, OPERATOR, "!") or is_token(first, NAME, "not"):
        value = holds(condition[1:], environment)
        return None if value is None else not value
    if len(condition) == 1 and isinstance(first, Group) and first.opening == "(":
        return holds(first.items, environment)
    return _compared(condition, environment)


def _compared(condition: Items, environment: str) -> bool | None:
    """`config_env() == :prod`, `Mix.env() != :test`, `config_env() in [:dev, :test]`."""
    if not _is_environment(condition):
        return None
    for number, node in enumerate(condition):
        rest = condition[number + 1 :]
        if is_token(node, OPERATOR, "==", "===") and (name := atom(rest)):
            return name == environment
        if is_token(node, OPERATOR, "!=", "!==") and (name := atom(rest)):
            return name != environment
        if is_token(node, NAME, "in") and (names := {atom(part) for part in elements(rest)} - {None}):
            is_negated = is_token(at(condition, number - 1), NAME, "not")
            return (environment in names) is not is_negated
    return None


def _is_environment(items: Items) -> bool:
    """Whether a value begins with `config_env()`, `Mix.env()`, or a variable with a usual name for it."""
    if is_token(at(items, 0), NAME, "config_env", "env", "config_env_name", "mix_env"):
        return True
    return is_token(at(items, 0), MODULE, "Mix") and is_token(at(items, 2), NAME, "env")


def _branches(items: Items, number: int) -> tuple[Items, list[tuple[Items, Truth]], int] | None:
    """(condition, bodies with where they are evaluated, index after them) of an `if`, `unless` or `case`."""
    keyword = _word(items[number])
    inside = at(items, number + 1)
    if isinstance(inside, Group) and not inside.spaced and any(is_token(node, KEY, DO) for node in inside.items):
        found = _branches((items[number], *inside.items), 0)  # if(condition, do: …)
        return found and (found[0], found[1], number + 2)
    for end in range(number + 1, len(items)):
        node = items[end]
        if isinstance(node, Group) and node.opening == DO:
            condition = items[number + 1 : end]
            if keyword == "case":
                return condition, list(_clauses(condition, node)), end + 1
            parts = sections(node)
            return condition, _alternatives(keyword, condition, parts[DO], parts.get("else", ())), end + 1
        if is_token(node, KEY, DO) and keyword != "case":
            alternatives = split(next(statements(items[end:])))
            then = alternatives[0][1:]
            other = next((part[1:] for part in alternatives[1:] if is_token(part[0], KEY, "else")), ())
            condition = items[number + 1 : end - 1]
            return condition, _alternatives(keyword, condition, then, other), _statement_end(items, end)
        if is_end(node):
            return None
    return None


def _statement_end(items: Items, begin: int) -> int:
    return next((number for number in range(begin, len(items)) if is_end(items[number])), len(items))


def _alternatives(keyword: str, condition: Items, then: Items, other: Items) -> list[tuple[Items, Truth]]:
    truth = tuple(holds(condition, name) for name in ENVIRONMENTS)
    inverse = tuple(None if each is None else not each for each in truth)
    first, second = (inverse, truth) if keyword == "unless" else (truth, inverse)
    return [(then, first), (other, second)]


def _clauses(condition: Items, block: Group) -> Iterator[tuple[Items, Truth]]:
    """The clauses of a `case`. Only one about the environment says where a clause is evaluated."""
    named: set[str] = set()
    truth: Truth = (None, None, None)
    for statement in statements(block.items):
        body: Items = statement
        for number, node in enumerate(statement):
            if is_token(node, OPERATOR, "->"):
                pattern, body = statement[:number], statement[number + 1 :]
                truth = _matching(pattern, named) if _is_environment(condition) else (None, None, None)
                break
        yield body, truth


def _matching(pattern: Items, named: set[str]) -> Truth:
    if name := atom(pattern):
        named.add(name)
        return tuple(each == name for each in ENVIRONMENTS)
    return tuple(None if "when" in map(_word, pattern) else each not in named for each in ENVIRONMENTS)


def _is_about_nil(keyword: Node, condition: Items) -> bool:
    """`unless x`, `if !x`, `if is_nil(x)`, `if x in [nil, ""]`: the body is evaluated if there is no value."""
    words = {_word(items[number]) for items, number in walk(condition)}
    if words & {"&&", "and"}:
        return False
    return is_token(keyword, NAME, "unless") or bool(words & {"nil", "is_nil", "!", "not"})


def _raises_for_nil(block: Node) -> bool:
    """`nil -> raise …` in a case."""
    nodes = [node for node in block.items if not is_end(node)] if isinstance(block, Group) else []
    return any(
        is_token(one, NAME, "nil") and is_token(two, OPERATOR, "->") and is_token(three, NAME, "raise")
        for one, two, three in zip(nodes, nodes[1:], nodes[2:], strict=False)
    )


def _raises(body: Items) -> bool:
    return is_token(next(iter(next(statements(body), ())), None), NAME, "raise")


def _function(items: Items, number: int) -> str:
    """`String.to_integer` before its parentheses."""
    name = at(items, number - 1)
    if not isinstance(name, Token) or name.kind != NAME:
        return ""
    module = at(items, number - 3)
    is_remote = is_token(at(items, number - 2), OPERATOR, ".") and is_token(module, MODULE)
    return f"{_word(module)}.{name.text}" if is_remote and module else name.text


def _split_by(items: Items, words: tuple[str, ...]) -> list[Items]:
    parts: list[list[object]] = [[]]
    for node in items:
        if is_token(node, OPERATOR, *words) or is_token(node, NAME, *words):
            parts.append([])
        else:
            parts[-1].append(node)
    return parts  # type: ignore[return-value]


def _word(node: object) -> str:
    return node.text if isinstance(node, Token) else ""


def _and(one: bool | None, other: bool | None) -> bool | None:
    if one is False or other is False:
        return False
    return None if one is None or other is None else True


def _or(one: bool | None, other: bool | None) -> bool | None:
    if one or other:
        return True
    return None if one is None or other is None else False
