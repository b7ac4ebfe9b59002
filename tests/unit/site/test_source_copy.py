"""Copies of a script's repository or folder are complete, and the original is not touched."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import pytest

from rollout.errors import InvalidOption
from rollout.site import git_folder, source_copy
from rollout.site.source_copy import ScriptSource, SourceTooLarge, find, refuse_scripts
from rollout.site.store.manifest import scan
from tests.unit.fakes import options

ENVIRONMENT = {
    "PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null",
    **{f"GIT_{who}_{key}": "somebody" for who in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")},
}  # fmt: skip


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), "-c", "protocol.file.allow=always", "-c", "init.defaultBranch=main", *arguments],
        env=ENVIRONMENT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, (arguments, done.stderr)
    return done.stdout.strip()


def committed(folder: Path, **files: str) -> Path:
    """A repository with one commit of these files. `_` in a name means `/`; names end in `.sh`."""
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "--quiet")
    for name, text in files.items():
        path = folder / f"{name.replace('_', '/')}.sh"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "-m", "first")
    return folder


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """The user's folder. Nothing in it may change, not even a time."""
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


def taken(tmp_path: Path, script: Path, **given: str) -> Path:
    """Copy a script's source and check that it was only read. Returns the copy."""
    place = tmp_path / "ours"
    place.mkdir(exist_ok=True)
    before = scan(tmp_path / "home")
    own = find(script, options(place, path=f"script:{script}", **given))
    own.require_copyable_size()
    target = place / f"copy-{len(list(place.iterdir()))}" / own.name
    own.copy_to(target)
    assert scan(tmp_path / "home") == before, "what is theirs was written to"
    assert (target / own.relative).is_file()
    return target


def files(copy: Path) -> set[str]:
    return {path for path, entry in scan(copy).entries.items() if entry[0] != "d" and ".git/" not in f"{path}/"}


