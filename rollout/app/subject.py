"""The project of a step: what the path `app` deploys."""

from __future__ import annotations

import shlex
from pathlib import Path

from rollout.phases.step import Step
from rollout.process import Outcome
from rollout.project.project import Project


def project_of(step: Step) -> Project:
    """The project that the step's site deploys."""
    assert step.site.project is not None, "the path app has a project"
    return step.site.project


def words(command: str) -> tuple[str, ...]:
    """A command of rollout.toml as argv. It is started without a shell."""
    return tuple(shlex.split(command))


def whole_output(outcome: Outcome) -> str:
    """All that a command has printed, from its log if it has one. The outcome itself has only the end."""
    log: Path | None = outcome.log
    return log.read_text(encoding="utf-8", errors="replace") if log and log.is_file() else outcome.tail
