"""Describes the application of a project as the machinery knows it."""

from __future__ import annotations

from rollout.application import Application
from rollout.project.project import Project


def target_of(project: Project) -> Application:
    """The application that a rollout.toml describes. It has no script of ours, and no variable for a revision."""
    own, server = project.application, project.server
    return Application(
        title=project.title,
        app=own.name,
        module=own.module or "".join(word.capitalize() for word in own.name.split("_")),
        manage_script="",
        ready_path=server.ready,
        live_path=server.live,
        safe_paths=server.pages or (server.live,),
        required_variables=tuple(name for name, _ in project.release.variables),
        revision_variable="",
    )
