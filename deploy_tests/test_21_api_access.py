"""Checks of access to the JSON:API: which roles may use which route."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from deploy_tests.support.api_requests import KIND, NEW, Api, new_agent, new_item, routes, take_step
from deploy_tests.support.application_facts import Facts
from deploy_tests.support.records import Resource, document
from rollout.site import postgres
from rollout.site.postgres import queries

pytestmark = [
    pytest.mark.phase("server"),
    pytest.mark.needs("accounts", "features", "extras"),
    pytest.mark.timeout(120),
    pytest.mark.usefixtures("records_deleted"),
]

Rows = list[tuple[object, ...]]
# In the order of the requests. A stranger is an agent's account that acts on an agent of an operator.
ROLES = ("nobody", "viewer", "stranger", "agent", "operator")
OWNED = ("/agents", "/work-items")
DONE, REFUSED = "done", "refused"
SIGNED_IN, OPERATORS, OWNERS = frozenset(ROLES[1:]), frozenset({"operator"}), frozenset({"agent", "operator"})
# Route → roles that may use it. A route that is missing here fails a check.
ACCESS = {
    ("get", "/teams"): SIGNED_IN,
    ("get", "/teams/:id"): SIGNED_IN,
    ("post", "/teams"): OPERATORS,
    ("patch", "/teams/:id"): OPERATORS,
    ("delete", "/teams/:id"): OPERATORS,
    ("get", "/agents"): SIGNED_IN,
    ("get", "/agents/:id"): SIGNED_IN,
    ("post", "/agents"): OWNERS | {"stranger"},
    ("patch", "/agents/:id"): OPERATORS,
    ("delete", "/agents/:id"): OPERATORS,
    ("patch", "/agents/:id/status"): OWNERS,
    ("patch", "/agents/:id/heartbeat"): OWNERS,
    ("patch", "/agents/:id/activate"): OWNERS,
    ("patch", "/agents/:id/maintenance"): OWNERS,
    ("patch", "/agents/:id/offline"): OWNERS,
    ("get", "/work-items"): SIGNED_IN,
    ("get", "/work-items/:id"): SIGNED_IN,
    ("post", "/work-items"): OPERATORS,
    ("post", "/work-items/claim"): OWNERS,
    ("patch", "/work-items/:id"): OPERATORS,
    ("delete", "/work-items/:id"): OPERATORS,
    ("patch", "/work-items/:id/assign"): OPERATORS,
    ("patch", "/work-items/:id/start"): OWNERS,
    ("patch", "/work-items/:id/progress"): OWNERS,
    ("patch", "/work-items/:id/block"): OWNERS,
    ("patch", "/work-items/:id/unblock"): OWNERS,
    ("patch", "/work-items/:id/complete"): OWNERS,
    ("patch", "/work-items/:id/fail"): OWNERS,
    ("patch", "/work-items/:id/cancel"): OPERATORS,
    ("patch", "/work-items/:id/release"): OWNERS,
    ("patch", "/work-items/:id/retry"): OPERATORS,
    ("get", "/events"): SIGNED_IN,
    ("get", "/events/:id"): SIGNED_IN,
}
# Attributes of a request, by route or by the end of a route.
ATTRIBUTES: dict[str, dict[str, object]] = {
    "/teams/:id": {"title": "Changed"},
    "/agents/:id": {"name": "Changed"},
    "/work-items/:id": {"description": "Changed"},
    "status": {"status": "active"},
    "progress": {"progress": 40},
    "block": {"reason": "waits"},
    "complete": {"result": {}},
    "fail": {"reason": "no"},
}
# Steps that an operator takes first, by the step that is checked.
BEFORE = {
    **dict.fromkeys(("start", "block", "complete", "fail", "release"), ("assign",)),
    "progress": ("assign", "start"),
    "unblock": ("assign", "block"),
    "retry": ("assign", "fail"),
}


def _subject(api: Api, route: str, owner: str) -> tuple[Resource, Resource | None]:
    """The thing that `route` acts on, and the agent of `owner` that belongs to it."""
    if route.startswith("/teams"):
        return Resource.of(api("operator").post("/teams", json=NEW["/teams"]()), 201), None
    if route.startswith("/agents"):
        return Resource.of(api(owner).post("/agents", json=NEW["/agents"]()), 201), None
    if route.startswith("/events"):
        new_item(api)
        event = api("operator").get("/events", params={"page[limit]": "1"}).json()["data"][0]
        return Resource(type=event["type"], id=event["id"], attributes=event["attributes"]), None
    agent, item = new_agent(api, owner), new_item(api)
    for step in BEFORE.get(route.rpartition("/")[2], ()):
        item = Resource.of(take_step(api, "operator", item, step, **_attributes(step, agent)))
    return item, agent


def _attributes(step: str, agent: Resource | None) -> dict[str, object]:
    """The attributes of a request."""
    return {"agent_id": agent.id} if agent and step == "assign" else ATTRIBUTES.get(step, {})


def _document(method: str, route: str, thing: Resource, agent: Resource | None) -> dict[str, Any] | None:
    if method in ("get", "delete"):
        return None
    if route == "/work-items/claim" and agent:
        return document("work_item", agent_id=agent.attributes["agent_id"], types=[KIND])
    if method == "post":
        return NEW[route]()
    step = route if route in ATTRIBUTES else route.rpartition("/")[2]
    return document(thing.type, known_as=thing.id, **_attributes(step, agent))


def _state(database: postgres.Connection, *things: Resource | None) -> Rows:
    """The number of rows of each table, and all columns of these things."""
    tables = ("teams", "agents", "work_items")
    ids = [thing.id for thing in things if thing]
    counts = [(table, queries.rows(database, table)) for table in tables]
    found = [
        row
        for table in tables
        for row in database.execute(f"SELECT t::text FROM {table} t WHERE id = ANY(%s::uuid[])".encode(), (ids,))  # noqa: S608 - names of this check
    ]
    return [*counts, *sorted(found)]


@pytest.mark.parametrize("asked", ACCESS, ids=" ".join)
def test_route_access(asked: tuple[str, str], api: Api, facts: Facts, dev_database: postgres.Connection) -> None:
    """Allowed roles succeed. Other roles are refused, and nothing has changed."""
    method, route = asked
    if asked not in routes(facts):
        pytest.skip(f"{method} {route} is not routed in this deployment")
    theirs = _subject(api, route, "operator")
    its_own = _subject(api, route, "agent") if route.startswith(OWNED) else theirs
    found = {}
    for role in ROLES:
        thing, agent = its_own if role == "agent" else theirs
        before = _state(dev_database, thing, agent)
        as_whom = api("agent" if role == "stranger" else role)
        answer = as_whom.request(method, route.replace(":id", thing.id), json=_document(method, route, thing, agent))
        found[role] = _outcome(answer)
        if (found[role] == REFUSED or method == "get") and _state(dev_database, thing, agent) != before:
            found[role] += ", but something has changed"
    assert found == {role: DONE if role in ACCESS[asked] else REFUSED for role in ROLES}


def _outcome(answer: httpx.Response) -> str:
    if answer.is_success:
        return DONE
    return REFUSED if answer.status_code in (401, 403, 404) else f"{answer.status_code} {answer.text[:300]}"


def test_every_route_has_an_access_rule(facts: Facts) -> None:
    assert routes(facts) - ACCESS.keys() == set()
