"""Parsing mix.lock."""

from pathlib import Path

import pytest

from rollout.hex.errors import InvalidLock
from rollout.hex.lockfile import parse, read

LOCK = """%{
  "ash": {:hex, :ash, "3.32.0", "aa11", [:mix], [{:decimal, "~> 2.0 or ~> 3.0", [hex: :decimal, repo: "hexpm", optional: false]}, {:igniter, ">= 0.6.29 and < 1.0.0-0", [hex: :igniter, repo: "hexpm", optional: true]}], "hexpm", "bb22"},
  "decimal": {:hex, :decimal, "3.1.1", "cc33", [:mix], [], "hexpm", "dd44"},
  "heroicons": {:git, "https://github.com/tailwindlabs/heroicons.git", "0435d4ca", [tag: "v2.2.0", sparse: "optimized", depth: 1]},
  "idna": {:hex, :idna, "7.1.0", "ee", [:rebar3], [{:unicode_util_compat, "~> 0.7.0", [hex: :unicode_util_compat, repo: "hexpm", optional: false]}], "hexpm", "ff"},
  "my_app": {:hex, :other_name, "1.0.0", "aa"},
}
"""  # noqa: E501 - as Mix writes it


def test_hex_entries() -> None:
    """Name, version, both checksums, managers, dependencies."""
    ash = parse(LOCK)["ash"]
    assert ("hex", "ash", "3.32.0", "aa11", "bb22", ("mix",), ("decimal", "igniter"), "hexpm") == (
        ash.kind, ash.name, ash.version, ash.inner_checksum, ash.outer_checksum, ash.managers,
        ash.dependencies, ash.repository,
    )  # fmt: skip


def test_git_entries() -> None:
    """Address, revision and options."""
    heroicons = parse(LOCK)["heroicons"]
    assert "git" == heroicons.kind
    assert "https://github.com/tailwindlabs/heroicons.git" == heroicons.url
    assert "0435d4ca" == heroicons.version
    assert {"tag": "v2.2.0", "sparse": "optimized", "depth": 1} == heroicons.options


def test_old_entries_and_differing_names() -> None:
    """Very old locks have four elements; an app can have another name than its package."""
    old = parse(LOCK)["my_app"]
    assert ("my_app", "other_name", None, "hexpm") == (old.app, old.name, old.outer_checksum, old.repository)


def test_order_is_kept() -> None:
    """As in the file."""
    assert ["ash", "decimal", "heroicons", "idna", "my_app"] == list(parse(LOCK))


@pytest.mark.parametrize("text", ["", "\n", "%{\n}\n"])
def test_blank_text_is_an_empty_lock(text: str) -> None:
    """However it is empty."""
    assert {} == parse(text)


def test_no_file_is_an_empty_lock(tmp_path: Path) -> None:
    """Before the first deps.get there is none."""
    assert {} == read(tmp_path / "mix.lock")


@pytest.mark.parametrize(
    "text",
    ["%{", '%{"a": {:hex}}', "[]", '%{"a": {:svn, 1}}', '%{"a": {:hex, :a, "1.0.0", "x"}} %{}',
     "<<<<<<< HEAD",
     '%{"a" 1}',
     '%{"a": {:hex, :a, "1", "2", [], [], "hexpm", "o", "more"}}'],
)  # fmt: skip
def test_an_invalid_lock_is_reported(text: str) -> None:
    """A merge conflict, for example."""
    with pytest.raises(InvalidLock, match=r"deps\.get"):
        parse(text)
