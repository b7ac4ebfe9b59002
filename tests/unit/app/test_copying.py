"""Copies of a project's repository hold what Git tracks or does not ignore, and the original is only read."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from rollout.app.copying import copy, find
from rollout.config.options import Options
from rollout.errors import InvalidOption, UsageError
from rollout.site.store.manifest import scan
from suite.project import refuse_project
from tests.unit.fakes import options

ENVIRONMENT = {
    "PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null",
    **{f"GIT_{who}_{key}": "somebody" for who in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")},
}  # fmt: skip
FILES = {
    "mix.exs": "first", "rollout.toml": '[application]\nname = "shop"\n', ".gitignore": "/_build/\n/deps/\n.env\n",
    "lib/shop.ex": "as committed",
}  # fmt: skip


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), "-c", "init.defaultBranch=main", *arguments]
    return subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """A repository with one commit, an ignored build, a change and a new file."""
    folder = tmp_path / "home" / "shop"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "-m", "first")
    for name in ("_build/dev/x", "deps/a/mix.exs", ".env"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("ignored")
    (folder / "lib/shop.ex").write_text("changed")
    (folder / "lib/new.ex").write_text("new")
    return folder


def chosen(tmp_path: Path, project: Path, **given: str) -> Options:
    return options(tmp_path / "ours", path="app", project=str(project), **given)


def files(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob("*")
        if path.is_file() and ".git" not in path.relative_to(folder).parts
    }


def test_the_working_tree_has_what_is_uncommitted_and_nothing_that_is_ignored(tmp_path: Path, theirs: Path) -> None:
    before, given = scan(theirs), chosen(tmp_path, theirs)
    source = find(given)
    copy(source, tmp_path / "copy", given)
    assert {**FILES, "lib/shop.ex": "changed", "lib/new.ex": "new"} == files(tmp_path / "copy")
    assert ("lib/shop.ex", "lib/new.ex") == source.changed
    assert before.entries == scan(theirs).entries


def test_a_revision_is_as_it_was_committed(tmp_path: Path, theirs: Path) -> None:
    before, given = scan(theirs), chosen(tmp_path, theirs, revision="main")
    source = find(given)
    copy(source, tmp_path / "copy", given)
    assert FILES == files(tmp_path / "copy")
    assert (git(theirs, "rev-parse", "main"), ()) == (source.commit, source.changed)
    assert before.entries == scan(theirs).entries


def test_the_copy_is_a_repository_that_knows_its_commit(tmp_path: Path, theirs: Path) -> None:
    """Many a mix.exs asks Git for it."""
    for revision in ({}, {"revision": "main"}):
        given, target = chosen(tmp_path, theirs, **revision), tmp_path / f"copy{len(revision)}"
        copy(find(given), target, given)
        assert git(theirs, "rev-parse", "HEAD") == git(target, "rev-parse", "HEAD")


def test_hooks_of_the_repository_do_not_run(tmp_path: Path, theirs: Path) -> None:
    hook = theirs / ".git/hooks/post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    hook.chmod(0o755)
    given = chosen(tmp_path, theirs, revision="main")
    copy(find(given), tmp_path / "copy", given)
    assert not (tmp_path / "ran").exists()


def test_a_project_below_its_repository_has_a_place_in_it(tmp_path: Path, theirs: Path) -> None:
    inner = theirs / "apps/web"
    inner.mkdir(parents=True)
    (inner / "rollout.toml").write_text(FILES["rollout.toml"])
    source = find(chosen(tmp_path, inner))
    assert (theirs, "apps/web") == (source.root, source.place)


def test_a_repository_without_a_commit_is_copied(tmp_path: Path) -> None:
    folder = tmp_path / "home" / "young"
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet")
    (folder / "rollout.toml").write_text(FILES["rollout.toml"])
    given = chosen(tmp_path, folder)
    source = find(given)
    copy(source, tmp_path / "copy", given)
    assert ("", ("rollout.toml",)) == (source.commit, source.changed)
    assert {"rollout.toml"} == set(files(tmp_path / "copy"))


def test_a_folder_outside_git_is_refused(tmp_path: Path) -> None:
    """Without .gitignore nothing says what is not to be copied."""
    folder = tmp_path / "plain"
    folder.mkdir()
    with pytest.raises(InvalidOption, match="a folder in a Git repository"):
        find(chosen(tmp_path, folder))


def test_an_unknown_revision_is_refused(tmp_path: Path, theirs: Path) -> None:
    with pytest.raises(InvalidOption, match="commit, branch or tag"):
        find(chosen(tmp_path, theirs, revision="nowhere"))


def test_hooks_are_refused_as_long_as_nothing_runs_them(tmp_path: Path, theirs: Path) -> None:
    refuse_project(chosen(tmp_path, theirs))
    with (theirs / "rollout.toml").open("a") as file:
        file.write('[[hook]]\nafter = "database"\ncommand = "true"\n')
    with pytest.raises(UsageError, match=r"hooks are not run yet"):
        refuse_project(chosen(tmp_path, theirs))
