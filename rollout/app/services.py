"""Runs the services of rollout.toml, each in a container of the run."""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import docker.errors

from rollout.app import variables
from rollout.app.subject import project_of, words
from rollout.errors import NoEngine, PhaseFailed
from rollout.phases.step import Step
from rollout.project.placeholders import fill
from rollout.project.project import Service
from rollout.site.engine import container_exec
from rollout.site.engine.client import RUN_LABEL, Engine
from rollout.site.engine.errors import engine_request
from rollout.site.postgres.login import free_port

if TYPE_CHECKING:
    from docker.models.containers import Container

READY_WITHIN = 120.0
_LOOK = 0.25


def start(step: Step) -> None:
    """Start every service, wait until each is ready, and fill in their addresses. Raises PhaseFailed, NoEngine."""
    site, project = step.site, project_of(step)
    if site.engine is None:
        names = ", ".join(name for name, _ in project.services)
        raise NoEngine(reason=f"the services of rollout.toml ({names}) run in containers", commands=("make deploy",))
    for name, service in project.services:
        site.services[name] = _start(step, site.engine, name, service)
    site.settings |= variables.environment(project, variables.values(site.settings, site.services))


def container_name(run: str, service: str) -> str:
    """The name of a service's container."""
    return f"xavos-{run}-service-{service}"


def _start(step: Step, engine: Engine, name: str, service: Service) -> tuple[str, int]:
    """Start one service; returns its address as the forge sees it."""
    site, full = step.site, container_name(step.site.run.id, name)
    _require_image(step, engine, service.image)
    where: dict[str, Any] = {"ports": {f"{service.port}/tcp": ("127.0.0.1", free_port())}}
    if site.network:
        where = {"network": site.network}
    elif site.sharing and site.sharing.is_joined:
        where = {"network_mode": site.sharing.network}
    known = variables.values(site.settings, site.services)
    env = {variable: fill(value, known) for variable, value in service.environment}
    record = {"kind": "container", "name": full, "run": site.run.id}
    with step.act(f"start {service.image} as container {full}", record), engine_request(f"start container {full}"):
        container = engine.client().containers.run(
            service.image, name=full, detach=True, labels={RUN_LABEL: site.run.id}, environment=env, **where
        )
        address = _address(container, service.port, site.network)
        _wait(step, container, name, service, address)
    return (full, service.port) if site.network else address


def _address(container: Container, port: int, network: str | None) -> tuple[str, int]:
    """Where this process reaches the service."""
    container.reload()
    attributes: Any = container.attrs
    if network:
        return str(attributes["NetworkSettings"]["Networks"][network]["IPAddress"]), port
    published = attributes["HostConfig"]["PortBindings"] or {}
    return "127.0.0.1", int(published[f"{port}/tcp"][0]["HostPort"]) if published else port


def _wait(step: Step, container: Container, name: str, service: Service, address: tuple[str, int]) -> None:
    until = time.monotonic() + min(READY_WITHIN, step.remaining)
    with step.site.run.journal.waiting(f"the service {name}", **step.where):
        while not _is_ready(container, service, address):
            container.reload()
            if container.status not in {"created", "running", "restarting"} or time.monotonic() > until:
                log = container.logs(tail=20).decode("utf-8", "replace")
                raise PhaseFailed(
                    f"The service {name} ({service.image}) is not ready; its container is {container.status}. It said: "
                    f"{log[-1500:]}", cause="server_unreachable",
                    advice=f"Compare image, port, environment and ready of [services.{name}] with what it wants.",
                )  # fmt: skip
            time.sleep(_LOOK)


def _is_ready(container: Container, service: Service, address: tuple[str, int]) -> bool:
    if service.ready:
        with suppress(docker.errors.APIError):  # it does not run yet, or no longer
            return container_exec.ask(container, *words(service.ready), repeatable=True).exit_code == 0
        return False
    with suppress(OSError), socket.create_connection(address, 2):
        return True
    return False


def _require_image(step: Step, engine: Engine, image: str) -> None:
    client = engine.client()
    try:
        client.images.get(image)
    except docker.errors.ImageNotFound:
        step.note(f"The image {image} is not here yet, and is pulled.")
        try:
            client.images.pull(image)
        except docker.errors.DockerException as error:
            raise PhaseFailed(f"The image {image} cannot be pulled: {getattr(error, 'explanation', None) or error}.",
                              cause="image_missing",
                              advice=f"Pull it yourself: docker pull {image}.") from error  # fmt: skip
