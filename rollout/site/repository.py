"""The Git side of a deployment: a private bare repository, a worktree on a branch of it, a commit a phase."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from rollout import environment
from rollout.diagnosis import named
from rollout.errors import PhaseFailed

EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
MARK = ".xavos-run"
_LONGEST_MARK = 200  # bytes
_SECONDS = 120.0
EXCLUDED = (".env", ".home/", "log/", MARK)


class Repository:
    """Git on this machine, deaf to the user's own configuration and hooks."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def exists(self) -> bool:
        return (self.path / "HEAD").exists()

    def create(self, *, run: str) -> None:
        """Make it beside and move it into place, so that it never stands there without the mark of its run."""
        beside = Repository(being_made(self.path, run))
        beside.path.mkdir(parents=True)
        beside._git("init", "--quiet", "--bare", str(beside.path), at=None)
        beside._git("config", "xavos.run", run)
        info = beside.path / "info"
        info.mkdir(exist_ok=True)
        (info / "exclude").write_text("".join(f"/{line}\n" for line in EXCLUDED))
        beside.path.rename(self.path)

    @property
    def run(self) -> str | None:
        """The run that made it; None for a repository that is not ours."""
        return self._git("config", "--get", "--default", "", "xavos.run").strip() or None

    def remove_branch(self, branch: str, *, run: str) -> None:
        """Forget worktrees that are gone, and the branch if its first commit names the run."""
        self._git("worktree", "prune", "--expire=now")
        if self.has_branch(branch) and run in self._git("log", "--max-parents=0", "--format=%B", branch, "--"):
            self._git("update-ref", "-d", f"refs/heads/{branch}")

    def has_branch(self, branch: str) -> bool:
        return self.exists and f"refs/heads/{branch}" in self.refs()

    def refs(self) -> Mapping[str, str]:
        """Every reference and its commit."""
        if not self.exists:
            return {}
        lines = self._git("for-each-ref", "--format=%(refname) %(objectname)").splitlines()
        return dict(line.split(" ", 1) for line in lines)

    def worktrees(self) -> tuple[str, ...]:
        """Folders of all worktrees but the repository's own."""
        # As gitrepository-layout(5) has it: a program for each look would cost more than all the rest of a fingerprint.
        links = sorted(self.path.glob("worktrees/*/gitdir"))
        return tuple(str(Path(link.read_text(encoding="utf-8").strip()).parent) for link in links)

    def add_worktree(self, directory: Path, branch: str, *, run: str) -> None:
        """A worktree with nothing in it, on a new branch whose first commit names the run."""
        self._git("mktree", stdin="")
        commit = self._git("commit-tree", EMPTY_TREE, "-m", f"Deployment of run {run}").strip()
        # Git adds worktrees to empty folders only, and the forge has a home in this one: add beside, and move the link.
        beside = self.path / "adding" / directory.name
        self._git("worktree", "add", "--quiet", "--no-checkout", "-b", branch, str(beside), commit)
        shutil.move(beside / ".git", directory / ".git")  # the folder may be on a disk of its own
        beside.rmdir()
        beside.parent.rmdir()
        self._git("worktree", "repair", str(directory))

    def commit(self, directory: Path, message: str) -> str:
        """Commit everything in the worktree; returns the commit's id."""
        self._git("add", "--all", at=directory)
        self._git("commit", "--quiet", "--allow-empty", "--no-verify", "-m", message, at=directory)
        return self._git("rev-parse", "HEAD", at=directory).strip()

    def reset(self, directory: Path, commit: str) -> None:
        """Put branch and index back to a commit; files are not touched."""
        self._git("reset", "--quiet", "--mixed", commit, at=directory)

    def tracked(self, branch: str) -> tuple[str, ...]:
        """Every path in the newest commit of a branch."""
        return tuple(self._git("ls-tree", "-r", "--name-only", branch).splitlines())

    def _git(self, *arguments: str, at: Path | str | None = "", stdin: str | None = None) -> str:
        place = self.path if at == "" else at
        command = ["git", *(("-C", str(place)) if place else ()), *arguments]
        try:
            done = _to_its_end(command, stdin)
        except subprocess.CalledProcessError as error:
            found = named(error.stderr)
            raise PhaseFailed(
                f"`{' '.join(command)}` failed: {error.stderr.strip()}",
                cause=found.cause if found else "unknown",
                advice="Look at what Git says; nothing of yours was changed.",
            ) from error
        return done.stdout


def _to_its_end(command: Sequence[str], stdin: str | None) -> subprocess.CompletedProcess[str]:
    """Run Git. A signal to us waits for it: killed, it would leave its locks, and no later command could be done."""
    with subprocess.Popen(
        command, env=_environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    ) as git:  # fmt: skip
        try:
            output, errors = git.communicate(stdin, timeout=_SECONDS)
        except KeyboardInterrupt:
            git.communicate(timeout=_SECONDS)
            raise
        except subprocess.TimeoutExpired:
            git.kill()
            raise
    if git.returncode:
        raise subprocess.CalledProcessError(git.returncode, command, output, errors)
    return subprocess.CompletedProcess(command, git.returncode, output, errors)


def bears_mark(directory: Path, run: str) -> bool:
    """Whether the run has made the folder. What looks like the mark is read only where it can be one."""
    mark = directory / MARK
    try:
        found = os.lstat(mark)
        is_one = stat.S_ISREG(found.st_mode) and found.st_size <= _LONGEST_MARK
        return is_one and mark.read_text(encoding="utf-8").strip() == run
    except (OSError, ValueError):
        return False


def beside(directory: Path) -> Path:
    """Where the repository of a deployment is: next to its folder."""
    return directory.parent / f".{directory.name}.git"


def being_made(path: Path, run: str) -> Path:
    """Where something is put together before it is moved to `path`."""
    return path.with_name(f".{path.name.lstrip('.')}.making-{run}")


def _environment() -> Mapping[str, str]:
    identity = {"NAME": "xavos-rollout", "EMAIL": "rollout@localhost"}
    return {
        **environment.git(),
        **{f"GIT_{who}_{key}": value for who in ("AUTHOR", "COMMITTER") for key, value in identity.items()},
    }
