"""Checks the JSON:API over HTTP: work items, agents, lists, events and the OpenAPI document."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV30SpecValidator

from deploy_tests.support.api_requests import NEW, Api, assigned_item, claim, new_agent, new_item, routes, take_step
from deploy_tests.support.application_facts import Facts
from deploy_tests.support.records import Resource, document
from deploy_tests.support.users import Users
from rollout.site import postgres

pytestmark = [
    pytest.mark.phase("server"),
    pytest.mark.needs("accounts", "features", "extras"),
    pytest.mark.timeout(120),
    pytest.mark.usefixtures("records_deleted"),
]

OpenApi = Mapping[Hashable, Any]
COLLECTIONS = ("/teams", "/agents", "/work-items", "/events")


def test_events_cannot_be_written_through_the_api(api: Api) -> None:
    sent = document("coordination_event", kind="made.up", subject_type="team", subject_id="none")
    assert api("operator").post("/events", json=sent).status_code in (403, 404, 405)


def test_a_team_is_created_read_updated_and_deleted(api: Api) -> None:
    operator = api("operator")
    team = Resource.of(operator.post("/teams", json=NEW["/teams"]()), 201)
    changed = operator.patch(f"/teams/{team.id}", json=document("team", known_as=team.id, title="Checks", weight=7))
    assert Resource.of(changed).attributes["weight"] == 7
    assert Resource.of(operator.get(f"/teams/{team.id}")).attributes["title"] == "Checks"
    assert operator.delete(f"/teams/{team.id}").status_code in (200, 204)
    assert operator.get(f"/teams/{team.id}").status_code == 404


def test_errors_point_to_the_invalid_field(api: Api) -> None:
    answer = api("operator").post("/teams", json=document("team", name="Not a name", weight=101))
    assert answer.status_code in (400, 422)
    pointers = " ".join(str(error.get("source", {}).get("pointer")) for error in answer.json()["errors"])
    assert "name" in pointers
    assert "weight" in pointers


def test_an_id_can_be_used_once(api: Api) -> None:
    sent = NEW["/agents"]()
    assert api("operator").post("/agents", json=sent).status_code == 201
    assert api("operator").post("/agents", json=sent).status_code in (400, 409, 422)


def test_an_agents_account_owns_what_it_registers(api: Api, users: Users, dev_database: postgres.Connection) -> None:
    agent = new_agent(api)
    row = dev_database.execute("SELECT account_id::text FROM agents WHERE id = %s", (agent.id,)).fetchone()
    assert row == (users.agent.id,)


def test_an_item_goes_from_pending_to_completed(api: Api) -> None:
    """The agent takes every step. The last step has the result."""
    agent, item = assigned_item(api)
    assert item.attributes["status"] == "claimed"
    assert Resource.of(take_step(api, "agent", item, "start")).attributes["status"] == "in_progress"
    assert Resource.of(take_step(api, "agent", item, "progress", progress=40)).attributes["progress"] == 40
    blocked = Resource.of(take_step(api, "agent", item, "block", reason="waits"))
    assert (blocked.attributes["status"], blocked.attributes["reason"]) == ("blocked", "waits")
    assert Resource.of(take_step(api, "agent", item, "unblock")).attributes["status"] == "in_progress"
    done = Resource.of(take_step(api, "agent", item, "complete", result={"answer": 42}))
    assert done.attributes["status"] == "completed"
    assert done.attributes["progress"] == 100
    assert done.attributes["result"] == {"answer": 42}
    assert Resource.of(api("operator").get(f"/agents/{agent.id}")).attributes["workload"] == 0


def test_completed_work_cannot_be_started_again(api: Api) -> None:
    _, item = assigned_item(api)
    Resource.of(take_step(api, "agent", item, "complete", result={}))
    assert take_step(api, "agent", item, "start").status_code in (400, 409, 422)


def test_failed_work_can_be_retried(api: Api) -> None:
    _, item = assigned_item(api)
    assert Resource.of(take_step(api, "agent", item, "fail", reason="did not work")).attributes["status"] == "failed"
    assert Resource.of(take_step(api, "operator", item, "retry")).attributes["status"] == "pending"


def test_cancelled_work_stays_cancelled(api: Api) -> None:
    item = new_item(api)
    assert Resource.of(take_step(api, "operator", item, "cancel")).attributes["status"] == "cancelled"
    assert take_step(api, "operator", item, "retry").status_code in (400, 409, 422)


def test_released_work_is_pending_again(api: Api) -> None:
    agent, item = assigned_item(api)
    assert Resource.of(take_step(api, "agent", item, "release")).attributes["status"] == "pending"
    assert Resource.of(api("operator").get(f"/agents/{agent.id}")).attributes["workload"] == 0


def test_an_agent_gets_no_more_work_than_its_capacity(api: Api) -> None:
    agent, _first = assigned_item(api)
    assert Resource.of(api("operator").get(f"/agents/{agent.id}")).attributes["status"] == "busy"
    second = take_step(api, "operator", new_item(api), "assign", agent_id=agent.id)
    assert second.status_code in (400, 409, 422), second.text[:300]


@pytest.mark.needs("swarm")
def test_claiming_returns_the_most_urgent_item(api: Api) -> None:
    """The next claim is refused: the agent has no capacity left."""
    agent = new_agent(api)
    for priority in ("low", "critical", "high"):
        sent = NEW["/work-items"]()
        sent["data"]["attributes"]["priority"] = priority
        Resource.of(api("operator").post("/work-items", json=sent), 201)
    given = Resource.of(claim(api, "agent", agent), 201)
    assert (given.attributes["status"], given.attributes["priority"]) == ("claimed", "critical")
    assert claim(api, "agent", agent).status_code in (400, 409, 422)


def test_work_waits_for_its_dependencies(api: Api) -> None:
    operator = api("operator")
    first = new_item(api)
    sent = NEW["/work-items"]()
    sent["data"]["attributes"]["depends_on"] = [first.attributes["work_item_id"]]
    second = Resource.of(operator.post("/work-items", json=sent), 201)
    agent = new_agent(api)
    early = take_step(api, "operator", second, "assign", agent_id=agent.id)
    assert early.status_code in (400, 409, 422)
    Resource.of(take_step(api, "operator", first, "assign", agent_id=agent.id))
    Resource.of(take_step(api, "agent", first, "complete", result={}))
    assert (
        Resource.of(take_step(api, "operator", second, "assign", agent_id=agent.id)).attributes["status"] == "claimed"
    )


def test_lists_are_filtered_sorted_and_paged(api: Api) -> None:
    for priority in ("low", "critical"):
        sent = NEW["/work-items"]()
        sent["data"]["attributes"]["priority"] = priority
        assert api("operator").post("/work-items", json=sent).status_code == 201
    asked = {"filter[priority]": "critical", "sort": "-work_item_id", "page[limit]": "1"}
    found = api("viewer").get("/work-items", params=asked).json()["data"]
    assert [each["attributes"]["priority"] for each in found] == ["critical"]


def test_every_change_leaves_an_event_with_its_actor(api: Api, users: Users) -> None:
    _, item = assigned_item(api)
    Resource.of(take_step(api, "agent", item, "start"))
    asked = {"filter[subject_id]": str(item.attributes["work_item_id"])}
    events = api("viewer").get("/events", params=asked).json()["data"]
    kinds = {event["attributes"]["kind"]: event["attributes"]["actor"] for event in events}
    assert {"work_item.add", "work_item.assign", "work_item.start"} <= kinds.keys()
    assert users.agent.email in kinds["work_item.start"] or users.agent.id in kinds["work_item.start"]


def test_versions_record_every_change(api: Api, dev_database: postgres.Connection) -> None:
    _, item = assigned_item(api)
    rows = dev_database.execute(
        "SELECT version_action_name FROM work_items_versions WHERE version_source_id = %s", (item.id,)
    ).fetchall()
    assert {"add", "assign"} <= {str(row[0]) for row in rows}


@pytest.fixture
def openapi(api: Api) -> OpenApi:
    """The OpenAPI document of the API."""
    answer = api("operator").get("/open_api")
    assert answer.status_code == 200, answer.text[:300]
    said: OpenApi = answer.json()
    return said


def test_the_openapi_document_is_valid(openapi: OpenApi) -> None:
    """Valid by OpenAPI's schema. Broken references are errors too."""
    assert str(openapi["openapi"]).startswith("3.")
    validator = OpenAPIV30SpecValidator(openapi)
    problems = [f"{each.json_path}: {each.message[:300]}" for each in validator.iter_errors()]
    assert problems == []


def test_the_openapi_document_has_every_route(openapi: OpenApi, facts: Facts) -> None:
    paths = {path.replace("{", ":").replace("}", ""): methods for path, methods in openapi["paths"].items()}
    documented = {(method, path.removeprefix("/api/json")) for path, methods in paths.items() for method in methods}
    assert routes(facts)
    assert routes(facts) - documented == set()


def test_the_openapi_document_has_no_secret(openapi: OpenApi) -> None:
    text = str(openapi)
    assert "hashed_password" not in text
    assert "api_key_hash" not in text


def test_no_response_has_a_secret(api: Api, users: Users) -> None:
    """No response has passwords, keys or hashes."""
    for place in COLLECTIONS:
        answer = api("operator").get(place)
        assert answer.status_code == 200, answer.text[:300]
        text = answer.text
        for secret in ("hashed_password", "api_key_hash", users.operator.password):
            assert secret not in text
