"""How a person gets into a site that stays: command lines for its forge and its database."""

from __future__ import annotations

import shlex

from rollout.site.site import Site


def entrances(site: Site) -> dict[str, str]:
    """What can be entered (`forge`, `database`) → the command line that does, run on this machine.

    Holds no secret: the database's password is read from the site's `.env`, which its owner alone can read. Empty where
    the forge was never made.
    """
    if site.forge is None:
        return {}
    lines = {"forge": _in_forge(site, "bash")}
    if site.file(".env").exists():
        lines["database"] = _in_forge(site, "bash", "-c", "set -a; . ./.env; exec psql")
    return lines


def _in_forge(site: Site, *command: str) -> str:
    forge = site.in_forge
    home = forge.root / ".home"
    homes = {"HOME": home, "MIX_HOME": home / "mix", "HEX_HOME": home / "hex"}
    given = [f"{name}={folder}" for name, folder in homes.items()]
    if forge.kind == "host":
        return f"cd {shlex.quote(str(forge.root))} && {shlex.join(['env', *given, *command])}"
    workdir = ("--workdir", str(forge.root))
    environment = [word for one in given for word in ("--env", one)]
    client = site.engine.command() if site.engine else ("docker",)
    return shlex.join([*client, "exec", "-it", *workdir, *environment, forge.record["name"], *command])
