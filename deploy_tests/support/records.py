"""Creates the teams, agents and work items that the checks need, and removes them afterwards.

Only records of the checks are deleted: they may run against a XAVOS that people use.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import psycopg
import pytest
import tenacity
from psycopg import sql

from rollout.deployment.deployment import Deployment
from rollout.phases.step import Step
from rollout.process import Outcome
from rollout.site import postgres
from rollout.site.postgres import queries
from suite.phases import require

# All records of this run's checks have this prefix, and no others have it.
PREFIX = f"check-{secrets.token_hex(4)}-"
# A swarm names items and agents after its run. The names of its teams are always the same.
_SWARM_TEAM = "^swarm(-[0-9]+)?$"
_COORDINATED = {"coordination_events", "work_item_dependencies", "work_items", "agents", "teams"}
_OURS = {
    "work_items": "SELECT id, work_item_id FROM work_items WHERE starts_with(work_item_id, %(ours)s)"
    " OR starts_with(work_item_id, %(swarms_items)s)",
    "agents": "SELECT id, agent_id FROM agents WHERE starts_with(agent_id, %(ours)s)"
    " OR starts_with(agent_id, %(swarms_agents)s)",
    "teams": "SELECT id, name FROM teams WHERE starts_with(name, %(ours)s)"
    " OR (name ~ %(swarms_teams)s AND id <> ALL(%(known)s))",
    "advices": "SELECT id, '' FROM advices WHERE id = ANY(%(advices)s)",
}
# In the order of the foreign keys. Events come first; their owner disables the trigger meanwhile.
_GOES = (
    ("coordination_events", "ALTER TABLE coordination_events DISABLE TRIGGER USER"),
    # Records that a check has deleted itself left events with their names.
    (
        "coordination_events",
        "DELETE FROM coordination_events WHERE subject_id = ANY(%(names)s) OR strpos(subject_id, %(ours)s) > 0",
    ),
    ("advices", "DELETE FROM advices WHERE id = ANY(%(ids)s)"),
    ("work_items_versions", "DELETE FROM work_items_versions WHERE version_source_id = ANY(%(ids)s)"),
    ("agents_versions", "DELETE FROM agents_versions WHERE version_source_id = ANY(%(ids)s)"),
    ("work_item_dependencies", "DELETE FROM work_item_dependencies WHERE work_item_id = ANY(%(ids)s)"),
    ("work_items", "DELETE FROM work_items WHERE id = ANY(%(ids)s)"),
    ("agents", "DELETE FROM agents WHERE id = ANY(%(ids)s)"),
    ("teams", "UPDATE teams SET parent_id = NULL WHERE id = ANY(%(ids)s) AND parent_id = ANY(%(ids)s)"),
    ("teams", "DELETE FROM teams WHERE id = ANY(%(ids)s)"),
    ("oban_jobs", "DELETE FROM oban_jobs WHERE state <> 'executing' AND args #>> '{primary_key,id}' = ANY(%(texts)s)"),
    ("coordination_events", "ALTER TABLE coordination_events ENABLE TRIGGER USER"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A resource object of JSON:API."""

    type: str
    id: str
    attributes: dict[str, Any]

    @classmethod
    def of(cls, answer: httpx.Response, status: int = 200) -> Resource:
        assert answer.status_code == status, (
            f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text[:800]}"
        )
        data = answer.json()["data"]
        return cls(type=data["type"], id=data["id"], attributes=data["attributes"])


def document(kind: str, /, *, known_as: str = "", **attributes: object) -> dict[str, Any]:
    """A request document of JSON:API."""
    return {"data": {"type": kind, **({"id": known_as} if known_as else {}), "attributes": attributes}}


def run_in_forge(deployment: Deployment, *argv: str, **how: Any) -> Outcome:
    """Run a command in the forge for a session fixture. `how`: keywords of `Step.run`."""
    answering = deployment.plan.phase_for("server")
    assert answering is not None
    return Step(deployment.site, deployment.plan, answering).run(*argv, **how)


@dataclass(slots=True, kw_only=True)
class CreatedRecords:
    """Records that cannot be found by name: advice, and teams of swarms. `known_teams` existed before."""

    known_teams: list[uuid.UUID] = field(default_factory=list)
    advices: list[uuid.UUID] = field(default_factory=list)


@pytest.fixture(scope="session")
def created(request: pytest.FixtureRequest, deployment: Deployment) -> CreatedRecords:
    """Note which teams exist before the checks: they are not ours."""
    if deployment.plan.phase_for("migrations"):  # a module of checks that runs alone asks for this before its phase
        require(request, "migrations")
    site = deployment.site
    if site.database_digest(site.databases["dev"]) is None:
        return CreatedRecords()
    with site.database.connect(site.databases["dev"]) as connection:
        if "teams" not in queries.tables(connection):
            return CreatedRecords()
        teams = connection.execute("SELECT id FROM teams")
        return CreatedRecords(known_teams=[uuid.UUID(str(row[0])) for row in teams])


@pytest.fixture(scope="module")
def records_deleted(request: pytest.FixtureRequest, deployment: Deployment, created: CreatedRecords) -> Iterator[None]:
    """Remove the records of a module's checks after them, and nothing else."""
    require(request, "server")
    request.getfixturevalue("bystanders")
    yield
    site = deployment.site
    if site.database_digest(site.databases["dev"]) is None:
        return
    with site.database.connect(site.databases["dev"]) as connection:
        delete_records(connection, created)


# The server's jobs lock the same rows in another order, so a deadlock is possible.
@tenacity.retry(
    retry=tenacity.retry_if_exception_type(psycopg.errors.DeadlockDetected),
    stop=tenacity.stop_after_attempt(3),
    reraise=True,
)
def delete_records(connection: postgres.Connection, created: CreatedRecords) -> None:
    """Delete the records of this run's checks, their history, and their jobs that are not running.

    It acts as the owner of the tables. The administrator is a member of that role and needs no superuser rights.
    """
    tables = set(queries.tables(connection))
    if not tables >= _COORDINATED:
        return
    with connection.transaction():
        as_owner(connection)
        found = _ours(connection, created, tables)
        for table, statement in _GOES:
            if table in tables:
                connection.execute(statement.encode(), found if "%(" in statement else None)


def as_owner(connection: postgres.Connection) -> None:
    """Use the role that owns the tables for the rest of the transaction."""
    owner = connection.execute("SELECT tableowner FROM pg_tables WHERE tablename = 'coordination_events'").fetchone()
    assert owner is not None
    connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(str(owner[0]))))


def _ours(connection: postgres.Connection, created: CreatedRecords, tables: set[str]) -> dict[str, Any]:
    """Query parameters that find the rows of the checks: their ids, and their names in the events."""
    asked = {
        "ours": PREFIX, "swarms_items": f"SWARM-{PREFIX}", "swarms_agents": f"swarm-{PREFIX}",
        "swarms_teams": _SWARM_TEAM, "known": created.known_teams, "advices": created.advices,
    }  # fmt: skip
    rows = [
        row
        for table, statement in _OURS.items()
        if table in tables
        for row in connection.execute(statement.encode(), asked).fetchall()
    ]
    ids = [row[0] for row in rows]
    texts = [str(each) for each in ids]
    names = [str(row[1]) for row in rows if row[1]] + texts
    return {"ours": PREFIX, "ids": ids, "texts": texts, "names": names}
