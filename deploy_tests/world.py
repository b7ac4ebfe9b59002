"""Teams, agents and work that the checks of the running system make, and that are gone when they are done."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import psycopg
import pytest
import tenacity
from psycopg import sql

from rollout.deployment import Deployment
from rollout.process import Outcome
from rollout.site import postgres
from rollout.site.postgres import questions
from rollout.step import Step
from suite.phases import require

PREFIX = "check-"
_COORDINATED = {"coordination_events", "work_item_dependencies", "work_items", "agents", "teams"}
# In the order of the foreign keys; the record of what happened first, whose trigger the owner lifts for that long.
_GOES = (
    ("coordination_events", "ALTER TABLE coordination_events DISABLE TRIGGER USER"),
    ("coordination_events", "DELETE FROM coordination_events"),
    ("advices", "DELETE FROM advices"),
    ("work_items_versions", "DELETE FROM work_items_versions"),
    ("agents_versions", "DELETE FROM agents_versions"),
    ("work_item_dependencies", "DELETE FROM work_item_dependencies"),
    ("work_items", "DELETE FROM work_items"),
    ("agents", "DELETE FROM agents"),
    ("teams", "UPDATE teams SET parent_id = NULL"),
    ("teams", "DELETE FROM teams"),
    ("oban_jobs", "DELETE FROM oban_jobs WHERE state <> 'executing'"),
    ("coordination_events", "ALTER TABLE coordination_events ENABLE TRIGGER USER"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """A resource as JSON:API shows it."""

    type: str
    id: str
    attributes: dict[str, Any]

    @classmethod
    def of(cls, answer: httpx.Response, status: int = 200) -> Thing:
        assert answer.status_code == status, (
            f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text[:800]}"
        )
        data = answer.json()["data"]
        return cls(type=data["type"], id=data["id"], attributes=data["attributes"])


def document(kind: str, /, *, known_as: str = "", **attributes: object) -> dict[str, Any]:
    """What JSON:API is sent."""
    return {"data": {"type": kind, **({"id": known_as} if known_as else {}), "attributes": attributes}}


def run_in_forge(deployment: Deployment, *argv: str, **how: Any) -> Outcome:
    """Run a command in the forge, for a fixture that outlives a check; `how` as `Step.run` takes it."""
    answering = deployment.plan.answering("server")
    assert answering is not None
    return Step(deployment.site, deployment.plan, answering).run(*argv, **how)


@pytest.fixture(scope="module")
def empty(request: pytest.FixtureRequest, deployment: Deployment) -> Iterator[None]:
    """When the checks of a module are done, nothing is coordinated any more: not what they made, nor anything else."""
    require(request, "server")
    yield
    site = deployment.site
    if site.database_digest(site.databases["dev"]) is None:
        return
    with site.database.connect(site.databases["dev"]) as connection:
        sweep(connection)


# The server's jobs lock the same rows in an order of their own.
@tenacity.retry(
    retry=tenacity.retry_if_exception_type(psycopg.errors.DeadlockDetected),
    stop=tenacity.stop_after_attempt(3),
    reraise=True,
)
def sweep(connection: postgres.Connection) -> None:
    """Everything that is coordinated, its history, and the jobs that do not run at this moment.

    As the role that owns the tables, of which the administrator is a member: it needs to be no superuser.
    """
    tables = set(questions.tables(connection))
    if not tables >= _COORDINATED:
        return
    owner = connection.execute("SELECT tableowner FROM pg_tables WHERE tablename = 'coordination_events'").fetchone()
    assert owner is not None
    with connection.transaction():
        connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(str(owner[0]))))
        for table, statement in _GOES:
            if table in tables:
                connection.execute(statement)
