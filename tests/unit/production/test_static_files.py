"""Release B without the static files of A: two checks name what is missing."""

from __future__ import annotations

import json
import types
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy_tests import test_33_next_release as of_files
from deploy_tests import test_36_upgrade as of_answers
from rollout.application import APPLICATION
from rollout.production.release import Release

OLD, NEW = "assets/css/app-1111.css", "assets/css/app-2222.css"


def _released(folder: Path, **names: tuple[str, ...]) -> Any:
    """Releases, each with these digested files."""
    releases = {}
    for label, files in names.items():
        static = folder / label / f"lib/{APPLICATION.app}-1/priv/static"
        static.mkdir(parents=True)
        digests: dict[str, dict[str, str]] = {name: {} for name in files}
        (static / "cache_manifest.json").write_text(json.dumps({"digests": digests}))
        releases[label] = Release(label=label, version="1", folder=folder / label)
    return types.SimpleNamespace(releases=releases)


def _public(*files: str) -> httpx.Client:
    """What the world sees of a release that serves these files."""

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200 if request.url.path.lstrip("/") in files else 404)

    return httpx.Client(transport=httpx.MockTransport(answer), base_url="http://shop")


def test_b_with_the_files_of_a_is_good(tmp_path: Path) -> None:
    released = _released(tmp_path, a=(OLD,), b=(OLD, NEW))
    of_files.test_still_serves_the_static_files_of_a(released)
    of_answers.test_static_files_of_a_are_served_by_b(released, _public(OLD, NEW))


def test_a_file_that_b_has_not_any_more_is_named(tmp_path: Path) -> None:
    released = _released(tmp_path, a=(OLD,), b=(NEW,))
    with pytest.raises(AssertionError, match=r"app-1111\.css"):
        of_files.test_still_serves_the_static_files_of_a(released)


def test_a_file_that_b_has_and_does_not_serve_is_named(tmp_path: Path) -> None:
    released = _released(tmp_path, a=(OLD,), b=(OLD, NEW))
    with pytest.raises(AssertionError, match=r"app-1111\.css"):
        of_answers.test_static_files_of_a_are_served_by_b(released, _public(NEW))
