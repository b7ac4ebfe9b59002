"""The Git repository of a deployment: bare and private, with a worktree on one branch and a commit per phase."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Mapping
from pathlib import Path

from rollout import environment
from rollout.diagnosis import named
from rollout.errors import PhaseFailed
from rollout.process import capture

EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
MARK = ".xavos-run"
_LONGEST_MARK = 200  # bytes
_SECONDS = 120.0
EXCLUDED = (".env", ".home/", ".production/", "log/", MARK)


class Repository:
    """A Git repository on this machine. The user's configuration and hooks are ignored."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def exists(self) -> bool:
        return (self.path / "HEAD").exists()

    def create(self, *, run: str) -> None:
        """Create it under a temporary name and rename it, so that it never exists without the mark of its run."""
        temporary = Repository(temporary_path(self.path, run))
        temporary.path.mkdir(parents=True)
        temporary._git("init", "--quiet", "--bare", str(temporary.path), at=None)
        temporary._git("config", "xavos.run", run)
        info = temporary.path / "info"
        info.mkdir(exist_ok=True)
        (info / "exclude").write_text("".join(f"/{line}\n" for line in EXCLUDED))
        temporary.path.rename(self.path)

    @property
    def run(self) -> str | None:
        """The run that created it; None for a repository of somebody else."""
        return self._git("config", "--get", "--default", "", "xavos.run").strip() or None

    def remove_branch(self, branch: str, *, run: str) -> None:
        """Prune missing worktrees, and delete the branch if its first commit names the run."""
        self._git("worktree", "prune", "--expire=now")
        if self.has_branch(branch) and run in self._git("log", "--max-parents=0", "--format=%B", branch, "--"):
            self._git("update-ref", "-d", f"refs/heads/{branch}")

    def has_branch(self, branch: str) -> bool:
        return self.exists and f"refs/heads/{branch}" in self.refs()

    def refs(self) -> Mapping[str, str]:
        """Every reference with its commit."""
        if not self.exists:
            return {}
        lines = self._git("for-each-ref", "--format=%(refname) %(objectname)").splitlines()
        return dict(line.split(" ", 1) for line in lines)

    def worktrees(self) -> tuple[str, ...]:
        """The folders of all linked worktrees."""
        # Read as gitrepository-layout(5) describes. Running Git would cost more than the rest of a fingerprint.
        links = sorted(self.path.glob("worktrees/*/gitdir"))
        return tuple(str(Path(link.read_text(encoding="utf-8").strip()).parent) for link in links)

    def add_worktree(self, directory: Path, branch: str, *, run: str) -> None:
        """Add an empty worktree on a new branch whose first commit names the run."""
        self._git("mktree", stdin="")
        commit = self._git("commit-tree", EMPTY_TREE, "-m", f"Deployment of run {run}").strip()
        # Git needs an empty folder, and this one has the forge's home. So add it elsewhere and move the link.
        temporary = self.path / "adding" / directory.name
        self._git("worktree", "add", "--quiet", "--no-checkout", "-b", branch, str(temporary), commit)
        shutil.move(temporary / ".git", directory / ".git")  # the folder may be on another disk
        temporary.rmdir()
        temporary.parent.rmdir()
        self._git("worktree", "repair", str(directory))

    def commit(self, directory: Path, message: str) -> str:
        """Commit everything in the worktree. Returns the commit's id."""
        self._git("add", "--all", at=directory)
        self._git("commit", "--quiet", "--allow-empty", "--no-verify", "-m", message, at=directory)
        return self._git("rev-parse", "HEAD", at=directory).strip()

    def reset(self, directory: Path, commit: str) -> None:
        """Reset branch and index to a commit. Files stay unchanged."""
        self._git("reset", "--quiet", "--mixed", commit, at=directory)

    def tracked(self, branch: str) -> tuple[str, ...]:
        """Every path in the newest commit of a branch."""
        return tuple(self._git("ls-tree", "-r", "--name-only", branch).splitlines())

    def _git(self, *arguments: str, at: Path | str | None = "", stdin: str | None = None) -> str:
        place = self.path if at == "" else at
        command = ["git", *(("-C", str(place)) if place else ()), *arguments]
        # A signal waits for Git's end. A killed Git would leave its locks, and every later command would fail.
        ended = capture(command, env=_environment(), deadline=_SECONDS, stdin=(stdin or "").encode(),
                        uninterrupted=True)  # fmt: skip
        if not ended.ok:
            found = named(ended.messages)
            raise PhaseFailed(
                f"`{' '.join(command)}` failed: {ended.messages}",
                cause=found.cause if found else "unknown",
                advice="Read the message of Git. Nothing of yours was changed.",
            )
        return ended.text


def has_mark(directory: Path, run: str) -> bool:
    """Whether the run created the folder. The mark is read only if it is a small regular file."""
    mark = directory / MARK
    try:
        found = os.lstat(mark)
        is_mark = stat.S_ISREG(found.st_mode) and found.st_size <= _LONGEST_MARK
        return is_mark and mark.read_text(encoding="utf-8").strip() == run
    except (OSError, ValueError):
        return False


def repository_path(directory: Path) -> Path:
    """The path of a deployment's repository, next to its folder."""
    return directory.parent / f".{directory.name}.git"


def temporary_path(path: Path, run: str) -> Path:
    """The temporary path at which `path` is created before it is renamed."""
    return path.with_name(f".{path.name.lstrip('.')}.making-{run}")


def _environment() -> Mapping[str, str]:
    identity = {"NAME": "xavos-rollout", "EMAIL": "rollout@localhost"}
    return {
        **environment.git(),
        **{f"GIT_{who}_{key}": value for who in ("AUTHOR", "COMMITTER") for key, value in identity.items()},
    }
