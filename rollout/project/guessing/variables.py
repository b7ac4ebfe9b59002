"""Values for the environment variables that a configuration reads."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from rollout.project.guessing.draft import Notes
from rollout.project.reading.conditions import ENVIRONMENTS
from rollout.project.reading.modules import POSTGRES
from rollout.project.reading.repository import Repository
from rollout.project.reading.variables import Lookup

PROD = ENVIRONMENTS.index("prod")
_OF_DATABASE = {
    "url": "{database_url}", "hostname": "{database.host}", "port": "{database.port}",
    "username": "{database.username}", "password": "{database.password}", "database": "{database.name}",
}  # fmt: skip
_OF_ENDPOINT = {
    "secret_key_base": "generate:64", "http.port": "{port}", "url.port": "{port}", "url.host": "localhost",
    "url.scheme": "http", "live_view.signing_salt": "generate:16",
}  # fmt: skip
_OF_NAME = {"SECRET_KEY_BASE": "generate:64", "DATABASE_URL": "{database_url}", "PORT": "{port}",
            "PHX_HOST": "localhost", "PHX_SERVER": "true"}  # fmt: skip
_OF_ENDING = {"SECRET_KEY_BASE": "generate:64", "SIGNING_SALT": "generate:16", "_PORT": "{port}", "_HOST": "localhost"}
_OF_MIX = frozenset({"MIX_TEST_PARTITION", "MIX_ENV"})
_URL = re.compile(r"URL|URI|DSN|DATABASE$|DB$")
_STABLE = "only-for-development-" * 4
"""A secret in development. It is the same in each phase, and long enough for Phoenix."""
# Names that say what a made-up value has to look like, the first that fits.
_MADE_UP = (
    (("SECRET", "TOKEN", "SALT", "PASSWORD", "PASSWD", "KEY"), "generate:64"),
    (("URL", "URI", "ENDPOINT", "ORIGIN"), "http://localhost"),
    (("HOST", "HOSTNAME", "DOMAIN", "SERVER"), "localhost"),
    (("EMAIL", "FROM"), "rollout@example.com"),
    (("PATH", "DIR", "DIRECTORY", "FILE"), "/tmp/rollout"),  # noqa: S108  a text; nothing is opened
    (("PORT", "SIZE", "COUNT", "LIMIT", "CONCURRENCY", "TIMEOUT", "INTERVAL", "VERSION", "THRESHOLD", "SECONDS"), "1"),
    (("ENABLED", "DISABLED", "SSL"), "false"),
)


@dataclass(frozen=True, slots=True)
class Guess:
    """A value, and whether nothing in the repository says it."""

    value: str
    is_made_up: bool = False


def production(repository: Repository, notes: Notes) -> tuple[tuple[str, str], ...]:
    """The variables that the release needs, those that the configuration reads first."""
    found: dict[str, str] = {}
    conditional: dict[str, str] = {}
    for name, lookups in _by_name(repository).items():
        read = [each for each in lookups if each.truth[PROD] is not False]
        required = [each for each in read if each.is_required]
        certain = [each for each in required if each.truth[PROD]]
        known = _known(name, repository, PROD)
        if certain or (known is not None and read):
            source = (certain or required or read)[0]
            guess = known or _unknown(name, repository)
            found[name] = guess.value
            _note(notes, guess, source, "release", "variables", name)
        elif required:
            conditional[name] = required[0].place
    if conditional:
        listed = ", ".join(f"{name} ({place})" for name, place in conditional.items())
        notes.remarks.append(f"Required only under a condition, and not in the file: {listed}.")
    return tuple(found.items())


def development(repository: Repository, notes: Notes) -> tuple[tuple[str, str], ...]:
    """The variables that development and tests need: those without which they fail, and those of the database."""
    found: dict[str, str] = {}
    for name, lookups in _by_name(repository).items():
        read = [each for each in lookups if each.truth[0] is not False or each.truth[1] is not False]
        required = [each for each in read if each.is_required and (each.truth[0] or each.truth[1])]
        known = next(filter(None, (_database(name, repository, number) for number in (0, 1))), None)
        is_name = known is not None and known.value == "{database.name}"
        if required or (known is not None and read and not is_name):
            guess = known or _known(name, repository, 0) or _unknown(name, repository)
            found[name] = _STABLE if guess.value.startswith("generate:") else guess.value
            _note(notes, guess, (required or read)[0], "environment", name)
    return tuple(found.items())


def _note(notes: Notes, guess: Guess, source: Lookup, *path: str) -> None:
    if guess.is_made_up:
        notes.ask(f"{source.place} requires it; made up", *path)
    else:
        notes.made_from(source.place, *path)


def _by_name(repository: Repository) -> Mapping[str, list[Lookup]]:
    found: dict[str, list[Lookup]] = {}
    for each in repository.configuration.lookups:
        found.setdefault(each.name, []).append(each)
    return found


def _known(name: str, repository: Repository, environment: int) -> Guess | None:
    """The value that follows from what the variable is used for; None if that is not known."""
    if guess := _database(name, repository, environment):
        return guess
    for setting in repository.configuration.fed_by(name):
        is_own = setting.key == repository.endpoint.name and setting.truth[environment] is not False
        if is_own and setting.name in _OF_ENDPOINT:
            return Guess(_OF_ENDPOINT[setting.name])
        if is_own and not setting.name and len(setting.value) == 1:  # a list that was put together before
            value = next((value for ending, value in _OF_ENDING.items() if name.endswith(ending)), "")
            return Guess(value) if value else None
    if name == "DATABASE_URL" and POSTGRES not in {database for database, _ in repository.repos.values()}:
        return None
    return Guess(_OF_NAME[name]) if name in _OF_NAME else None


def _database(name: str, repository: Repository, environment: int) -> Guess | None:
    """The placeholder for a variable that a repository on PostgreSQL is configured with."""
    for setting in repository.configuration.fed_by(name):
        database, _ = repository.repos.get(setting.key, ("", ""))
        is_whole = setting.name != "url" or _URL.search(name)  # it may be a part of the URL that is put together
        is_read = setting.truth[environment] is not False and setting.name in _OF_DATABASE
        if database == POSTGRES and is_read and is_whole and name not in _OF_MIX:
            return Guess(_OF_DATABASE[setting.name])
    return None


def _unknown(name: str, repository: Repository) -> Guess:
    """That of a service in docker-compose.yml, an example of the repository, or one made up by its name."""
    parts = name.lower().split("_")
    for service in repository.services:
        if service.is_backing and service.word in parts:
            here = f"{{service.{service.name}.host}}", f"{{service.{service.name}.port}}"
            shapes = {"url": f"{service.scheme}://{here[0]}:{here[1]}", "host": here[0], "port": here[1]}
            if value := shapes.get(parts[-1]):
                return Guess(value)
    if example := repository.examples.get(name):
        return Guess(example.value)
    for words, value in _MADE_UP:
        if {word.lower() for word in words} & set(parts):
            return Guess(value, is_made_up=True)
    return Guess("rollout", is_made_up=True)
