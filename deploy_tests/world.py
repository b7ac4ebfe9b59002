"""Teams, agents and work that the checks of the running system make, and that are gone when they are done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from rollout.deployment import Deployment
from rollout.site import postgres
from rollout.site.postgres import questions

PREFIX = "check-"
_GOES = (
    "DELETE FROM work_item_dependencies WHERE work_item_id IN (SELECT id FROM work_items)",
    "DELETE FROM work_items",
    "DELETE FROM agents",
    "UPDATE teams SET parent_id = NULL",
    "DELETE FROM teams",
)
_HISTORY = ("advices", "agents_versions", "work_items_versions", "coordination_events")


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


@pytest.fixture(scope="module")
def empty(deployment: Deployment) -> Iterator[None]:
    """What was coordinated by the checks of a module goes away with them; before them there was nothing."""
    yield
    site = deployment.site
    if site.database_digest(site.databases["dev"]) is None:
        return
    with site.database.connect(site.databases["dev"]) as connection:
        sweep(connection)


def sweep(connection: postgres.Connection) -> None:
    """Everything that is coordinated, and its history; as the server's own user, who may lift the trigger."""
    tables = set(questions.tables(connection))
    if not {"work_items", "work_item_dependencies", "agents", "teams"} <= tables:
        return
    with connection.transaction():
        connection.execute("SET LOCAL session_replication_role = replica")
        for statement in _GOES:
            connection.execute(statement)
        for table in _HISTORY:
            if table in tables:
                connection.execute(f"DELETE FROM {table}".encode())  # noqa: S608 - names of this file


Make = Callable[..., Thing]
