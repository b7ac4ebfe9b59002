"""A project that was guessed, with a note beside each guess."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rollout.project.project import Project
from rollout.text.toml_records import Place

QUESTION = "?"
"""The mark of a note that asks. The file has it after the sign of a comment: `# ? …`."""


@dataclass(frozen=True, slots=True)
class Note:
    """What a guess was made from (`mix.exs:7`), or what init could not know."""

    text: str
    is_question: bool = False

    def __str__(self) -> str:
        return f"{QUESTION} {self.text}" if self.is_question else self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A project, the notes beside its keys, the lines above it, and what the user should know."""

    project: Project
    notes: Mapping[Place, Note]
    head: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Notes:
    """Collects notes and remarks while a project is guessed."""

    of: dict[Place, Note] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    def made_from(self, source: str, *path: str) -> None:
        """Say what the key at `path` was made from."""
        self.of[path] = Note(source)

    def ask(self, question: str, *path: str) -> None:
        """Mark the key at `path` as one that init could not know."""
        self.of[path] = Note(question, is_question=True)
