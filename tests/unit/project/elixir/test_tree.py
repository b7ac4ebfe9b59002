"""Tokens become groups, statements and calls."""

from __future__ import annotations

import pytest

from rollout.project.elixir.calls import call, calls, elements, module, modules, number, pair, pairs, text, words
from rollout.project.elixir.tokens import ElixirUnread, Token
from rollout.project.elixir.tree import DO, Group, parse, sections, split, statements


def shown(node: Token | Group) -> str:
    if isinstance(node, Token):
        return node.text
    return f"{node.opening}…{len(list(statements(node.items)))}"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a\nb; c", ["a", "b", "c"]),
        ("a =\n  b", ["a = b"]),
        ("a\n|> b\n\n|> c", ["a |> b |> c"]),
        ("a ||\n # why\n raise", ["a || raise"]),
        ("a\n-b", ["a", "- b"]),
        ("config :a,\n  b: 1,\n  c:\n    2", ["config a , b 1 , c 2"]),
        ("if a do\nb\nc\nend\nd", ["if a do…2", "d"]),
        ("f(fn x ->\n x\n end)", ["f (…1"]),
        ("x.do\ny.end", ["x . do", "y . end"]),
        ("if a, do: b\nc", ["if a , do b", "c"]),
        ("[\n1,\n2\n]", ["[…1"]),
    ],
)
def test_a_statement_goes_on_where_elixir_goes_on(source: str, expected: list[str]) -> None:
    assert expected == [" ".join(map(shown, statement)) for statement in statements(parse(source))]


@pytest.mark.parametrize("source", ["(", "do", "a)", "[)", "fn x -> x", "if a do )", '"#{(}"'])
def test_what_does_not_match_is_an_error(source: str) -> None:
    with pytest.raises(ElixirUnread):
        parse(source)


def test_a_block_has_sections() -> None:
    (_, _, block) = parse("if a do\n b\nelse\n c\n d\nend")
    assert isinstance(block, Group)
    found = {name: len(list(statements(items))) for name, items in sections(block).items()}
    assert {DO: 1, "else": 2} == found


@pytest.mark.parametrize(
    ("source", "name", "arguments", "has_block"),
    [
        ("config :shop, Shop.Repo, a: 1", "config", 3, False),
        ("config(:shop, Shop.Repo)", "config", 2, False),
        ("scope \"/\", Shop do\nend", "scope", 2, True),
        ("defp deps, do: []", "defp", 2, False),
        ("System.get_env(\"A\")", "get_env", 1, False),
        ("deps()", "deps", 0, False),
        ("plug :x when a in [1]", "plug", 1, False),
    ],
)  # fmt: skip
def test_a_call_has_its_arguments(source: str, name: str, arguments: int, has_block: bool) -> None:
    found = call(next(statements(parse(source))))
    assert found is not None
    assert (name, arguments, has_block) == (found.name, len(found.arguments), found.block is not None)


@pytest.mark.parametrize("source", ["a = 1", "1 + 2", "@x 1", "a |> b", ":x", "f(a).b"])
def test_what_is_no_call_is_none(source: str) -> None:
    assert call(next(statements(parse(source)))) is None


def test_calls_in_blocks_are_found() -> None:
    found = calls(parse("defmodule A do\n def b do\n c(1)\n end\nend"))
    assert ["defmodule", "def", "c"] == [each.name for each in found]


def test_values_are_read() -> None:
    """Only what is written out."""
    assert "a" == text(parse('"a"')) == text(parse('("a")'))
    assert text(parse('"a#{b}"')) is None
    assert 4000 == number(parse("4_000"))
    assert number(parse("1.5")) is None
    assert ("a", "b") == words(parse("~w(a b)"))
    assert "A.B" == module(parse("A.B"))
    assert ("A", "B.C") == modules(parse("[A, :x, B.C]"))
    assert 3 == len(elements(parse("[1] ++ [2, 3]")))


def test_pairs_of_keyword_lists_and_maps_are_read() -> None:
    for source in ("a: 1, b: [c: 2]", "[a: 1, b: [c: 2]]", "%{a: 1, b: %{c: 2}}", "[{:a, 1}, {:b, [c: 2]}]"):
        nodes = parse(source)
        assert ["a", "b"] == [each.key for each in pairs(nodes)]
        inner = pair(nodes, "b")
        assert inner is not None
        assert ["c"] == [each.key for each in pairs(inner.value)]
    assert pair(parse("a: 1"), "b") is None
    assert 2 == len(split(parse("1, 2,")))
