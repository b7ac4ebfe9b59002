"""Decides which phases of the path `app` fit a project."""

from __future__ import annotations

from rollout.config.plan import Plan
from rollout.project.project import Project


def fit(plan: Plan, project: Project) -> Plan:
    """The plan without the phases that the project has nothing for. `left_out` has each with its reason."""
    return plan.without(reasons(project))


def reasons(project: Project) -> dict[str, str]:
    """Phase → why the project leaves it out, as a clause."""
    found = {}
    if not project.services:
        found["services"] = "rollout.toml names no services"
    if not project.database.needed:
        found |= dict.fromkeys(("database", "migrations"), "the application has no PostgreSQL database")
    elif not project.application.repos:
        found |= dict.fromkeys(("database", "migrations"), "rollout.toml names no Ecto repository")
    if project.assets.kind == "none":
        found["assets"] = "the application builds no assets"
    return found
