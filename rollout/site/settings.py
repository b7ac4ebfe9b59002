"""Generates the site's settings and writes them to `.env` (0600), which config/site.exs and the scripts read."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path

from rollout.site import postgres
from rollout.site.site import Site
from rollout.site.views import CheckedSite

PUBLIC_HOST = "localhost"
"""The name under which people reach the application in production."""
POOL_SIZE = 5
"""Connections to the database of one instance."""
SECRETS = ("SECRET_KEY_BASE", "TOKEN_SIGNING_SECRET")


def make(site: Site) -> dict[str, str]:
    """Generate new settings. Their secrets are masked in all later output of the run."""
    password, base, token = (secrets.token_urlsafe(length) for length in (24, 48, 48))
    site.run.keep_secret("role_password", password)
    for secret in (base, token):
        site.run.redactor.add(secret)
    server = site.database
    urls = {
        variable: server.url(user=site.role, password=password, database=site.databases[purpose])
        for variable, purpose in (("DATABASE_URL", "dev"), ("TEST_DATABASE_URL", "test"))
    }
    host, port = server.forge_address or (server.host, server.port)
    return {
        "XAVOS_NAME": site.options.name,
        "XAVOS_SERVER": site.run.id,
        "PORT": str(site.options.port),
        "XAVOS_BIND": "0.0.0.0" if site.options.offline else "127.0.0.1",  # noqa: S104 - an isolated network
        **urls,
        "PGHOST": host,
        "PGPORT": str(port),
        "PGUSER": site.role,
        "PGPASSWORD": password,
        "PGDATABASE": site.databases["dev"],
        "SECRET_KEY_BASE": base,
        "TOKEN_SIGNING_SECRET": token,
        **_forge(site),
    }


def production(site: Site) -> dict[str, str]:
    """New settings of the instances of a release, with secrets of their own. They are masked in all later output.

    `PORT` is missing: each instance has its own.
    """
    password = site.settings.get("PGPASSWORD", postgres.SUPERUSER)
    made = {name: secrets.token_urlsafe(48) for name in SECRETS}
    cookie = secrets.token_urlsafe(24)
    for secret in (*made.values(), cookie):
        site.run.redactor.add(secret)
    url = site.database.url(user=site.role, password=password, database=site.databases["prod"])
    return {
        "DATABASE_URL": url,
        **made,
        "PHX_SERVER": "true",
        "PHX_HOST": PUBLIC_HOST,
        "POOL_SIZE": str(POOL_SIZE),
        "RELEASE_DISTRIBUTION": "none",
        "RELEASE_COOKIE": cookie,
        "XAVOS_BIND": "0.0.0.0" if site.options.offline else "127.0.0.1",  # noqa: S104 - an isolated network
        "LANG": "C.UTF-8",
    }


def _forge(site: Site) -> dict[str, str]:
    """The settings with which the deployment's scripts reach its forge: container and engine."""
    if site.in_forge.kind != "container":
        return {}
    container = {"XAVOS_FORGE_CONTAINER": str(site.in_forge.record["name"])}
    return container if site.engine is None else {**container, **site.engine.settings()}


def assumed(site: Site) -> dict[str, str]:
    """The environment of an observed path. None of it is a secret.

    In a fresh application host, user, password and database are fixed in config/dev.exs. It reads only PORT, and PGPORT
    where a database is created.
    """
    server = site.database
    user, database = postgres.SUPERUSER, site.databases["dev"]
    host, port = server.forge_address or (server.host, server.port)
    return {
        "PORT": str(site.options.port),
        "DATABASE_URL": server.url(user=user, password=user, database=database),
        "PGHOST": host,
        "PGPORT": str(port),
        "PGUSER": user,
        "PGPASSWORD": user,
        "PGDATABASE": database,
        # Git refuses to commit without a name.
        **{f"GIT_{who}_NAME": "XAVOS Rollout" for who in ("AUTHOR", "COMMITTER")},
        **{f"GIT_{who}_EMAIL": "rollout@localhost" for who in ("AUTHOR", "COMMITTER")},
    }


def secrets_of(site: CheckedSite) -> Mapping[str, str]:
    """The secrets that no log and no committed file may contain, by name."""
    if site.observed:
        return _written_in(site.application)
    return {name: site.settings[name] for name in ("PGPASSWORD", *SECRETS)}


def _written_in(application: Path) -> dict[str, str]:
    """The secrets in config/dev.exs of a generated application, named as those of `make`."""
    file = application / "config/dev.exs"
    text = file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
    found = {name: re.search(rf"\b{name.lower()}:\s*\"([^\"]+)\"", text) for name in SECRETS}
    return {name: match.group(1) for name, match in found.items() if match}


def write(path: Path, settings: Mapping[str, str]) -> None:
    """Write the settings as `NAME=value` lines, readable only by the owner."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.writelines(f"{name}={value}\n" for name, value in settings.items())
