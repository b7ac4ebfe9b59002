"""Checks of what the server does when the database goes, and when it is told to end. It runs again afterwards."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from rollout.deployment import project_server
from rollout.deployment.deployment import Deployment
from rollout.deployment.server import NO_TLS, marker
from rollout.phases.step import Step
from rollout.project.project import Project
from rollout.site.processes import port_obstacle
from rollout.site.views import CheckedSite
from suite.phases import require

pytestmark = [pytest.mark.phase("app_server"), pytest.mark.timeout(240)]

ENDS_WITHIN = 30.0
RECOVERS_WITHIN = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How the server ended: whether by itself, in how many seconds, and what then held its port ("" for nothing)."""

    by_itself: bool
    seconds: float
    holder: str


def test_the_server_survives_a_restart_of_the_database(site: CheckedSite, project: Project) -> None:
    if not project.database.needed:
        pytest.skip("the application has no PostgreSQL database")
    if not site.database.can_interrupt:
        pytest.skip("the database server is the user's and is not stopped")
    with site.run.journal.waiting("the database server to stop and to start"):
        site.database.pause()
        site.database.resume()
    until, last = time.monotonic() + RECOVERS_WITHIN, 0
    with httpx.Client(base_url=site.base_url, timeout=30, trust_env=False, verify=NO_TLS) as client:
        while (last := client.get(project.server.ready).status_code) != 200 and time.monotonic() < until:
            time.sleep(0.2)
    assert last == 200
    assert site.in_forge.listener_marked(site.options.port, marker(site))


@pytest.fixture(scope="module")
def ended(request: pytest.FixtureRequest, deployment: Deployment) -> Iterator[Ended]:
    """The server is told to end, and started again after the checks that look at its end."""
    require(request, "app_server")
    site = deployment.site
    step = Step(site, deployment.plan, deployment.plan.phase("server"))
    began = time.monotonic()
    project_server.ask_to_end(step)
    while site.in_forge.running(marker(site)) and time.monotonic() - began < ENDS_WITHIN:
        time.sleep(0.2)
    seconds, left = time.monotonic() - began, site.in_forge.running(marker(site))
    yield Ended(by_itself=not left, seconds=seconds, holder=port_obstacle(site.options.port) or "")
    site.in_forge.kill_marked(marker(site))
    project_server.start(step)


def test_sigterm_ends_the_server(ended: Ended) -> None:
    assert ended.by_itself, f"it still ran after {ended.seconds:.0f} s"


def test_its_port_is_free_afterwards(ended: Ended) -> None:
    assert ended.holder == ""


def test_it_leaves_no_process(ended: Ended, site: CheckedSite) -> None:
    assert dict(site.in_forge.running(marker(site))) == {}
