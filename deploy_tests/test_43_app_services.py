"""Checks of the services that run besides PostgreSQL."""

from __future__ import annotations

import socket

import pytest

from rollout.app.services import container_name
from rollout.phases.phase import PhaseResult
from rollout.project.project import Project
from rollout.site.engine.client import RUN_LABEL
from rollout.site.views import CheckedSite

pytestmark = [pytest.mark.phase("app_services"), pytest.mark.timeout(60)]


def test_services_phase_passed(phase: PhaseResult) -> None:
    """Every service of rollout.toml is ready."""
    phase.require()


def test_every_service_runs_in_a_container_of_this_run(site: CheckedSite, project: Project) -> None:
    assert site.engine is not None
    client = site.engine.client()
    for name, _service in project.services:
        container = client.containers.get(container_name(site.run.id, name))
        assert (container.status, container.labels.get(RUN_LABEL)) == ("running", site.run.id), name


def test_every_service_listens(site: CheckedSite) -> None:
    for name, (host, port) in site.services.items():
        if host.startswith("xavos-"):
            pytest.skip("services of an isolated network are reached from the forge only")
        with socket.create_connection((host, port), 5):
            assert site.services[name] == (host, port)


def test_no_service_is_open_to_other_machines(site: CheckedSite) -> None:
    assert {name: host for name, (host, _) in site.services.items()
            if host != "127.0.0.1" and not host.startswith("xavos-")} == {}  # fmt: skip


def test_the_variables_that_name_a_service_are_filled_in(site: CheckedSite, project: Project) -> None:
    named = [name for name, value in project.environment if "{service." in value]
    assert [name for name in named if "{" in site.settings.get(name, "{")] == []