class TestARepository:
    def test_is_copied_with_its_working_tree(self, tmp_path: Path, theirs: Path) -> None:
        """Changed, staged and new files are copied. Ignored and deleted ones are not."""
        top = committed(theirs / "shop", bin_deploy="old", lib_steps="steps", gone="x")
        (top / ".gitignore").write_text("deps/\n*.log\n")
        (top / "bin/deploy.sh").write_text("new")
        (top / "staged.txt").write_text("staged")
        git(top, "add", "staged.txt")
        (top / "untracked.txt").write_text("untracked")
        (top / "deps").mkdir()
        (top / "deps/dep.ex").write_text("ignored")
        (top / "build.log").write_text("ignored")
        (top / "gone.sh").unlink()
        copy = taken(tmp_path, top / "bin/deploy.sh")
        assert files(copy) == {"bin/deploy.sh", "lib/steps.sh", ".gitignore", "staged.txt", "untracked.txt"}
        assert (copy / "bin/deploy.sh").read_text() == "new"
        assert os.access(copy / "bin/deploy.sh", os.X_OK)
        assert git(copy, "status", "--short") == git(top, "status", "--short")

    def test_has_branches_tags_stash_and_its_own_place(self, tmp_path: Path, theirs: Path) -> None:
        top = committed(theirs / "shop", deploy="x")
        git(top, "tag", "v1")
        git(top, "branch", "feature/x")
        (top / "deploy.sh").write_text("stashed")
        git(top, "stash")
        copy = taken(tmp_path, top / "deploy.sh")
        assert git(copy, "for-each-ref") == git(top, "for-each-ref")
        assert git(copy, "rev-parse", "--show-toplevel") == str(copy)
        git(copy, "worktree", "add", "-b", "deploy/shop", "../shop-wt")
        git(copy, "commit", "--allow-empty", "-m", "second")
        assert git(top, "branch", "--list", "deploy/*") == ""
        facts = git_folder.facts_of(copy)
        assert {"branch deploy/shop of shop", "worktree shop-wt of shop", "tag v1 of shop"} <= facts.keys()
        assert facts["HEAD of shop"] == "ref: refs/heads/main"

    def test_an_ignored_script_is_copied_too(self, tmp_path: Path, theirs: Path) -> None:
        top = committed(theirs / "shop", steps="x")
        (top / ".gitignore").write_text("deploy.local.sh\n")
        (top / "deploy.local.sh").write_text("x")
        assert "steps.sh" in files(taken(tmp_path, top / "deploy.local.sh"))

    def test_an_ignored_folder_is_copied_alone(self, tmp_path: Path, theirs: Path) -> None:
        """As in a repository of a home folder."""
        committed(theirs, profile="x")
        (theirs / ".gitignore").write_text("*\n")
        (theirs / "scripts").mkdir()
        (theirs / "scripts/deploy.sh").write_text("x")
        assert files(taken(tmp_path, theirs / "scripts/deploy.sh")) == {"deploy.sh"}

    def test_whose_worktree_is_copied(self, tmp_path: Path, theirs: Path) -> None:
        """`.git` is a file there. The copy is an independent repository without their worktrees."""
        top = committed(theirs / "shop", deploy="x")
        git(top, "worktree", "add", "--quiet", "-b", "topic", str(theirs / "topic"))
        copy = taken(tmp_path, theirs / "topic/deploy.sh")
        assert (copy / ".git").is_dir()
        assert git(copy, "branch", "--show-current") == "topic"
        assert git(copy, "worktree", "list").count("\n") == 0
        assert git(copy, "status", "--short") == ""
        assert git(taken(tmp_path, top / "deploy.sh"), "worktree", "list").count("\n") == 0

    def test_that_is_bare_with_worktrees_beside(self, tmp_path: Path, theirs: Path) -> None:
        git(theirs, "clone", "--quiet", "--bare", str(committed(theirs / "shop", deploy="x")), "bare.git")
        git(theirs / "bare.git", "worktree", "add", "--quiet", str(theirs / "main"), "main")
        copy = taken(tmp_path, theirs / "main/deploy.sh")
        assert git(copy, "status", "--short", "--branch") == "## main"

    def test_with_submodules(self, tmp_path: Path, theirs: Path) -> None:
        """Also in a worktree, which has its own submodules. One that is not checked out is an empty folder."""
        part = committed(theirs / "part", steps="x")
        top = committed(theirs / "shop", deploy="x")
        git(top, "submodule", "add", "--quiet", str(part), "lib/part")
        git(top, "commit", "--quiet", "-m", "second")
        (top / "lib/part/untracked.txt").write_text("x")
        git(top, "worktree", "add", "--quiet", "-b", "topic", str(theirs / "topic"))
        git(theirs / "topic", "submodule", "update", "--quiet", "--init")
        git(top, "worktree", "add", "--quiet", "-b", "bleak", str(theirs / "bleak"))
        for folder, there in ((top, True), (theirs / "topic", True), (theirs / "bleak", False)):
            copy = taken(tmp_path, folder / "deploy.sh")
            assert ("lib/part/steps.sh" in files(copy)) is there
            assert (copy / "lib/part").is_dir()
            assert not there or git(copy / "lib/part", "rev-parse", "--show-toplevel") == str(copy / "lib/part")
        assert git(taken(tmp_path, top / "lib/part/steps.sh"), "status", "--short") == "?? untracked.txt"

    def test_that_is_shallow(self, tmp_path: Path, theirs: Path) -> None:
        top = committed(theirs / "shop", deploy="x")
        git(top, "commit", "--quiet", "--allow-empty", "-m", "second")
        git(theirs, "clone", "--quiet", "--depth=1", f"file://{top}", "shallow")
        copy = taken(tmp_path, theirs / "shallow/deploy.sh")
        assert git(copy, "rev-list", "--count", "HEAD") == "1"
        git(copy, "worktree", "add", "--quiet", "../wt")

    def test_that_borrows_objects(self, tmp_path: Path, theirs: Path) -> None:
        """The copy contains them, because it cannot reach the other store."""
        git(theirs, "clone", "--quiet", "--shared", str(committed(theirs / "shop", deploy="x")), "borrower")
        copy = taken(tmp_path, theirs / "borrower/deploy.sh")
        (theirs / "shop").rename(theirs / "elsewhere")
        assert git(copy, "fsck") == ""

    def test_with_a_repository_in_it_that_it_does_not_know(self, tmp_path: Path, theirs: Path) -> None:
        top = committed(theirs / "shop", deploy="x")
        committed(top / "nested", steps="x")
        assert "nested/steps.sh" in files(taken(tmp_path, top / "deploy.sh"))

    def test_without_a_commit(self, tmp_path: Path, theirs: Path) -> None:
        git(theirs, "init", "--quiet", "new")
        (theirs / "new/deploy.sh").write_text("x")
        assert git(taken(tmp_path, theirs / "new/deploy.sh"), "status", "--short") == "?? deploy.sh"

    def test_is_pushed_nowhere(self, tmp_path: Path, theirs: Path) -> None:
        shop = committed(theirs / "shop", deploy="x")
        git(theirs, "clone", "--quiet", str(shop), "clone")
        copy = taken(tmp_path, theirs / "clone/deploy.sh")
        assert git(copy, "remote", "get-url", "origin") == str(shop)
        assert git(copy, "remote", "get-url", "--push", "origin") == git_folder.NOWHERE

    def test_no_hook_or_file_monitor_of_the_user_runs(self, tmp_path: Path, theirs: Path) -> None:
        top, witness = committed(theirs / "shop", deploy="x"), tmp_path / "witness"
        monitor = theirs / "monitor.sh"
        monitor.write_text(f"#!/bin/sh\ntouch {witness}\n")
        monitor.chmod(0o755)
        git(top, "config", "core.fsmonitor", str(monitor))
        taken(tmp_path, top / "deploy.sh")
        assert not witness.exists()

    @pytest.mark.parametrize("variable", ["GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE"])
    def test_variables_of_git_are_ignored(
        self, tmp_path: Path, theirs: Path, monkeypatch: pytest.MonkeyPatch, variable: str
    ) -> None:
        """As if the suite were run by a hook."""
        top = committed(theirs / "shop", deploy="x", steps="x")
        monkeypatch.setenv(variable, "/nonexistent")
        assert files(taken(tmp_path, top / "deploy.sh")) == {"deploy.sh", "steps.sh"}


