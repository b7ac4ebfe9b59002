"""Fixtures of the checks: commands in the forge, database connections, HTTP clients."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import httpx
import psycopg
import pytest

from rollout.deployment.deployment import Deployment
from rollout.deployment.server import NO_TLS
from rollout.phases.step import Step
from rollout.site.postgres.login import open_connection
from rollout.site.views import CheckedSite
from suite.phases import group_of

# pytest rewrites asserts only in modules that are registered before their import.
pytest.register_assert_rewrite(
    "deploy_tests.support.package_checks",
    "deploy_tests.support.code_checks",
    "deploy_tests.support.api_requests",
    "deploy_tests.support.application_facts",
    "deploy_tests.support.bystanders",
    "deploy_tests.support.users",
    "deploy_tests.support.records",
    "deploy_tests.support.production",
    "deploy_tests.support.deploy_script",
    "deploy_tests.support.own_application",
)

from deploy_tests.support.application_facts import facts, remembered_facts, resource  # noqa: E402
from deploy_tests.support.bystanders import bystanders  # noqa: E402
from deploy_tests.support.commands import Ask  # noqa: E402
from deploy_tests.support.deploy_script import deploy_script  # noqa: E402
from deploy_tests.support.own_application import bundles, found, git, lock, project, tracked_files, used  # noqa: E402
from deploy_tests.support.production import public, released, runner  # noqa: E402
from deploy_tests.support.records import created, records_deleted  # noqa: E402
from deploy_tests.support.users import api, known_secrets, sessions, users  # noqa: E402

__all__ = ["api", "bundles", "bystanders", "created", "deploy_script", "facts", "found", "git", "known_secrets", "lock",
           "project", "public", "records_deleted", "released", "remembered_facts", "resource", "runner", "sessions",
           "tracked_files", "used", "users"]  # fmt: skip

WORTH_NOTING = 0.02  # seconds; shorter waits for XAVOS are not journaled


@pytest.fixture(scope="session")
def site(deployment: Deployment) -> CheckedSite:
    """The site of the path under test."""
    return deployment.site


@pytest.fixture
def ask(request: pytest.FixtureRequest, deployment: Deployment) -> Ask:
    """Run a command in the forge for a check: `ask("mix", "compile")` gives its Outcome."""
    answering = deployment.plan.phase_for(group_of(request.node)) or deployment.plan.phases[0]
    return Step(deployment.site, deployment.plan, answering).run


@pytest.fixture
def tracked(site: CheckedSite, ask: Ask) -> tuple[str, ...]:
    """The files that the application's repository holds."""
    if not site.observed:
        return tuple(site.repository.tracked(site.branch))
    # In the forge, because a repository that is not ours may configure programs that Git runs.
    listed = ask("git", "ls-files", label="files of the application's repository", repeatable=True)
    assert listed.ok, listed.tail
    return tuple(listed.tail.splitlines())


@pytest.fixture
def dev_database(site: CheckedSite) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """The application's database, as the application's own role."""
    host, port = site.database.host, site.database.port
    settings = site.settings
    with open_connection(
        host=host,
        port=port,
        user=settings["PGUSER"],
        password=settings["PGPASSWORD"],
        dbname=settings["PGDATABASE"],
        connect_timeout=5,
    ) as connection:
        yield connection


@pytest.fixture
def browser(site: CheckedSite) -> Iterator[httpx.Client]:
    """An HTTP client that keeps cookies and follows no redirect."""

    def asked(request: httpx.Request) -> None:
        request.extensions["asked"] = time.monotonic()

    def answered(response: httpx.Response) -> None:
        seconds = time.monotonic() - response.request.extensions["asked"]
        if seconds >= WORTH_NOTING:
            text = f"{response.request.method} {response.request.url.path}"
            site.run.journal.record("wait.finished", text=text, seconds=round(seconds, 4))

    hooks: dict[str, list[Callable[..., None]]] = {"request": [asked], "response": [answered]}
    with httpx.Client(base_url=site.base_url, timeout=30, trust_env=False, verify=NO_TLS, event_hooks=hooks) as client:
        yield client
