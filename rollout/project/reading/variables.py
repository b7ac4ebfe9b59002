"""Environment variables that a configuration reads, and what happens without them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from rollout.project.elixir.calls import atom, number, text
from rollout.project.elixir.tokens import MODULE, NAME, OPERATOR, TEXT, Token
from rollout.project.elixir.tree import Group, Items, at, is_token, split, walk
from rollout.project.reading.conditions import Position, Truth

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SHAPE = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*")
_WRAPPER = re.compile(r"env|(?:^|_)var(?:$|_)|secret|fetch|required", re.IGNORECASE)
_NOT_WRAPPERS = frozenset({"put_env", "delete_env", "compile_env", "compile_env!", "fetch_env", "get_app_env"})
# Functions that raise for nil.
_NEEDS_TEXT = ("String.", "Base.", "URI.", "Jason.", "Integer.", "Path.", "Code.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """A variable that is read at one place. `is_required`: without it the configuration raises.

    `default` is the value without it, "" if there is none or it is not written out. `truth` says in which Mix
    environments it is read. `place` is `config/runtime.exs:21`.
    """

    name: str
    is_required: bool
    default: str
    truth: Truth
    place: str


def lookup_at(position: Position, file: str) -> Lookup | None:
    """The variable that is read at a position; None if none is."""
    found = _system(position.items, position.number) or _wrapper(position.items, position.number)
    if not found:
        return None
    name, default, is_strict, end = found
    required, later = _without(position, end)
    line = position.items[position.number].line
    return Lookup(
        name=name,
        is_required=(is_strict or required or position.is_refused) and default is None and later is None,
        default=default or later or "",
        truth=position.truth,
        place=f"{file}:{line}",
    )


def names_in(items: Items) -> Iterator[str]:
    """The variables that a value reads."""
    for sequence, index in walk(items):
        if found := _system(sequence, index) or _wrapper(sequence, index):
            yield found[0]


def _system(items: Items, index: int) -> tuple[str, str | None, bool, int] | None:
    """(name, default, raises without it, index after it) of `System.get_env("PORT", "4000")` and its like."""
    function = at(items, index + 2)
    is_system = is_token(items[index], MODULE, "System") and is_token(at(items, index + 1), OPERATOR, ".")
    if not is_system or not is_token(function, NAME, "get_env", "fetch_env!", "fetch_env"):
        return None
    is_strict = is_token(function, NAME, "fetch_env!")
    inside = at(items, index + 3)
    arguments = split(inside.items) if isinstance(inside, Group) and inside.opening == "(" else ()
    end = index + (4 if isinstance(inside, Group) or is_token(inside, TEXT) else 3)
    if not arguments and is_token(inside, TEXT):
        name, defaults = _text(inside), arguments
    elif is_token(at(items, index - 1), OPERATOR, "|>") and is_token(at(items, index - 2), TEXT):
        name, defaults = _text(at(items, index - 2)), arguments
    else:
        name, defaults = (text(arguments[0]) or "") if arguments else "", arguments[1:]
    if not _NAME.fullmatch(name):
        return None
    return name, _written(defaults[0]) if defaults else None, is_strict, end


def _wrapper(items: Items, index: int) -> tuple[str, str | None, bool, int] | None:
    """The same for a function of the repository, or of Dotenvy: `env!("PORT", :integer, 4000)`."""
    node, inside = items[index], at(items, index + 1)
    if not isinstance(node, Token) or node.kind != NAME or not isinstance(inside, Group) or inside.opening != "(":
        return None
    before = at(items, index - 2)
    is_remote = is_token(at(items, index - 1), OPERATOR, ".")
    owner = _text(before) if is_remote else ""
    is_own = owner in {"System", "Application"} or node.text in _NOT_WRAPPERS
    if is_own or not (_WRAPPER.search(node.text) or _WRAPPER.search(owner)):
        return None
    arguments = split(inside.items)
    for place, argument in enumerate(arguments):
        name = text(argument)
        if name and _SHAPE.fullmatch(name):
            defaults = [each for each in arguments[place + 1 :] if atom(each) is None]
            default = _written(defaults[0]) if defaults else None
            return name, default, node.text.endswith("!"), index + 2
    return None


def _without(position: Position, end: int) -> tuple[bool, str | None]:
    """(whether the configuration raises without the variable, the default that follows `||`)."""
    items, after = position.items, at(position.items, end)
    if is_token(after, OPERATOR, "||"):
        following = at(items, end + 1)
        if is_token(following, NAME, "raise"):
            return True, None
        return False, _written(tuple(items[end + 1 : end + 2]))
    if is_token(after, OPERATOR, "|>"):
        return _needs_text(f"{_text(at(items, end + 1))}."), None
    return after is None and _needs_text(position.caller), None


def _needs_text(function: str) -> bool:
    return function.startswith(_NEEDS_TEXT)


def _written(value: Items) -> str:
    """A default as text; "" for nil and for what is not written out."""
    digits = number(value)
    if (digits := digits) is not None:
        return str(digits)
    name = at(value, 0)
    word = _text(name) if is_token(name, NAME, "true", "false") and len(value) == 1 else ""
    return text(value) or word


def _text(node: object) -> str:
    return node.text if isinstance(node, Token) else ""
