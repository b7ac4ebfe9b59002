"""JSON:API, asked over HTTP: who may do what, the life of an item from beginning to end, and its description."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable, Mapping
from typing import Any

import httpx
import pytest
from openapi_spec_validator import OpenAPIV30SpecValidator

from deploy_tests.support.application_facts import Facts
from deploy_tests.support.records import PREFIX, Thing, document
from deploy_tests.support.users import People
from rollout.site import postgres
from rollout.site.postgres import queries

pytestmark = [
    pytest.mark.phase("server"),
    pytest.mark.needs("accounts", "features", "extras"),
    pytest.mark.timeout(120),
    pytest.mark.usefixtures("empty"),
]

Api = Callable[[str], httpx.Client]
Described = Mapping[Hashable, Any]
Rows = list[tuple[object, ...]]
_number = itertools.count(1)
KIND = f"{PREFIX}kind"  # of work: what somebody else has waiting is not claimed
PLACES = ("/teams", "/agents", "/work-items", "/events")
# What is sent to make one, by where it is sent.
NEW: dict[str, Callable[[], dict[str, Any]]] = {
    "/teams": lambda: document("team", name=_name("team")),
    "/agents": lambda: document("agent", agent_id=_name("agent"), name="A check"),
    "/work-items": lambda: document("work_item", work_item_id=_name("item"), type=KIND, description="A check"),
}

# In the order in which they are asked. A stranger is an agents' account as well, but asks about what has to do with an
# agent of an operator.
ROLES = ("nobody", "viewer", "stranger", "agent", "operator")
OWNED = ("/agents", "/work-items")
DONE, REFUSED = "done", "refused"
KNOWN, OPERATORS, ITS_OWN = frozenset(ROLES[1:]), frozenset({"operator"}), frozenset({"agent", "operator"})
# Who may. A route that is not here fails a check: somebody has to decide about it.
WHO = {
    ("get", "/teams"): KNOWN,
    ("get", "/teams/:id"): KNOWN,
    ("post", "/teams"): OPERATORS,
    ("patch", "/teams/:id"): OPERATORS,
    ("delete", "/teams/:id"): OPERATORS,
    ("get", "/agents"): KNOWN,
    ("get", "/agents/:id"): KNOWN,
    ("post", "/agents"): ITS_OWN | {"stranger"},
    ("patch", "/agents/:id"): OPERATORS,
    ("delete", "/agents/:id"): OPERATORS,
    ("patch", "/agents/:id/status"): ITS_OWN,
    ("patch", "/agents/:id/heartbeat"): ITS_OWN,
    ("patch", "/agents/:id/activate"): ITS_OWN,
    ("patch", "/agents/:id/maintenance"): ITS_OWN,
    ("patch", "/agents/:id/offline"): ITS_OWN,
    ("get", "/work-items"): KNOWN,
    ("get", "/work-items/:id"): KNOWN,
    ("post", "/work-items"): OPERATORS,
    ("post", "/work-items/claim"): ITS_OWN,
    ("patch", "/work-items/:id"): OPERATORS,
    ("delete", "/work-items/:id"): OPERATORS,
    ("patch", "/work-items/:id/assign"): OPERATORS,
    ("patch", "/work-items/:id/start"): ITS_OWN,
    ("patch", "/work-items/:id/progress"): ITS_OWN,
    ("patch", "/work-items/:id/block"): ITS_OWN,
    ("patch", "/work-items/:id/unblock"): ITS_OWN,
    ("patch", "/work-items/:id/complete"): ITS_OWN,
    ("patch", "/work-items/:id/fail"): ITS_OWN,
    ("patch", "/work-items/:id/cancel"): OPERATORS,
    ("patch", "/work-items/:id/release"): ITS_OWN,
    ("patch", "/work-items/:id/retry"): OPERATORS,
    ("get", "/events"): KNOWN,
    ("get", "/events/:id"): KNOWN,
}
# What is sent along, by the route or its end.
SAID: dict[str, dict[str, object]] = {
    "/teams/:id": {"title": "Changed"},
    "/agents/:id": {"name": "Changed"},
    "/work-items/:id": {"description": "Changed"},
    "status": {"status": "active"},
    "progress": {"progress": 40},
    "block": {"reason": "waits"},
    "complete": {"result": {}},
    "fail": {"reason": "no"},
}
# What an operator does with an item before, so that the step can be taken.
BEFORE = {
    **dict.fromkeys(("start", "block", "complete", "fail", "release"), ("assign",)),
    "progress": ("assign", "start"),
    "unblock": ("assign", "block"),
    "retry": ("assign", "fail"),
}


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


def _claim(api: Api, role: str, agent: Thing) -> httpx.Response:
    """Ask for work in the name of an agent."""
    sent = document("work_item", agent_id=agent.attributes["agent_id"], types=[KIND])
    return api(role).post("/work-items/claim", json=sent)


def _held(api: Api) -> tuple[Thing, Thing]:
    """An agent of the agents' account, and an item that an operator has assigned to it."""
    agent, item = _agent(api), _item(api)
    return agent, Thing.of(_step(api, "operator", item, "assign", agent_id=agent.id))


def _routes(facts: Facts) -> set[tuple[str, str]]:
    return {
        (route["method"], route["route"])
        for domain in facts["domains"].values()
        for found in domain["resources"].values()
        for route in (found["api"] or {}).get("routes", ())
    }


