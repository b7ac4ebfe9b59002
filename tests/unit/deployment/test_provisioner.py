"""The registry of a rehearsal is moved into the cache completely, even if several runs build it at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from rollout.deployment.provisioner import move_in


def built(place: Path, content: str) -> Path:
    """As `build_registry` leaves it."""
    made = place / content / "default-1"
    (made / "public" / "tarballs").mkdir(parents=True)
    (made / "public" / "public_key").write_text(content)
    return made


@pytest.mark.parametrize("there", ["nothing", "half", "whole"])
def test_a_registry_is_moved_completely_or_not_at_all(tmp_path: Path, there: str) -> None:
    """A half one is replaced; a whole one, by a run that was quicker, stays."""
    folder = tmp_path / "cache" / "rehearsal" / "default-1" / "public"
    if there == "half":
        (folder / "tarballs").mkdir(parents=True)
    if there == "whole":
        move_in(built(tmp_path, "first"), folder)
    move_in(built(tmp_path, "ours"), folder)
    assert ("first" if there == "whole" else "ours") == (folder / "public_key").read_text()
    assert {"public"} == {each.name for each in folder.parent.iterdir()}
    assert [folder.parent] == list(folder.parent.parent.iterdir())
