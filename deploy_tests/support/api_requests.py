"""Requests to XAVOS' JSON:API that several modules of checks send."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import httpx

from deploy_tests.support.application_facts import Facts
from deploy_tests.support.records import PREFIX, Resource, document

Api = Callable[[str], httpx.Client]
_number = itertools.count(1)
KIND = f"{PREFIX}kind"  # type of work: pending work of others is not claimed
# Documents that create a record, by route.
NEW: dict[str, Callable[[], dict[str, Any]]] = {
    "/teams": lambda: document("team", name=new_name("team")),
    "/agents": lambda: document("agent", agent_id=new_name("agent"), name="A check"),
    "/work-items": lambda: document("work_item", work_item_id=new_name("item"), type=KIND, description="A check"),
}


def new_name(kind: str) -> str:
    """A name that no record has yet."""
    return f"{PREFIX}{kind}-{next(_number)}"


def new_item(api: Api) -> Resource:
    """Create a pending item."""
    return Resource.of(api("operator").post("/work-items", json=NEW["/work-items"]()), 201)


def new_agent(api: Api, role: str = "agent", **more: object) -> Resource:
    """Register an agent as that role and activate it."""
    sent = document("agent", agent_id=new_name("agent"), name="A check")
    sent["data"]["attributes"].update(more)
    agent = Resource.of(api(role).post("/agents", json=sent), 201)
    return Resource.of(api(role).patch(f"/agents/{agent.id}/activate", json=document("agent", known_as=agent.id)))


def take_step(api: Api, role: str, item: Resource, step: str, **arguments: object) -> httpx.Response:
    """Send a transition of a work item."""
    sent = document("work_item", known_as=item.id, **arguments)
    return api(role).patch(f"/work-items/{item.id}/{step}", json=sent)


def claim(api: Api, role: str, agent: Resource) -> httpx.Response:
    """Claim work for an agent."""
    sent = document("work_item", agent_id=agent.attributes["agent_id"], types=[KIND])
    return api(role).post("/work-items/claim", json=sent)


def assigned_item(api: Api) -> tuple[Resource, Resource]:
    """An agent of the agents' account, and an item that an operator assigned to it."""
    agent, item = new_agent(api), new_item(api)
    return agent, Resource.of(take_step(api, "operator", item, "assign", agent_id=agent.id))


def routes(facts: Facts) -> set[tuple[str, str]]:
    """Method and route of every route of the JSON:API."""
    return {
        (route["method"], route["route"])
        for domain in facts["domains"].values()
        for found in domain["resources"].values()
        for route in (found["api"] or {}).get("routes", ())
    }
