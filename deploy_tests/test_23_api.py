"""JSON:API, asked over HTTP: who may do what, the life of an item from beginning to end, and its description."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from deploy_tests.introspection import Facts
from deploy_tests.people import People
from deploy_tests.world import PREFIX, Thing, document
from rollout.site import postgres

pytestmark = [
    pytest.mark.phase("server"),
    pytest.mark.needs("accounts", "features", "extras"),
    pytest.mark.timeout(120),
    pytest.mark.usefixtures("empty"),
]

Api = Callable[[str], httpx.Client]
_number = itertools.count(1)
PLACES = ("/teams", "/agents", "/work-items", "/events")
REFUSED = (401, 403)
# What is sent to make one, by where it is sent.
NEW: dict[str, Callable[[], dict[str, Any]]] = {
    "/teams": lambda: document("team", name=_name("team")),
    "/agents": lambda: document("agent", agent_id=_name("agent"), name="A check"),
    "/work-items": lambda: document("work_item", work_item_id=_name("item"), type="check", description="A check"),
}
MAKERS = {"/teams": {"operator"}, "/agents": {"operator", "agent"}, "/work-items": {"operator"}}


def _name(kind: str) -> str:
    return f"{PREFIX}{kind}-{next(_number)}"


def _item(api: Api) -> Thing:
    return Thing.of(api("operator").post("/work-items", json=NEW["/work-items"]()), 201)


def _agent(api: Api, role: str = "agent", **more: object) -> Thing:
    """An agent that is registered by somebody of that role, and works."""
    made = document("agent", agent_id=_name("agent"), name="A check")
    made["data"]["attributes"].update(more)
    agent = Thing.of(api(role).post("/agents", json=made), 201)
    return Thing.of(api(role).patch(f"/agents/{agent.id}/activate", json=document("agent", known_as=agent.id)))


def _step(api: Api, role: str, item: Thing, step: str, **arguments: object) -> httpx.Response:
    sent = document("work_item", known_as=item.id, **arguments)
    return api(role).patch(f"/work-items/{item.id}/{step}", json=sent)


def _held(api: Api) -> tuple[Thing, Thing]:
    """An agent of the agents' account, and an item that an operator has assigned to it."""
    agent, item = _agent(api), _item(api)
    return agent, Thing.of(_step(api, "operator", item, "assign", agent_id=agent.id))


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("role", ["nobody", "viewer", "agent", "operator"])
def test_reading_is_for_whoever_is_known(role: str, place: str, api: Api) -> None:
    answer = api(role).get(place)
    if role == "nobody":
        assert answer.status_code in REFUSED
    else:
        assert answer.status_code == 200, answer.text[:300]
        assert isinstance(answer.json()["data"], list)


@pytest.mark.parametrize("place", sorted(NEW))
@pytest.mark.parametrize("role", ["nobody", "viewer", "agent", "operator"])
def test_making_is_for_whoever_may(role: str, place: str, api: Api) -> None:
    answer = api(role).post(place, json=NEW[place]())
    assert answer.status_code == 201 if role in MAKERS[place] else answer.status_code in REFUSED, answer.text[:300]


def test_nobody_writes_events(api: Api) -> None:
    sent = document("coordination_event", kind="made.up", subject_type="team", subject_id="none")
    assert api("operator").post("/events", json=sent).status_code in (403, 404, 405)


def test_a_team_is_made_read_changed_and_removed(api: Api) -> None:
    operator = api("operator")
    team = Thing.of(operator.post("/teams", json=NEW["/teams"]()), 201)
    changed = operator.patch(f"/teams/{team.id}", json=document("team", known_as=team.id, title="Checks", weight=7))
    assert Thing.of(changed).attributes["weight"] == 7
    assert Thing.of(operator.get(f"/teams/{team.id}")).attributes["title"] == "Checks"
    assert operator.delete(f"/teams/{team.id}").status_code in (200, 204)
    assert operator.get(f"/teams/{team.id}").status_code == 404


