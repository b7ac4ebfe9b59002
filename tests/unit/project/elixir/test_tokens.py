"""Elixir source becomes tokens; what looks like code in comments, strings, heredocs and sigils does not."""

from __future__ import annotations

import pytest

from rollout.project.elixir.tokens import ATOM, KEY, NAME, TEXT, ElixirUnread, tokens


def read(source: str) -> list[tuple[str, str]]:
    return [(token.kind, token.text) for token in tokens(source) if token.kind != "end of line"]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (":shop", [(ATOM, "shop")]),
        (':"a b"', [(ATOM, "a b")]),
        (":+ :<<>> :ok?", [(ATOM, "+"), (ATOM, "<<>>"), (ATOM, "ok?")]),
        ("a :: b", [(NAME, "a"), ("operator", "::"), (NAME, "b")]),
        ("port: 4_000", [(KEY, "port"), ("number", "4_000")]),
        ('"a key": 1', [(KEY, "a key"), ("number", "1")]),
        ("empty?: true", [(KEY, "empty?"), (NAME, "true")]),
        ("a != b", [(NAME, "a"), ("operator", "!="), (NAME, "b")]),
        ("fetch!(x)", [(NAME, "fetch!"), ("bracket", "("), (NAME, "x"), ("bracket", ")")]),
        ("Shop.Repo.all", [("module", "Shop.Repo"), ("operator", "."), (NAME, "all")]),
        ("?# ?\\n ?\" x", [("number", "?#"), ("number", "?\\n"), ("number", '?"'), (NAME, "x")]),
        ("1 # config :shop", [("number", "1")]),
        ('"# no comment \\" \\n"', [(TEXT, '# no comment " \n')]),
        ("'abc'", [(TEXT, "abc")]),
        ('"""\nconfig :shop, "x" """ y\n  """', [(TEXT, '\nconfig :shop, "x" """ y\n  ')]),
        ("~w(a b)a", [("sigil", "a b")]),
        ("~s|x \"y\" z|", [(TEXT, 'x "y" z')]),
        ("~r/a\\/b/i", [("sigil", "a/b")]),
        ('~S(a #{b})', [(TEXT, "a #{b}")]),
        ('~H"""\n<%= "x" %>\n"""', [("sigil", '\n<%= "x" %>\n')]),
        ("größe = ünïcode", [(NAME, "größe"), ("operator", "="), (NAME, "ünïcode")]),
        ("a \\\n b", [(NAME, "a"), (NAME, "b")]),
    ],
)  # fmt: skip
def test_source_becomes_tokens(source: str, expected: list[tuple[str, str]]) -> None:
    assert expected == read(source)


def test_an_interpolation_has_tokens_of_its_own() -> None:
    """Also one with braces and strings in it."""
    (token,) = tokens('"a #{Map.get(%{b: "}"}, :b)} c"')
    assert (True, "a  c") == (token.is_interpolated, token.text)
    assert ["Map", ".", "get", "(", "%", "{", "b", "}", "}", ",", "b", ")"] == [each.text for each in token.inner]


def test_a_token_has_its_line() -> None:
    """After comments, heredocs, carriage returns and a byte order mark."""
    found = tokens('\ufeff# one\r\n"""\r\nthree\r\n"""\r\nfive\r\n')
    assert [(TEXT, 2), (NAME, 5)] == [(token.kind, token.line) for token in found if token.kind in {TEXT, NAME}]


@pytest.mark.parametrize(
    ("source", "line"), [('\n"abc', 2), ('"""\nabc', 1), ('"a #{b', 1), ("~s(abc", 1), ("'\n\n", 1)]
)
def test_what_is_not_closed_is_an_error_with_its_line(source: str, line: int) -> None:
    with pytest.raises(ElixirUnread, match="is not closed") as raised:
        tokens(source)
    assert line == raised.value.line