class TestAFolder:
    def test_is_copied_without_a_repository(self, tmp_path: Path, theirs: Path) -> None:
        """With hidden, empty and linked files; without special files."""
        for name in ("deploy.sh", "lib/steps.sh", ".env"):
            (theirs / name).parent.mkdir(exist_ok=True)
            (theirs / name).write_text("x")
        (theirs / "empty").mkdir()
        (theirs / "link").symlink_to("lib/steps.sh")
        os.mkfifo(theirs / "pipe")
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(theirs / "socket"))
        copy = taken(tmp_path, theirs / "deploy.sh")
        assert files(copy) == {"deploy.sh", "lib/steps.sh", ".env", "link"}
        assert (copy / "empty").is_dir()

    def test_that_is_named(self, tmp_path: Path, theirs: Path) -> None:
        """For example a part of a repository: then all of it."""
        top = committed(theirs / "shop", deploy_run="x", lib_steps="x")
        (top / "deploy/ignored.log").write_text("x")
        (top / ".gitignore").write_text("*.log\n")
        copy = taken(tmp_path, top / "deploy/run.sh", script_root=str(top / "deploy"))
        assert files(copy) == {"run.sh", "ignored.log"}

    def test_that_is_named_and_around_a_repository(self, tmp_path: Path, theirs: Path) -> None:
        committed(theirs / "all/shop", deploy="x")
        (theirs / "all/other").mkdir()
        (theirs / "all/other/steps.sh").write_text("x")
        copy = taken(tmp_path, theirs / "all/shop/deploy.sh", script_root=str(theirs / "all"))
        assert {"shop/deploy.sh", "other/steps.sh"} <= files(copy)
        assert git(copy / "shop", "status", "--short") == ""

    def test_that_is_named_has_to_hold_the_script(self, tmp_path: Path, theirs: Path) -> None:
        (theirs / "deploy.sh").write_text("x")
        (theirs / "other").mkdir()
        given = options(tmp_path, path=f"script:{theirs / 'deploy.sh'}", script_root=str(theirs / "other"))
        with pytest.raises(InvalidOption, match="script-root"):
            refuse_scripts(given)

    def test_a_linked_script_is_copied_with_its_own_folder(self, tmp_path: Path, theirs: Path) -> None:
        top = committed(theirs / "shop", deploy="x", steps="x")
        (theirs / "bin").mkdir()
        (theirs / "bin/deploy").symlink_to(top / "deploy.sh")
        assert files(taken(tmp_path, theirs / "bin/deploy")) == {"deploy.sh", "steps.sh"}

    def test_through_a_linked_folder(self, tmp_path: Path, theirs: Path) -> None:
        top = committed(theirs / "shop", deploy="x", steps="x")
        (theirs / "current").symlink_to(top)
        assert files(taken(tmp_path, theirs / "current/deploy.sh")) == {"deploy.sh", "steps.sh"}

    def test_folders_of_this_suite_are_left_out(self, tmp_path: Path) -> None:
        """Deployments, state and reports may be in the copied folder."""
        (tmp_path / "deploy.sh").write_text("x")
        given = options(tmp_path, path=f"script:{tmp_path / 'deploy.sh'}")
        for folder in (given.directory, given.state, given.reports, given.cache):
            folder.mkdir(parents=True)
            (folder / "ours").write_text("x")
        own = find(tmp_path / "deploy.sh", given)
        own.copy_to(given.directory / "copy")
        assert files(given.directory / "copy") == {"deploy.sh"}


