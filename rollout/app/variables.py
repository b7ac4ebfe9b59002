"""Makes the environment of the commands of a deployed project."""

from __future__ import annotations

from collections.abc import Mapping

from rollout.app.site_config import variables_of_repo
from rollout.project.placeholders import fill, used
from rollout.project.project import Project
from rollout.site import settings
from rollout.site.site import Site

_OF_XAVOS = ("SECRET_KEY_BASE", "TOKEN_SIGNING_SECRET")
_OF_A_DATABASE = ("PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGDATABASE", "DATABASE_URL", "TEST_DATABASE_URL")


def make(site: Site, project: Project) -> dict[str, str]:
    """New settings of the site: address of database and server, and the variables of `[environment]`."""
    made = {name: value for name, value in settings.make(site).items() if name not in _OF_XAVOS}
    made |= {"XAVOS_PORT": made["PORT"], project.server.port_variable or "PORT": made["PORT"]}
    if project.database.needed:
        made |= _further_databases(site, project, made["PGPASSWORD"])
    else:
        made = {name: value for name, value in made.items() if name not in _OF_A_DATABASE}
    return {**made, **environment(project, values(made))}


def values(made: Mapping[str, str], services: Mapping[str, tuple[str, int]] | None = None) -> Mapping[str, str]:
    """What placeholders are filled with. `services`: name → address, for those that run."""
    known = {"port": made["XAVOS_PORT"]}
    if "DATABASE_URL" in made:
        parts = {"host": "PGHOST", "port": "PGPORT", "username": "PGUSER", "password": "PGPASSWORD",
                 "name": "PGDATABASE"}  # fmt: skip
        known |= {"database_url": made["DATABASE_URL"]}
        known |= {f"database.{part}": made[variable] for part, variable in parts.items()}
    for name, (host, port) in (services or {}).items():
        known |= {f"service.{name}.host": host, f"service.{name}.port": str(port)}
    return known


def environment(project: Project, known: Mapping[str, str]) -> dict[str, str]:
    """The variables of `[environment]`. One that needs what is not known yet, such as a service, is left out."""
    return {name: fill(value, known) for name, value in project.environment if set(used(value)) <= known.keys()}


def of_tests(site: Site, project: Project) -> Mapping[str, str]:
    """What differs in the environment of tests: an application may read DATABASE_URL in every environment."""
    if not project.database.needed:
        return {}
    changed = {"DATABASE_URL": site.settings["TEST_DATABASE_URL"], "PGDATABASE": site.databases["test"]}
    known = values({**site.settings, **changed}, site.services)
    return {**changed, **environment(project, known)}


def _further_databases(site: Site, project: Project, password: str) -> dict[str, str]:
    """The URLs of the databases of the second repo and those after it."""
    made = {}
    for number in range(2, len(project.application.repos) + 1):
        for variable, stage in zip(variables_of_repo(number), ("dev", "test"), strict=True):
            database = site.databases[f"{stage}_{number}"]
            made[variable] = site.database.url(user=site.role, password=password, database=database)
    return made
