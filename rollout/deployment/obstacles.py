"""Finds listeners, databases and containers that block a new deployment. It changes nothing."""

from __future__ import annotations

import docker.errors

from rollout.config.options import SCRIPT, Options
from rollout.errors import AlreadyExists, DatabasePortTaken, PortTaken
from rollout.journal import Redactor
from rollout.site import postgres, processes
from rollout.site.engine.client import Engine


def refuse_port(port: int) -> None:
    """Raise PortTaken if XAVOS could not listen on the port."""
    holder = processes.port_obstacle(port)
    if holder is not None:
        raise PortTaken(port=port, holder=holder)


def expects_usual_port(path: str, options: Options) -> bool:
    """Whether the path's script may expect PostgreSQL at its usual port, as a new application does."""
    return path.startswith(SCRIPT) and not options.offline


def refuse_usual_port(path: str, options: Options) -> None:
    """Raise DatabasePortTaken if a script would find another database server at PostgreSQL's usual port."""
    if expects_usual_port(path, options):
        holder = processes.port_obstacle(postgres.USUAL_PORT)
        if holder is not None:
            raise DatabasePortTaken(port=postgres.USUAL_PORT, holder=holder)


def is_external_server(database: str) -> bool:
    """Whether `--database` names a server by its URL."""
    return database not in {"auto", "container", "embedded"}


def refuse_databases(address: str, role: str, databases: tuple[str, ...], redactor: Redactor | None = None) -> None:
    """Raise RolloutError if a user's server is unusable, or has a role or database with one of these names."""
    server = postgres.ExternalServer(address, redactor=redactor)
    server.start()
    postgres.refuse_existing(server, role, databases)


def refuse_engine_names(engine: Engine, run: str) -> None:
    """Raise AlreadyExists for a container or network with a name that the run needs."""
    name = f"xavos-{run}"
    client = engine.client()
    filters: dict[str, str | list[str] | bool] = {"name": name}
    try:
        containers = [given.lstrip("/") for item in client.api.containers(all=True, filters=filters)
                      for given in item["Names"]]  # fmt: skip
        networks = [item["Name"] for item in client.api.networks(names=[name])]
    except docker.errors.APIError:
        return  # a name that is taken fails again when the container is made
    for given in containers:
        if given in {f"{name}-forge", f"{name}-postgres"}:
            raise AlreadyExists(what="container", name=given, option="another run: its name has the run's id")
    if name in networks:
        raise AlreadyExists(what="network", name=name, option="another run: its name has the run's id")