class TestSizeLimit:
    def test_of_files(self, tmp_path: Path, theirs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(source_copy, "MOST_FILES", 10)
        for number in range(11):
            (theirs / f"{number}.sh").write_text("x")
        with pytest.raises(SourceTooLarge, match="--script-root=DIR"):
            refuse_scripts(options(tmp_path, path=f"script:{theirs / '0.sh'}"))

    def test_of_bytes(self, tmp_path: Path, theirs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Also of a repository, including its history."""
        top = committed(theirs / "shop", deploy="x" * 5000)
        monkeypatch.setattr(source_copy, "MOST_BYTES", 1000)
        with pytest.raises(SourceTooLarge, match="is too large to copy"):
            refuse_scripts(options(tmp_path, path=f"script:{top / 'deploy.sh'}"))

    def test_holes_do_not_count(self, tmp_path: Path, theirs: Path) -> None:
        (theirs / "deploy.sh").write_text("x")
        with (theirs / "disk.img").open("wb") as file:
            file.truncate(100 * source_copy.MOST_BYTES)
        copy = taken(tmp_path, theirs / "deploy.sh")
        assert (copy / "disk.img").stat().st_blocks * 512 < 1024**2


def test_a_script_in_the_root_folder_has_a_name() -> None:
    assert ScriptSource(script=Path("/deploy.sh"), root=Path("/")).name == "root"


def test_an_empty_script_is_refused(tmp_path: Path) -> None:
    (tmp_path / "deploy.sh").touch()
    with pytest.raises(InvalidOption, match="this file is empty"):
        refuse_scripts(options(tmp_path, path=f"script:{tmp_path / 'deploy.sh'}"))


def test_folders_of_this_suite_are_left_out_unless_tracked(tmp_path: Path) -> None:
    """Reports and deployments below a user's repository that does not ignore them."""
    top = committed(tmp_path / "shop", deploy="x", reports_kept="x")
    given = options(top, path=f"script:{top / 'deploy.sh'}")
    for folder in (given.directory, given.state, given.reports, given.cache):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "ours").write_text("x")
    committed(given.directory, steps="x")
    own = find(top / "deploy.sh", given)
    own.copy_to(tmp_path / "copy")
    assert files(tmp_path / "copy") == {"deploy.sh", "reports/kept.sh"}
    assert git(tmp_path / "copy", "status", "--short") == ""
