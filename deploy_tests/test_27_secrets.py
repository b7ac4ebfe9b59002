"""Checks, after all others, that no secret is in logs, reports or public files."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from deploy_tests.support.users import Users
from rollout.site.settings import secrets_of
from rollout.site.views import CheckedSite

pytestmark = [pytest.mark.phase("server"), pytest.mark.needs("accounts"), pytest.mark.timeout(120)]

BUILT = {"deps", "_build", "node_modules", ".git", ".home"}
LARGE = 4 * 1024 * 1024


@pytest.fixture
def secret(site: CheckedSite, users: Users, known_secrets: dict[str, str]) -> Mapping[str, str]:
    """All secrets of this run and its checks, by description."""
    theirs = {
        f"the {what} of the {user.role}": value
        for user in (users.operator, users.viewer, users.agent)
        for what, value in (("password", user.password), ("key", user.key), ("spare key", user.spare))
    }
    return {**secrets_of(site), **theirs, **known_secrets}


def _files(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in BUILT]
        for name in names:
            path = Path(place, name)
            if path.is_file() and not path.is_symlink() and path.stat().st_size <= LARGE:
                yield path


def _holding(folder: Path, secret: Mapping[str, str]) -> dict[str, list[str]]:
    """The files of a folder that contain secrets, and which."""
    wanted = {what: value.encode() for what, value in secret.items()}
    found = {
        str(path.relative_to(folder)): [what for what, value in wanted.items() if value in content]
        for path in _files(folder)
        for content in (path.read_bytes(),)
    }
    return {path: held for path, held in found.items() if held}


def test_no_log_of_the_application_has_a_secret(site: CheckedSite, secret: Mapping[str, str]) -> None:
    assert list(_files(site.file("log"))), "there is no log: this check searches nothing"
    assert _holding(site.file("log"), secret) == {}


def test_no_file_of_the_report_has_a_secret(site: CheckedSite, secret: Mapping[str, str]) -> None:
    """Journal, command logs and all other files of the run."""
    assert list(_files(site.run.folder)), "there is no report: this check searches nothing"
    assert _holding(site.run.folder, secret) == {}


def test_files_with_secrets_are_private(site: CheckedSite, secret: Mapping[str, str]) -> None:
    held = _holding(site.application, secret)
    assert held, "no file holds the secrets: this check searches nothing"
    readable = {path: oct(stat.S_IMODE(site.file(path).stat().st_mode)) for path in held}
    assert {path: mode for path, mode in readable.items() if int(mode, 8) & 0o077} == {}


def test_no_secret_is_in_the_repository(site: CheckedSite, secret: Mapping[str, str], tracked: tuple[str, ...]) -> None:
    assert tracked, "the repository is empty: this check searches nothing"
    assert [path for path in _holding(site.application, secret) if path in tracked] == []


def test_no_file_of_the_application_is_world_writable(site: CheckedSite) -> None:
    files = list(_files(site.application))
    assert files, "the application has no files: this check searches nothing"
    assert [str(path) for path in files if path.stat().st_mode & stat.S_IWOTH] == []
