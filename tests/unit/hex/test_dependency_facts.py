"""Licences and sizes of fetched dependencies."""

from __future__ import annotations

from pathlib import Path

import pytest

from rollout.hex.dependency_facts import licences, size


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ('{<<"name">>,<<"ash">>}.\n{<<"licenses">>,[<<"MIT">>]}.\n', ("MIT",)),
        ('{<<"licenses">>,[<<"Apache-2.0">>,<<"BSD-3-Clause">>]}.', ("Apache-2.0", "BSD-3-Clause")),
        (
            '{<<"licenses">>,\n [<<"MIT">>,\n  <<"Lizenz f\u00fcr \\"alle\\""/utf8>>]}.',
            ("MIT", 'Lizenz f\u00fcr "alle"'),
        ),
        ('{<<"licenses">>,[]}.', ()),
        ('{<<"name">>,<<"ash">>}.', ()),
        ("no Erlang at all", ()),
    ],
)
def test_licences_are_read_from_the_metadata(metadata: str, expected: tuple[str, ...], tmp_path: Path) -> None:
    """In every notation that Hex writes."""
    (tmp_path / "hex_metadata.config").write_text(metadata, encoding="utf-8")
    assert expected == licences(tmp_path)


def test_a_dependency_of_git_has_no_licence_that_we_know(tmp_path: Path) -> None:
    assert () == licences(tmp_path)


def test_the_size_is_the_total_of_all_files(tmp_path: Path) -> None:
    """A link counts with its own size."""
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "ash.ex").write_bytes(b"x" * 700)
    (tmp_path / "mix.exs").write_bytes(b"x" * 300)
    (tmp_path / "away").symlink_to("/nowhere")
    assert 1000 + len("/nowhere") == size(tmp_path)
    assert 0 == size(tmp_path / "none")
