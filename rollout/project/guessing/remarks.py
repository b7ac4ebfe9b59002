"""What a user should know about a repository, and the signs that init went by."""

from __future__ import annotations

from rollout.project.elixir.calls import modules
from rollout.project.guessing.draft import Notes
from rollout.project.guessing.variables import PROD
from rollout.project.reading.configuration import RUNTIME
from rollout.project.reading.modules import POSTGRES
from rollout.project.reading.repository import Repository

_PACKAGES = (
    ("Phoenix", ("phoenix",)),
    ("LiveView", ("phoenix_live_view",)),
    ("Ecto", ("ecto_sql", "phoenix_ecto")),
    ("Ash", ("ash",)),
    ("Oban", ("oban",)),
    ("esbuild", ("esbuild",)),
    ("Tailwind", ("tailwind",)),
)
_MOST = 8  # names in one sentence


def signs(repository: Repository) -> tuple[str, ...]:
    """The packages that say what the application is, with their places: `Phoenix mix.exs:34`."""
    found = []
    for title, names in _PACKAGES:
        if place := repository.dependency(*names):
            domains = _domains(repository) if title == "Ash" else ""
            found.append(f"{title} {place}{domains}")
    return tuple(found)


def add_remarks(repository: Repository, notes: Notes) -> None:
    """What is not supported, what is decided while compiling, what nothing starts, and what could not be read."""
    for name, (database, place) in repository.repos.items():
        if database != POSTGRES:
            what = f"is on {database}" if database else "has an adapter that is not written out"
            notes.remarks.append(f"Not supported: {name} {what} ({place}). Only PostgreSQL is; phases leave it out.")
    configuration = repository.configuration
    for file in configuration.missing:
        notes.remarks.append(f"{file} is missing: config.exs imports the file of each environment.")
    if not configuration.has_runtime:
        where = f"{repository.root}/config/runtime.exs".removeprefix("./")
        notes.remarks.append(f"There is no {where}: a release has the settings of the machine that built it.")
    fixed = {each.name: each.place for each in configuration.lookups
             if not each.place.partition(":")[0].endswith(RUNTIME) and each.truth[PROD]}  # fmt: skip
    if fixed:
        notes.remarks.append(f"Read while compiling, so that a release keeps their values: {_listed(fixed)}.")
    _add_server(repository, notes)
    images = [f"{each.name} ({each.place})" for each in repository.services
              if each.image and not each.is_backing and not each.is_postgres]  # fmt: skip
    if images:
        notes.remarks.append(f"Services that are not in the file; add those that it needs: {', '.join(images)}.")
    for path, why in repository.unread.items():
        notes.remarks.append(f"Could not be read: {path}: {why}.")


def _add_server(repository: Repository, notes: Notes) -> None:
    """A release does not start its server unless the configuration says so."""
    configuration = repository.configuration
    by_variable = any(each.name == "PHX_SERVER" for each in configuration.lookups)
    if not by_variable and not configuration.starts_server:
        notes.remarks.append(
            f"Nothing starts the server of a release: set `server: true` for {repository.endpoint.name}, "
            "or read PHX_SERVER in config/runtime.exs."
        )


def _domains(repository: Repository) -> str:
    for setting in repository.configuration.find("ash_domains"):
        if names := modules(setting.value):
            return f" with {len(names)} domain{'s' if len(names) > 1 else ''} {setting.place}"
    return ""


def _listed(places: dict[str, str]) -> str:
    shown = [f"{name} ({place})" for name, place in list(places.items())[:_MOST]]
    return ", ".join(shown) + (f" and {len(places) - _MOST} more" if len(places) > _MOST else "")
