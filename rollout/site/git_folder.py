"""Copies a user's `.git` folder, and removes its links to the original repository.

See gitrepository-layout(5): `.git` may be a file that names the folder (worktrees, submodules). A worktree has its own
files and shares the others. Objects may be borrowed from other object stores.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from rollout.process import capture

NOWHERE = "/this-repository-is-a-copy-and-pushes-nothing"
_SECONDS = 60.0
_KINDS = {"heads": "branch", "tags": "tag", "remotes": "remote branch", "stash": "reference"}
_OF_A_WORKTREE = frozenset({
    "AUTO_MERGE", "BISECT_LOG", "CHERRY_PICK_HEAD", "COMMIT_EDITMSG", "FETCH_HEAD", "HEAD", "MERGE_HEAD", "MERGE_MODE",
    "MERGE_MSG", "ORIG_HEAD", "REVERT_HEAD", "SQUASH_MSG", "config.worktree", "index", "logs/HEAD", "rebase-apply",
    "rebase-merge", "refs/bisect", "refs/rewritten", "refs/worktree", "sequencer",
})  # fmt: skip
# Not copied: other worktrees, submodules (each has its own in the copy), and links to the original.
_LEFT_OUT = frozenset({"worktrees", "modules", "objects/info/alternates", "commondir", "gitdir", "locked", "gc.pid"})


def git_output(folder: Path, *arguments: str) -> str | None:
    """The output of a read-only Git command; None if it fails. The user's ignore rules apply."""
    environment = {name: os.environ[name] for name in ("HOME", "PATH", "XDG_CONFIG_HOME") if name in os.environ}
    quiet = ("safe.directory=*", "core.fsmonitor=false", "core.untrackedCache=false", "core.hooksPath=/dev/null")
    try:
        ended = capture(
            ("git", "-C", str(folder), *(word for setting in quiet for word in ("-c", setting)), *arguments),
            env={**environment, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}, deadline=_SECONDS,
        )  # fmt: skip
    except OSError:
        return None
    return os.fsdecode(ended.stdout) if ended.ok else None


def files_of(top: Path) -> Iterator[tuple[str, str]]:
    """(source, path below the copy's `.git`) of every file of the repository with the working tree `top`.

    Objects come last, so that every copied reference has its objects, even if a commit is made meanwhile.
    """
    own = _folder_of(top)
    common = _named(own / "commondir", own)
    shared = list(_files(common))
    if own != common:
        shared = [(source, place) for source, place in shared if not _is_below(place, _OF_A_WORKTREE)]
        yield from ((source, place) for source, place in _files(own) if not place.startswith("objects/"))
    yield from (item for item in shared if not item[1].startswith("objects/"))
    yield from (item for item in shared if item[1].startswith("objects/"))
    for store in _borrowed(common / "objects", seen=set()):
        yield from ((source, f"objects/{place}") for source, place in _files(store) if not place.startswith("info/"))


def facts_of(top: Path) -> Mapping[str, str]:
    """The facts of a repository that a script may change: branches, tags, worktrees, HEAD."""
    if not (top / ".git").is_dir():
        return {}
    name, facts = top.name, {}
    listed = git_output(top, "for-each-ref", "--format=%(refname) %(objectname:short=12)")
    if listed is None:
        return {f"repository {name}": "Git cannot read it"}
    for line in listed.splitlines():
        reference, _, commit = line.partition(" ")
        kind, _, rest = reference.removeprefix("refs/").partition("/")
        facts[f"{_KINDS.get(kind, kind)} {rest or kind} of {name}"] = commit
    for link in sorted((top / ".git").glob("worktrees/*/gitdir")):
        with contextlib.suppress(OSError):
            place = Path(link.read_text(encoding="utf-8", errors="replace").strip()).parent
            facts[f"worktree {place.name} of {name}"] = ""
    with contextlib.suppress(OSError):
        facts[f"HEAD of {name}"] = (top / ".git/HEAD").read_text(encoding="utf-8", errors="replace").strip()
    return facts


def make_independent(folder: Path) -> None:
    """Make a copied `.git` an independent repository with a working tree and without push addresses."""
    config = folder / "config"
    for file in (config, folder / "config.worktree"):
        if file.is_file():
            git_output(Path("/"), "config", "--file", str(file), "--unset-all", "core.worktree")
    git_output(Path("/"), "config", "--file", str(config), "--replace-all", "core.bare", "false")
    for remote in _remotes(config):
        git_output(Path("/"), "config", "--file", str(config), "--replace-all", f"remote.{remote}.pushurl", NOWHERE)
    for name in ("objects", "refs"):  # required, even if empty
        (folder / name).mkdir(exist_ok=True)


def _remotes(config: Path) -> list[str]:
    named = git_output(Path("/"), "config", "--file", str(config), "--name-only", "--get-regexp", r"^remote\..*\.url$")
    return [line.removeprefix("remote.").removesuffix(".url") for line in (named or "").splitlines()]


def _folder_of(top: Path) -> Path:
    found = top / ".git"
    if found.is_file():
        with_name = found.read_text(encoding="utf-8", errors="surrogateescape").strip()
        return (top / with_name.removeprefix("gitdir:").strip()).resolve()
    return found.resolve()


def _named(file: Path, folder: Path) -> Path:
    """The folder that a one-line file names, relative to `folder`; `folder` itself if there is no such file."""
    try:
        return (folder / file.read_text(encoding="utf-8", errors="surrogateescape").strip()).resolve()
    except OSError:
        return folder


def _borrowed(objects: Path, *, seen: set[Path]) -> Iterator[Path]:
    """The object stores that a store borrows from, recursively."""
    try:
        lines = (objects / "info" / "alternates").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return
    for line in lines:
        store = (objects / line.strip('"')).resolve()
        if line and not line.startswith("#") and store not in seen:
            seen.add(store)
            yield store
            yield from _borrowed(store, seen=seen)


def _files(folder: Path) -> Iterator[tuple[str, str]]:
    base = str(folder)
    for place, folders, files in os.walk(base):
        below = place[len(base) + 1 :]
        folders[:] = sorted(name for name in folders if not _is_below(_joined(below, name), _LEFT_OUT))
        for name in sorted(files):
            relative = _joined(below, name)
            if not name.endswith((".lock", ".sample")) and not _is_below(relative, _LEFT_OUT):
                yield f"{place}/{name}", relative


def _joined(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _is_below(place: str, names: frozenset[str]) -> bool:
    return any(place == name or place.startswith(f"{name}/") for name in names)