def test_what_is_wrong_is_said_with_its_place(api: Api) -> None:
    answer = api("operator").post("/teams", json=document("team", name="Not a name", weight=101))
    assert answer.status_code in (400, 422)
    pointers = " ".join(str(error.get("source", {}).get("pointer")) for error in answer.json()["errors"])
    assert "name" in pointers
    assert "weight" in pointers


def test_an_id_is_taken_once(api: Api) -> None:
    sent = NEW["/agents"]()
    assert api("operator").post("/agents", json=sent).status_code == 201
    assert api("operator").post("/agents", json=sent).status_code in (400, 409, 422)


def test_an_agents_account_owns_what_it_registers(api: Api, people: People, dev_database: postgres.Connection) -> None:
    agent = _agent(api)
    row = dev_database.execute("SELECT account_id::text FROM agents WHERE id = %s", (agent.id,)).fetchone()
    assert row == (people.agent.id,)


def test_an_item_lives_from_pending_to_completed(api: Api) -> None:
    """Every step is the agent's own; the last one says what came of it."""
    agent, item = _held(api)
    assert item.attributes["status"] == "claimed"
    assert Thing.of(_step(api, "agent", item, "start")).attributes["status"] == "in_progress"
    assert Thing.of(_step(api, "agent", item, "progress", progress=40)).attributes["progress"] == 40
    blocked = Thing.of(_step(api, "agent", item, "block", reason="waits"))
    assert (blocked.attributes["status"], blocked.attributes["reason"]) == ("blocked", "waits")
    assert Thing.of(_step(api, "agent", item, "unblock")).attributes["status"] == "in_progress"
    done = Thing.of(_step(api, "agent", item, "complete", result={"answer": 42}))
    assert done.attributes["status"] == "completed"
    assert done.attributes["progress"] == 100
    assert done.attributes["result"] == {"answer": 42}
    assert Thing.of(api("operator").get(f"/agents/{agent.id}")).attributes["workload"] == 0


def test_what_is_done_is_not_begun_again(api: Api) -> None:
    _, item = _held(api)
    Thing.of(_step(api, "agent", item, "complete", result={}))
    assert _step(api, "agent", item, "start").status_code in (400, 409, 422)


def test_what_has_failed_can_be_tried_again(api: Api) -> None:
    _, item = _held(api)
    assert Thing.of(_step(api, "agent", item, "fail", reason="did not work")).attributes["status"] == "failed"
    assert Thing.of(_step(api, "operator", item, "retry")).attributes["status"] == "pending"


def test_what_is_cancelled_stays_so(api: Api) -> None:
    item = _item(api)
    assert Thing.of(_step(api, "operator", item, "cancel")).attributes["status"] == "cancelled"
    assert _step(api, "operator", item, "retry").status_code in (400, 409, 422)


def test_what_is_released_waits_for_somebody_else(api: Api) -> None:
    agent, item = _held(api)
    assert Thing.of(_step(api, "agent", item, "release")).attributes["status"] == "pending"
    assert Thing.of(api("operator").get(f"/agents/{agent.id}")).attributes["workload"] == 0


def test_an_agent_gets_no_more_than_it_can_carry(api: Api) -> None:
    agent, _first = _held(api)
    assert Thing.of(api("operator").get(f"/agents/{agent.id}")).attributes["status"] == "busy"
    second = _step(api, "operator", _item(api), "assign", agent_id=agent.id)
    assert second.status_code in (400, 409, 422), second.text[:300]


def test_work_waits_for_what_it_depends_on(api: Api) -> None:
    operator = api("operator")
    first = _item(api)
    sent = NEW["/work-items"]()
    sent["data"]["attributes"]["depends_on"] = [first.attributes["work_item_id"]]
    second = Thing.of(operator.post("/work-items", json=sent), 201)
    agent = _agent(api)
    early = _step(api, "operator", second, "assign", agent_id=agent.id)
    assert early.status_code in (400, 409, 422)
    Thing.of(_step(api, "operator", first, "assign", agent_id=agent.id))
    Thing.of(_step(api, "agent", first, "complete", result={}))
    assert Thing.of(_step(api, "operator", second, "assign", agent_id=agent.id)).attributes["status"] == "claimed"


