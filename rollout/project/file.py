"""Reads rollout.toml, strictly. An error names the line, the table, the problem and the nearest known key."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rollout.errors import UsageError
from rollout.installation import command
from rollout.project.keys import require_valid
from rollout.project.placeholders import require_placeholders
from rollout.project.project import Project
from rollout.text.toml_lines import line_of
from rollout.text.toml_records import InvalidRecord, parse_toml, read_file, record

FILE = "rollout.toml"


class InvalidProject(UsageError):
    """rollout.toml is missing or invalid. `line` counts from 1; 0 if no line is at fault."""

    def __init__(self, *, path: Path, line: int, where: str, problem: str) -> None:
        self.path, self.line = path, line
        place = ", ".join(filter(None, (str(path), f"line {line}" if line else "", where)))
        missing = where == "file" and problem == "does not exist"
        super().__init__(
            f"{path} does not exist." if missing else f"{place}: {problem}.",
            advice=f"`{command('init')}` writes it." if missing else "Correct the file; nothing was changed.",
        )


def load(path: Path) -> Project:
    """The project of a file. Raises InvalidProject."""
    text = ""
    try:
        text = read_file(path)
        return loads(text)
    except InvalidRecord as error:
        line = line_of(text, error.path) if error.path else 0
        raise InvalidProject(path=path, line=line, where=error.where, problem=error.problem) from None


def loads(text: str) -> Project:
    """The project of a file's content. Raises InvalidRecord."""
    project = record(Project, parse_toml(text), "")
    require_valid(project)
    _require_one_place(project)
    for where, path, value, secret in _values(project):
        require_placeholders(value, [name for name, _ in project.services], where, path, secret=secret)
    return project


def _require_one_place(project: Project) -> None:
    for number, hook in enumerate(project.hook):
        if bool(hook.before) == bool(hook.after):
            problem = "it needs either before or after, the name of a phase"
            raise InvalidRecord(f"[[hook]] {number + 1}", problem, path=("hook", number))


def _values(project: Project) -> Iterator[tuple[str, tuple[str | int, ...], str, bool]]:
    """(table, path, value, may be a secret) of every variable."""
    for name, value in project.environment:
        yield "[environment]", ("environment", name), value, False
    for name, value in project.release.variables:
        yield "[release.variables]", ("release", "variables", name), value, True
    for service, each in project.services:
        for name, value in each.environment:
            yield f"[services.{service}.environment]", ("services", service, "environment", name), value, False
