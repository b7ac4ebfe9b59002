"""Guesses the database of an application: where development connects to, and the variable of production."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from rollout.project.elixir.calls import number, text
from rollout.project.guessing.draft import Notes
from rollout.project.guessing.variables import PROD
from rollout.project.project import LARGEST_PORT, ONE_LINE, Database
from rollout.project.reading.configuration import Setting, url_of
from rollout.project.reading.modules import POSTGRES
from rollout.project.reading.repository import Repository


def postgres_repos(repository: Repository) -> dict[str, str]:
    """The Ecto repositories on PostgreSQL, with their places."""
    return {name: place for name, (database, place) in repository.repos.items() if database == POSTGRES}


def guess_database(repository: Repository, notes: Notes) -> Database:
    """`[database]`, from the first of the repositories on PostgreSQL."""
    repos = postgres_repos(repository)
    if not repos:
        others = ", ".join(f"{name} is on {database}" for name, (database, _) in repository.repos.items() if database)
        notes.made_from(others or "no Ecto repository was found", "database", "needed")
        return Database(needed=False)
    repo = next(iter(repos))
    found: dict[str, str] = {}
    for setting, values in _connection(repository, repo):
        for key, value in values.items():
            if key not in found and value:
                found[key] = value
                notes.made_from(setting.place, "database", key)
    variable = _url_variable(repository, repo, notes)
    port = int(found.get("port", "5432"))
    fields = {
        key: found[key]
        for key in ("host", "username", "password")
        if re.fullmatch(ONE_LINE.pattern, found.get(key, ""))
    }
    return Database(url_variable=variable, port=port if 0 < port <= LARGEST_PORT else 5432, **fields)  # type: ignore[arg-type]


def _connection(repository: Repository, repo: str) -> list[tuple[Setting, dict[str, str]]]:
    """What development connects with, setting by setting, the last first."""
    found = []
    names = {"hostname": "host", "port": "port", "username": "username", "password": "password"}
    for setting in repository.configuration.settings:
        if setting.key != repo or setting.truth[0] is False:
            continue
        if setting.name == "url" and (url := url_of(setting) or _default_of(repository, setting)):
            found.append((setting, _parts(url)))
        elif setting.name in names:
            written = text(setting.value) or _default_of(repository, setting)
            value = written or str(number(setting.value) or "")
            is_valid = value.isdecimal() if setting.name == "port" else bool(value)
            found.append((setting, {names[setting.name]: value} if is_valid else {}))
    return found[::-1]


def _default_of(repository: Repository, setting: Setting) -> str:
    """The default of the variable that a setting is made from."""
    lookups = repository.configuration.lookups
    return next((each.default for each in lookups if each.name in setting.variables and each.default), "")


def _parts(url: str) -> dict[str, str]:
    try:
        parts = urlsplit(url)
        port = str(parts.port or "")
    except ValueError:
        return {}
    return {"host": parts.hostname or "", "port": port, "username": unquote(parts.username or ""),
            "password": unquote(parts.password or "")}  # fmt: skip


def _url_variable(repository: Repository, repo: str, notes: Notes) -> str:
    for setting in repository.configuration.find(repo, "url", environment=PROD):
        if setting.variables:
            notes.made_from(setting.place, "database", "url_variable")
            return setting.variables[0]
    return "DATABASE_URL"