@pytest.mark.parametrize("step", ["start", "complete", "fail", "release", "cancel"])
@pytest.mark.parametrize("role", ["nobody", "viewer", "agent"])
def test_what_others_hold_is_left_alone(role: str, step: str, api: Api, dev_database: postgres.Connection) -> None:
    """The item is held by an agent that an operator has registered; whoever asks has none of their own here."""
    agent, item = _agent(api, "operator"), _item(api)
    Thing.of(_step(api, "operator", item, "assign", agent_id=agent.id))
    said: dict[str, dict[str, object]] = {"complete": {"result": {}}, "fail": {"reason": "no"}}
    arguments = said.get(step, {})
    assert _step(api, role, item, step, **arguments).status_code in (*REFUSED, 404)
    row = dev_database.execute("SELECT status FROM work_items WHERE id = %s", (item.id,)).fetchone()
    assert row == ("claimed",)


def test_a_heartbeat_is_the_agents_own(api: Api) -> None:
    own, other = _agent(api), _agent(api, "operator")
    beaten = Thing.of(api("agent").patch(f"/agents/{own.id}/heartbeat", json=document("agent", known_as=own.id)))
    assert beaten.attributes["last_heartbeat_at"]
    sent = document("agent", known_as=other.id)
    assert api("agent").patch(f"/agents/{other.id}/heartbeat", json=sent).status_code in (*REFUSED, 404)


def test_lists_are_filtered_sorted_and_paged(api: Api) -> None:
    for priority in ("low", "critical"):
        sent = NEW["/work-items"]()
        sent["data"]["attributes"]["priority"] = priority
        assert api("operator").post("/work-items", json=sent).status_code == 201
    asked = {"filter[priority]": "critical", "sort": "-work_item_id", "page[limit]": "1"}
    found = api("viewer").get("/work-items", params=asked).json()["data"]
    assert [each["attributes"]["priority"] for each in found] == ["critical"]


def test_everything_leaves_an_event_with_who_did_it(api: Api, people: People) -> None:
    _, item = _held(api)
    Thing.of(_step(api, "agent", item, "start"))
    asked = {"filter[subject_id]": str(item.attributes["work_item_id"])}
    events = api("viewer").get("/events", params=asked).json()["data"]
    kinds = {event["attributes"]["kind"]: event["attributes"]["actor"] for event in events}
    assert {"work_item.add", "work_item.assign", "work_item.start"} <= kinds.keys()
    assert people.agent.email in kinds["work_item.start"] or people.agent.id in kinds["work_item.start"]


def test_versions_say_what_changed(api: Api, dev_database: postgres.Connection) -> None:
    _, item = _held(api)
    rows = dev_database.execute(
        "SELECT version_action_name FROM work_items_versions WHERE version_source_id = %s", (item.id,)
    ).fetchall()
    assert {"add", "assign"} <= {str(row[0]) for row in rows}


def test_the_api_describes_itself(api: Api, facts: Facts) -> None:
    """OpenAPI 3, with every route in it, and no reference to what it does not hold."""
    answer = api("operator").get("/open_api")
    assert answer.status_code == 200
    described = answer.json()
    assert str(described["openapi"]).startswith("3.")
    text = answer.text
    paths = {path.replace("{", ":").replace("}", "") for path in described["paths"]}
    routes = {
        route["route"]
        for domain in facts["domains"].values()
        for found in domain["resources"].values()
        for route in (found["api"] or {}).get("routes", ())
    }
    assert routes
    assert {route for route in routes if not any(path.endswith(route) for path in paths)} == set()
    for reference in set(_references(described)):
        place: Any = described
        for part in reference.removeprefix("#/").split("/"):
            place = place[part.replace("~1", "/").replace("~0", "~")]
    assert "hashed_password" not in text
    assert "api_key_hash" not in text


def _references(value: object) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [found for each in value.values() for found in _references(each)]
    if isinstance(value, list):
        return [found for each in value for found in _references(each)]
    return []


def test_no_answer_carries_a_secret(api: Api, people: People) -> None:
    """Nothing of users, keys and hashes comes out, whatever is included."""
    for place in PLACES:
        text = api("operator").get(place).text
        for secret in ("hashed_password", "api_key_hash", people.operator.password):
            assert secret not in text
