"""Copies the Git repository (working tree included) or the folder of a user's script.

The original is only read. A repository is copied file by file, without any Git command that changes something. So the
copy has the branches, stash, index, submodules and shallow history of the original, and no hook runs. The copy is
independent: no other worktree, no borrowed object store, no push address.
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
from rollout.site.git_folder import asked
from rollout.site.store import file_content

MOST_BYTES = 2 * 1024**3
MOST_FILES = 200_000
_PASSES = 3  # over a repository in which something is going on


class TooMuch(UsageError):
    """The repository or folder of a script is too large to copy."""

    def __init__(self, *, script: Path, root: Path, what: str) -> None:
        super().__init__(
            f"The {what} {root} of {script} is too large to copy: more than {MOST_BYTES / 1024**3:.0f} GiB or "
            f"{MOST_FILES:,} files.",
            advice="Put the script into a folder of its own, or name the folder that it needs with --script-root=DIR.",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What was copied: number, size, and the unreadable paths, relative to the root."""

    files: int
    size: int
    unreadable: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Belongings:
    """The folder to copy. `script` is in `root`; `but` are folders of this suite to leave out."""

    script: Path
    root: Path
    but: tuple[str, ...] = field(default=())

    @property
    def is_repository(self) -> bool:
        return os.path.lexists(self.root / ".git")

    @property
    def what(self) -> str:
        return "repository" if self.is_repository else "folder"

    @property
    def name(self) -> str:
        """The name of the copy's folder, valid in an engine's API."""
        return self.root.name.encode("utf-8", "replace").decode() or "root"

    @property
    def relative(self) -> Path:
        """Where the script is, below the root."""
        return self.script.relative_to(self.root)

    def require_bounded(self) -> None:
        """Raises TooMuch. Looks at nothing but names and sizes."""
        size = 0
        for files, (source, _relative) in enumerate(self._items(), 1):
            with contextlib.suppress(OSError):
                size += _size(os.lstat(source))
            if size > MOST_BYTES or files > MOST_FILES:
                raise TooMuch(script=self.script, root=self.root, what=self.what)

    def copy_to(self, target: Path) -> Taken:
        """Copy it to a folder that is not there yet. Raises TooMuch, or OSError where the copy cannot be written."""
        target.mkdir(parents=True)
        copying = _Copying(target)
        for _ in range(_PASSES):
            copying.gone = 0
            for source, relative in self._items():
                copying.take(source, relative)
                if copying.size > MOST_BYTES or copying.files > MOST_FILES:
                    raise TooMuch(script=self.script, root=self.root, what=self.what)
            if not copying.gone:
                break
        if self.is_repository:
            for found in (target, *(target / place for place in copying.repositories)):
                git_folder.make_independent(found / ".git")
        return Taken(files=copying.files, size=copying.size, unreadable=tuple(sorted(copying.unreadable)))

    def _items(self) -> Iterator[tuple[str, str]]:
        """(source, place below the copy) of everything, folders before what is in them."""
        root = str(self.root)
        yield from _repository(root, "", self.but) if self.is_repository else _folder(root, self.but)
        yield str(self.script), str(self.relative)  # also where Git ignores it


class _Copying:
    """A copy in progress. Existing files are left as they are."""

    def __init__(self, target: Path) -> None:
        self._target = str(target)
        self._taken: set[str] = set()
        self.files = self.size = self.gone = 0
        self.unreadable: set[str] = set()
        self.repositories: set[str] = set()

    def take(self, source: str, relative: str) -> None:
        if relative in self._taken:
            return
        place = f"{self._target}/{relative}"
        try:
            info = os.lstat(source)
        except OSError:
            return  # a tracked file that is not in the working tree, or one that has just gone
        try:
            folder = place if stat.S_ISDIR(info.st_mode) else place.rpartition("/")[0]
            os.makedirs(folder, exist_ok=True)  # noqa: PTH103 - texts all the way
            if stat.S_ISLNK(info.st_mode):
                os.symlink(os.readlink(source), place)  # noqa: PTH115, PTH211 - texts all the way
            elif stat.S_ISREG(info.st_mode):
                file_content.copy(source, place)
                self.size += _size(info)
        except PermissionError:
            self.unreadable.add(relative)
        except FileNotFoundError:
            self.gone += 1
            return
        self._taken.add(relative)
        self.files += not stat.S_ISDIR(info.st_mode)
        inner, slash, name = relative.rpartition("/.git/")
        if slash and name == "HEAD":
            self.repositories.add(inner)


