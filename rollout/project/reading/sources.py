"""The files of a repository, as text and as Elixir. Files that cannot be read are remembered, not ignored."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Generic, TypeVar

from rollout.project.elixir.tokens import ElixirUnread
from rollout.project.elixir.tree import Node, parse

Value = TypeVar("Value")

LARGEST = 2_000_000
"""Bytes. Larger files are no source text that somebody wrote."""
_NOT_SOURCE = frozenset({"_build", "deps", "node_modules", "cover", "priv", "test", "tests", "vendor", "fixtures"})


@dataclass(frozen=True, slots=True)
class Found(Generic[Value]):
    """A value, and what it was made from: `config/dev.exs:12`, or a reason in words."""

    value: Value
    source: str


@dataclass(frozen=True, slots=True)
class Sources:
    """The files below a folder. Paths are relative to it, with slashes. `unread`: path → why it could not be read."""

    folder: Path
    unread: dict[str, str] = field(default_factory=dict)
    _nodes: dict[str, tuple[Node, ...]] = field(default_factory=dict)

    def text(self, path: str) -> str | None:
        """The text of a file; None if there is none, or it cannot be read."""
        file = self.folder / path
        try:
            facts = file.stat()
            if not stat.S_ISREG(facts.st_mode):
                return self._without(path, "it is not a regular file")
            if facts.st_size > LARGEST:
                return self._without(path, f"it is larger than {LARGEST // 1_000_000} MB")
            if not file.resolve().is_relative_to(self.folder.resolve()):
                return self._without(path, "it is a link to a file outside the repository")
            return file.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
        except (FileNotFoundError, NotADirectoryError):
            return self._without(path, "it is a link that leads nowhere") if file.is_symlink() else None
        except UnicodeDecodeError:
            return self._without(path, "it is not UTF-8")
        except OSError as error:
            return self._without(path, str(error.strerror or error))

    def nodes(self, path: str) -> tuple[Node, ...]:
        """A file of Elixir as nested nodes; empty if there is none, or it cannot be read."""
        if path not in self._nodes:
            nodes: tuple[Node, ...] = ()
            try:
                nodes = parse(self.text(path) or "")
            except (ElixirUnread, RecursionError) as error:
                self._without(path, str(error) if isinstance(error, ElixirUnread) else "it is nested too deeply")
            self._nodes[path] = nodes
        return self._nodes[path]

    def has(self, path: str) -> bool:
        """Whether there is such a file or folder."""
        return (self.folder / path).exists()

    def folders(self, path: str) -> tuple[str, ...]:
        """The folders in a folder that are no links, in order."""
        try:
            found = sorted(
                each.name for each in (self.folder / path).iterdir() if each.is_dir() and not each.is_symlink()
            )
        except OSError:
            return ()
        return tuple(joined(path, name) for name in found)

    def files(self, path: str, endings: Sequence[str]) -> Iterator[str]:
        """The source files below a folder with one of these endings, in order. Links to folders are not followed."""
        for parent, folders, names in os.walk(self.folder / path):
            folders[:] = sorted(name for name in folders if name not in _NOT_SOURCE and not name.startswith("."))
            for name in sorted(names):
                if name.endswith(tuple(endings)):
                    yield (Path(parent) / name).relative_to(self.folder).as_posix()

    def _without(self, path: str, why: str) -> str | None:
        """Remember why a file could not be read. Returns None."""
        self.unread.setdefault(path, why)
        return None


def joined(folder: str, name: str) -> str:
    """`apps/web` and `mix.exs` → `apps/web/mix.exs`; `.` and `mix.exs` → `mix.exs`."""
    return str(PurePosixPath(folder) / name)
