"""Copies the repository of a project into a site. The original is only read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rollout.config.options import Options
from rollout.errors import InvalidOption, PhaseFailed
from rollout.project.file import FILE
from rollout.site import git_folder
from rollout.site.git_folder import git_output
from rollout.site.source_copy import Copied, ScriptSource, folders_of_the_suite

_MOST_NAMED = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The repository of a project. `root` is its working tree, `place` the project's folder below it ("." for `root`).

    `revision` is the commit to deploy, as given; None deploys the working tree. `commit` is its id, "" without commits.
    `changed` are the files of the working tree that are not as committed; () for a revision.
    """

    root: Path
    place: str
    commit: str
    revision: str | None = None
    changed: tuple[str, ...] = ()

    def sentence(self) -> str:
        """What is deployed, for the report."""
        commit = self.commit[:12] or "no commit"
        if self.revision is not None:
            return f"The revision {self.revision} ({commit}) of {self.root} was copied."
        named = ", ".join(self.changed[:_MOST_NAMED])
        more = f" and {len(self.changed) - _MOST_NAMED} more" if len(self.changed) > _MOST_NAMED else ""
        changes = f"with {len(self.changed)} changed or new files: {named}{more}" if self.changed else "as committed"
        return f"The working tree of {self.root} at {commit} was copied, {changes}."


class _Revision(ScriptSource):
    """Copies only `.git`. The working tree is checked out from it."""

    def items(self) -> Iterator[tuple[str, str]]:
        return ((source, f".git/{place}") for source, place in git_folder.files_of(self.root))


def find(options: Options) -> Source:
    """The repository around `--project`. Raises InvalidOption if there is none, or no such revision in it."""
    folder, revision = options.project, options.revision
    assert folder is not None, "the options were checked: the path app has a project"
    folder = folder.resolve()
    top = git_output(folder, "rev-parse", "--show-toplevel")
    if not top:
        expected = "a folder in a Git repository. `git init` makes one, and .gitignore says what is not deployed"
        raise InvalidOption(option="--project", value=str(folder), expected=expected)
    root = Path(top.rstrip("\n"))
    commit = git_output(folder, "rev-parse", "--verify", "--quiet", f"{revision or 'HEAD'}^{{commit}}")
    if revision is not None and commit is None:
        raise InvalidOption(option="--revision", value=revision, expected=f"a commit, branch or tag of {root}")
    changed = () if revision is not None else _changed(root)
    return Source(root=root, place=os.path.relpath(folder, root), commit=(commit or "").strip(), revision=revision,
                  changed=changed)  # fmt: skip


def copy(source: Source, target: Path, options: Options) -> Copied:
    """Copy to a new folder: what Git tracks or does not ignore, with `.git`. Raises SourceTooLarge, PhaseFailed."""
    file = source.root / source.place / FILE
    kind = ScriptSource if source.revision is None else _Revision
    copied = kind(script=file, root=source.root, excluded=folders_of_the_suite(options, file)).copy_to(target)
    if source.revision is not None:
        done = git_output(target, "checkout", "--quiet", "--force", "--detach", source.commit)
        if done is None:
            raise PhaseFailed(f"Git cannot check out {source.revision} ({source.commit}) in the copy of {source.root}.",
                              cause="data_corrupt", advice="Run `git fsck` in the repository.")  # fmt: skip
    return copied


def _changed(root: Path) -> tuple[str, ...]:
    listed = git_output(root, "status", "--porcelain", "--untracked-files=all", "-z") or ""
    return tuple(line[3:] for line in listed.split("\0") if line[2:3] == " ")