def find(script: Path, options: Options) -> Belongings:
    """The folder to copy with a script: `--script-root`, else its Git repository, else its folder.

    Raises InvalidOption where the script is not in `--script-root`.
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
        if script.is_symlink() and root not in script.resolve().parents:  # what it needs is where it really is
            script = script.resolve()
            root = _surrounding(script.parent)
    ours = (options.directory, options.directory.with_name(f".{options.directory.name}.git"), options.cache,
            options.state, options.reports)  # fmt: skip
    but = tuple(f"{folder.resolve()}/" for folder in ours if folder.resolve() not in script.parents)
    return Belongings(script=script, root=root, but=but)


def refuse_scripts(options: Options) -> None:
    """Raise UsageError for a script whose folder cannot be copied, before anything is read, made or undone."""
    for script in options.scripts:
        if not script.stat().st_size:
            raise InvalidOption(option="--path", value=f"{SCRIPT}{script}", expected="a script; this file is empty")
        find(script, options).require_bounded()


def _surrounding(folder: Path) -> Path:
    """The repository whose working tree a folder is in, unless that ignores the folder; else the folder itself."""
    found = asked(folder, "rev-parse", "--show-toplevel")
    if found is None or not found.strip():
        return folder
    top = Path(found.rstrip("\n"))
    ignored = folder != top and asked(folder, "check-ignore", "--quiet", str(folder)) is not None
    return folder if ignored else top


def _repository(top: str, at: str, but: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """The working tree with uncommitted files, submodules likewise, and `.git`."""
    tracked = _listed(top, "--cached")
    new = [name for name in _listed(top, "--others", "--exclude-standard") if not f"{top}/{name}".startswith(but)]
    for name in dict.fromkeys((*tracked, *new)):
        path, relative = f"{top}/{name}".rstrip("/"), f"{at}{name}".rstrip("/")
        yield path, relative
        if not os.path.islink(path) and os.path.lexists(f"{path}/.git"):  # noqa: PTH114 - texts all the way
            yield from _repository(path, f"{relative}/", but)
    for source, relative in git_folder.files_of(Path(top)):
        yield source, f"{at}.git/{relative}"


def _listed(top: str, *which: str) -> list[str]:
    listed = asked(Path(top), "ls-files", *which, "-z")
    if listed is None:
        raise UsageError(
            f"Git cannot list the files of {top}, so the script's repository cannot be copied.",
            advice="See what `git status` says there, or name a folder with --script-root=DIR.",
        )
    return [name for name in listed.split("\0") if name]


def _folder(root: str, but: Sequence[str]) -> Iterator[tuple[str, str]]:
    for source in walk(root, but):
        yield source, source[len(root.rstrip("/")) + 1 :]


def walk(root: str, but: Sequence[str] = ()) -> Iterator[str]:
    """Everything below a folder, folders first. Unreadable and vanished entries are skipped."""
    waiting = [root]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as found:
                children = sorted(found, key=lambda child: child.name)
        except OSError:
            continue
        for child in children:
            if f"{child.path}/" in but:
                continue
            yield child.path
            if child.is_dir(follow_symlinks=False):
                waiting.append(child.path)


def _size(info: os.stat_result) -> int:
    """Bytes that a copy takes: holes are copied as holes."""
    return min(info.st_size, info.st_blocks * 512) if stat.S_ISREG(info.st_mode) else 0
