"""Command lines that enter the forge and the database of a kept site."""

from __future__ import annotations

import shlex

from rollout.site.forge import homes
from rollout.site.site import Site

_AS_THE_APPLICATION = "set -a; . ./.env; exec psql"  # its address, role and password are there
_OF_POSTGRES = ("PGHOST", "PGPORT", "PGUSER", "PGPASSWORD")


def entrances(site: Site) -> dict[str, str]:
    """`forge` and `database` → the command line that enters it, for this machine.

    Holds no secret: the database's password is read from the site's `.env`, which its owner alone can read. A path that
    is only observed has the password that a fresh application has. Empty where the forge was never made; without the
    database where the role does not exist yet.
    """
    if site.forge is None:
        return {}
    lines = {"forge": _in_forge(site, "bash")}
    if site.observed and "PGHOST" in site.settings:
        known = [f"{name}={site.settings[name]}" for name in _OF_POSTGRES]
        lines["database"] = _in_forge(site, "env", *known, "psql", "postgres")
    elif site.provisioned and site.file(".env").exists():
        lines["database"] = _in_forge(site, "bash", "-c", _AS_THE_APPLICATION)
    return lines


def _in_forge(site: Site, *command: str) -> str:
    forge = site.in_forge
    if forge.kind == "host":
        given = [f"{name}={folder}" for name, folder in homes(forge.root).items()]
        return f"cd {shlex.quote(str(forge.root))} && {shlex.join(['env', *given, *command])}"
    client = site.engine.command() if site.engine else ("docker",)
    return shlex.join([*client, "exec", "-it", forge.record["name"], *command])
