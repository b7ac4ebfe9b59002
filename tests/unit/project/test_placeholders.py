"""Placeholders in the values of variables."""

from __future__ import annotations

import pytest

from rollout.project.placeholders import fill, used

VALUES = {"port": "4000", "database_url": "ecto://a@b/c", "service.search.port": "9200"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("{port}", "4000"),
        ("http://localhost:{port}?u={database_url}", "http://localhost:4000?u=ecto://a@b/c"),
        ("{service.search.port}", "9200"),
        ('{"a": {"port": 1}}', '{"a": {"port": 1}}'),
        ("{service.other.port}", "{service.other.port}"),
    ],
)
def test_a_placeholder_is_replaced(text: str, expected: str) -> None:
    """One without a value stays."""
    assert expected == fill(text, VALUES)


def test_a_secret_is_new_each_time() -> None:
    first, second = fill("generate:64", VALUES), fill("generate:64", VALUES)
    assert (64, 64) == (len(first), len(second))
    assert first != second
    assert first.isalnum()


def test_used_placeholders_are_listed() -> None:
    assert ("port", "service.a-b.host") == used("{port} {service.a-b.host} {'x'} { port }")
