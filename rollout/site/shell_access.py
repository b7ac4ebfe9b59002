"""Builds the commands that open a shell or psql in a deployment that was kept."""

from __future__ import annotations

import shlex

from rollout.site.forge import homes
from rollout.site.site import Site

_AS_THE_APPLICATION = "set -a; . ./.env; exec psql"  # .env has address, role and password
_OF_POSTGRES = ("PGHOST", "PGPORT", "PGUSER", "PGPASSWORD")


def shell_commands(site: Site) -> dict[str, str]:
    """`forge` and `database` → the command line that enters it from this machine.

    They contain no secret: the database's password is read from the site's `.env`, which only its owner can read. The
    password of an observed path is that of every fresh application. Without a forge the result is empty, without a role
    it has no database.
    """
    if site.forge is None:
        return {}
    lines = {"forge": _in_forge(site, "bash")}
    if site.observed and "PGHOST" in site.settings:
        known = [f"{name}={site.settings[name]}" for name in _OF_POSTGRES]
        lines["database"] = _in_forge(site, "env", *known, "psql", "postgres")
    elif site.provisioned and (site.directory / ".env").exists():
        lines["database"] = _in_forge(site, "bash", "-c", _AS_THE_APPLICATION)
    return lines


def _in_forge(site: Site, *command: str) -> str:
    forge = site.in_forge
    if forge.kind == "host":
        given = [f"{name}={folder}" for name, folder in homes(forge.root).items()]
        return f"cd {shlex.quote(str(forge.root))} && {shlex.join(['env', *given, *command])}"
    client = site.engine.command() if site.engine else ("docker",)
    return shlex.join([*client, "exec", "-it", forge.record["name"], *command])
