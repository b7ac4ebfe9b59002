"""Copies the Git repository (with its working tree) or the folder of a user's script.

The original is only read. A repository is copied file by file, without a Git command that changes anything. So the copy
has the branches, stash, index, submodules and shallow history of the original, and no hook runs. The copy is
independent: it has no other worktree, no borrowed object store and no push address.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rollout.config.options import SCRIPT, Options
from rollout.errors import InvalidOption, UsageError
from rollout.site import git_folder
from rollout.site.git_folder import git_output
from rollout.site.store import file_content

MOST_BYTES = 2 * 1024**3
MOST_FILES = 200_000
_PASSES = 3  # over a repository that changes meanwhile


class SourceTooLarge(UsageError):
    """The repository or folder of a script is too large to copy."""

    def __init__(self, *, script: Path, root: Path, what: str) -> None:
        super().__init__(
            f"The {what} {root} of {script} is too large to copy: more than {MOST_BYTES / 1024**3:.0f} GiB or "
            f"{MOST_FILES:,} files.",
            advice="Put the script into a folder of its own, or name the folder that it needs with --script-root=DIR.",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """The result of a copy: number of files, bytes, and the unreadable paths relative to the root."""

    files: int
    size: int
    unreadable: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptSource:
    """The folder to copy. `script` is in `root`. `excluded`: folders of this suite in it that are not copied."""

    script: Path
    root: Path
    excluded: tuple[str, ...] = field(default=())

    @property
    def is_repository(self) -> bool:
        return os.path.lexists(self.root / ".git")

    @property
    def what(self) -> str:
        return "repository" if self.is_repository else "folder"

    @property
    def name(self) -> str:
        """The name of the copy's folder, valid in the engine's API."""
        return self.root.name.encode("utf-8", "replace").decode() or "root"

    @property
    def relative(self) -> Path:
        """The path of the script relative to the root."""
        return self.script.relative_to(self.root)

    def require_copyable_size(self) -> None:
        """Raises SourceTooLarge. Reads only names and sizes."""
        size = 0
        for files, (source, _relative) in enumerate(self.items(), 1):
            with contextlib.suppress(OSError):
                size += _size(os.lstat(source))
            if size > MOST_BYTES or files > MOST_FILES:
                raise SourceTooLarge(script=self.script, root=self.root, what=self.what)

    def copy_to(self, target: Path) -> Copied:
        """Copy everything to a new folder. Raises SourceTooLarge, or OSError if the copy cannot be written."""
        target.mkdir(parents=True)
        copying = _CopyJob(target)
        for _ in range(_PASSES):
            copying.gone = 0
            for source, relative in self.items():
                copying.add(source, relative)
                if copying.size > MOST_BYTES or copying.files > MOST_FILES:
                    raise SourceTooLarge(script=self.script, root=self.root, what=self.what)
            if not copying.gone:
                break
        if self.is_repository:
            for found in (target, *(target / place for place in copying.repositories)):
                git_folder.make_independent(found / ".git")
        return Copied(files=copying.files, size=copying.size, unreadable=tuple(sorted(copying.unreadable)))

    def items(self) -> Iterator[tuple[str, str]]:
        """(source, path below the copy) of everything, folders before their content."""
        root = str(self.root)
        yield from _repository(root, "", self.excluded) if self.is_repository else _folder(root, self.excluded)
        yield str(self.script), str(self.relative)  # even if Git ignores it


class _CopyJob:
    """A copy in progress. It overwrites no file."""

    def __init__(self, target: Path) -> None:
        self._target = str(target)
        self._copied: set[str] = set()
        self.files = self.size = self.gone = 0
        self.unreadable: set[str] = set()
        self.repositories: set[str] = set()

    def add(self, source: str, relative: str) -> None:
        if relative in self._copied:
            return
        place = f"{self._target}/{relative}"
        try:
            info = os.lstat(source)
        except OSError:
            return  # a tracked file that is not in the working tree, or has just vanished
        try:
            folder = place if stat.S_ISDIR(info.st_mode) else place.rpartition("/")[0]
            os.makedirs(folder, exist_ok=True)  # noqa: PTH103 - strings
            if stat.S_ISLNK(info.st_mode):
                os.symlink(os.readlink(source), place)  # noqa: PTH115, PTH211 - strings
            elif stat.S_ISREG(info.st_mode):
                file_content.copy(source, place)
                self.size += _size(info)
        except PermissionError:
            self.unreadable.add(relative)
        except FileNotFoundError:
            self.gone += 1
            return
        self._copied.add(relative)
        self.files += not stat.S_ISDIR(info.st_mode)
        inner, slash, name = relative.rpartition("/.git/")
        if slash and name == "HEAD":
            self.repositories.add(inner)


def find(script: Path, options: Options) -> ScriptSource:
    """The folder to copy with a script: `--script-root`, else its Git repository, else its folder.

    Raises InvalidOption if the script is not in `--script-root`.
    """
    script = script.parent.resolve() / script.name
    if options.script_root is not None:
        root = options.script_root.resolve()
        if root not in script.parents:
            raise InvalidOption(
                option="--script-root", value=str(options.script_root), expected=f"a folder around {script}"
            )
    else:
        root = _surrounding(script.parent)
        if script.is_symlink() and root not in script.resolve().parents:  # its files are beside the link's target
            script = script.resolve()
            root = _surrounding(script.parent)
    return ScriptSource(script=script, root=root, excluded=folders_of_the_suite(options, script))


def folders_of_the_suite(options: Options, file: Path) -> tuple[str, ...]:
    """The folders that a copy leaves out, each with a slash at its end. One that holds `file` is not among them."""
    ours = (options.directory, options.directory.with_name(f".{options.directory.name}.git"), options.cache,
            options.state, options.reports)  # fmt: skip
    return tuple(f"{folder.resolve()}/" for folder in ours if folder.resolve() not in file.parents)


def refuse_scripts(options: Options) -> None:
    """Raise UsageError for a script whose folder cannot be copied, before anything is created or undone."""
    for script in options.scripts:
        if not script.stat().st_size:
            raise InvalidOption(option="--path", value=f"{SCRIPT}{script}", expected="a script; this file is empty")
        find(script, options).require_copyable_size()


def _surrounding(folder: Path) -> Path:
    """The repository around a folder, unless it ignores the folder; else the folder itself."""
    found = git_output(folder, "rev-parse", "--show-toplevel")
    if found is None or not found.strip():
        return folder
    top = Path(found.rstrip("\n"))
    ignored = folder != top and git_output(folder, "check-ignore", "--quiet", str(folder)) is not None
    return folder if ignored else top


def _repository(top: str, at: str, excluded: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """The working tree with uncommitted files and submodules, and `.git`."""
    tracked = _listed(top, "--cached")
    new = [name for name in _listed(top, "--others", "--exclude-standard") if not f"{top}/{name}".startswith(excluded)]
    for name in dict.fromkeys((*tracked, *new)):
        path, relative = f"{top}/{name}".rstrip("/"), f"{at}{name}".rstrip("/")
        yield path, relative
        if not os.path.islink(path) and os.path.lexists(f"{path}/.git"):  # noqa: PTH114 - strings
            yield from _repository(path, f"{relative}/", excluded)
    for source, relative in git_folder.files_of(Path(top)):
        yield source, f"{at}.git/{relative}"


def _listed(top: str, *which: str) -> list[str]:
    listed = git_output(Path(top), "ls-files", *which, "-z")
    if listed is None:
        raise UsageError(
            f"Git cannot list the files of {top}, so the script's repository cannot be copied.",
            advice="Run `git status` there, or name a folder with --script-root=DIR.",
        )
    return [name for name in listed.split("\0") if name]


def _folder(root: str, excluded: Sequence[str]) -> Iterator[tuple[str, str]]:
    for source in walk(root, excluded):
        yield source, source[len(root.rstrip("/")) + 1 :]


def walk(root: str, excluded: Sequence[str] = ()) -> Iterator[str]:
    """Every path below a folder, folders before their content. Unreadable and vanished entries are skipped."""
    waiting = [root]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as found:
                children = sorted(found, key=lambda child: child.name)
        except OSError:
            continue
        for child in children:
            if f"{child.path}/" in excluded:
                continue
            yield child.path
            if child.is_dir(follow_symlinks=False):
                waiting.append(child.path)


def _size(info: os.stat_result) -> int:
    """The bytes of a copy. Holes stay holes."""
    return min(info.st_size, info.st_blocks * 512) if stat.S_ISREG(info.st_mode) else 0