def _asked_about(api: Api, route: str, owner: str) -> tuple[Thing, Thing | None]:
    """What `route` can be asked about, and the agent of `owner` that it has to do with."""
    if route.startswith("/teams"):
        return Thing.of(api("operator").post("/teams", json=NEW["/teams"]()), 201), None
    if route.startswith("/agents"):
        return Thing.of(api(owner).post("/agents", json=NEW["/agents"]()), 201), None
    if route.startswith("/events"):
        _item(api)
        event = api("operator").get("/events", params={"page[limit]": "1"}).json()["data"][0]
        return Thing(type=event["type"], id=event["id"], attributes=event["attributes"]), None
    agent, item = _agent(api, owner), _item(api)
    for step in BEFORE.get(route.rpartition("/")[2], ()):
        item = Thing.of(_step(api, "operator", item, step, **_said(step, agent)))
    return item, agent


def _said(step: str, agent: Thing | None) -> dict[str, object]:
    """The attributes that a step is sent with."""
    return {"agent_id": agent.id} if agent and step == "assign" else SAID.get(step, {})


def _sent(method: str, route: str, thing: Thing, agent: Thing | None) -> dict[str, Any] | None:
    if method in ("get", "delete"):
        return None
    if route == "/work-items/claim" and agent:
        return document("work_item", agent_id=agent.attributes["agent_id"], types=[KIND])
    if method == "post":
        return NEW[route]()
    return document(thing.type, known_as=thing.id, **_said(route if route in SAID else route.rpartition("/")[2], agent))


def _state(database: postgres.Connection, *things: Thing | None) -> Rows:
    """Of every table how much there is; of these things everything."""
    tables = ("teams", "agents", "work_items")
    ids = [thing.id for thing in things if thing]
    counts = [(table, queries.rows(database, table)) for table in tables]
    found = [
        row
        for table in tables
        for row in database.execute(f"SELECT t::text FROM {table} t WHERE id = ANY(%s::uuid[])".encode(), (ids,))  # noqa: S608 - names of this check
    ]
    return [*counts, *sorted(found)]


@pytest.mark.parametrize("asked", WHO, ids=" ".join)
def test_a_route_is_for_whoever_may(
    asked: tuple[str, str], api: Api, facts: Facts, dev_database: postgres.Connection
) -> None:
    """They can, for what is asked about allows it; whoever may not is refused, and then nothing has changed."""
    method, route = asked
    if asked not in _routes(facts):
        pytest.skip(f"{method} {route} is not routed in this deployment")
    theirs = _asked_about(api, route, "operator")
    its_own = _asked_about(api, route, "agent") if route.startswith(OWNED) else theirs
    found = {}
    for role in ROLES:
        thing, agent = its_own if role == "agent" else theirs
        before = _state(dev_database, thing, agent)
        as_whom = api("agent" if role == "stranger" else role)
        answer = as_whom.request(method, route.replace(":id", thing.id), json=_sent(method, route, thing, agent))
        found[role] = _meaning(answer)
        if (found[role] == REFUSED or method == "get") and _state(dev_database, thing, agent) != before:
            found[role] += ", but something has changed"
    assert found == {role: DONE if role in WHO[asked] else REFUSED for role in ROLES}


def _meaning(answer: httpx.Response) -> str:
    if answer.is_success:
        return DONE
    return REFUSED if answer.status_code in (401, 403, 404) else f"{answer.status_code} {answer.text[:300]}"


def test_somebody_has_decided_about_every_route(facts: Facts) -> None:
    assert _routes(facts) - WHO.keys() == set()


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


@pytest.mark.needs("swarm")
def test_an_agent_that_asks_for_work_gets_the_best(api: Api) -> None:
    """The most urgent item there is; then it is told that it has no room."""
    agent = _agent(api)
    for priority in ("low", "critical", "high"):
        sent = NEW["/work-items"]()
        sent["data"]["attributes"]["priority"] = priority
        Thing.of(api("operator").post("/work-items", json=sent), 201)
    given = Thing.of(_claim(api, "agent", agent), 201)
    assert (given.attributes["status"], given.attributes["priority"]) == ("claimed", "critical")
    assert _claim(api, "agent", agent).status_code in (400, 409, 422)


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


@pytest.fixture
def described(api: Api) -> Described:
    """What the API says of itself."""
    answer = api("operator").get("/open_api")
    assert answer.status_code == 200, answer.text[:300]
    said: Described = answer.json()
    return said


def test_the_description_is_valid_openapi(described: Described) -> None:
    """By OpenAPI's own schema; references to what it does not hold are errors as well."""
    assert str(described["openapi"]).startswith("3.")
    validator = OpenAPIV30SpecValidator(described)
    problems = [f"{each.json_path}: {each.message[:300]}" for each in validator.iter_errors()]
    assert problems == []


def test_the_description_has_every_route(described: Described, facts: Facts) -> None:
    paths = {path.replace("{", ":").replace("}", ""): methods for path, methods in described["paths"].items()}
    told = {(method, path.removeprefix("/api/json")) for path, methods in paths.items() for method in methods}
    assert _routes(facts)
    assert _routes(facts) - told == set()


def test_the_description_has_nothing_that_is_secret(described: Described) -> None:
    text = str(described)
    assert "hashed_password" not in text
    assert "api_key_hash" not in text


def test_no_answer_carries_a_secret(api: Api, people: People) -> None:
    """Nothing of users, keys and hashes comes out, whatever is included."""
    for place in PLACES:
        answer = api("operator").get(place)
        assert answer.status_code == 200, answer.text[:300]
        text = answer.text
        for secret in ("hashed_password", "api_key_hash", people.operator.password):
            assert secret not in text
