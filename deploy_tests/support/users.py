"""People for the checks of the running system: one of every role, with passwords and keys that only this run knows."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import LiteralString

import httpx
import pytest
from psycopg import sql

from rollout.deployment.deployment import Deployment
from rollout.deployment.server import NO_TLS
from rollout.phases.step import Step
from rollout.site import postgres
from rollout.site.postgres import queries
from rollout.site.site import Site
from suite.phases import require

SCRIPT = Path(__file__).with_name("elixir") / "people.exs"
# Of this run alone: whoever has an address below it goes away when the checks are done.
DOMAIN = f"{token_hex(4)}.checks.example.org"
JSON_API = "application/vnd.api+json"
_POINT_TO_USERS = """SELECT c.relname, a.attname FROM pg_constraint f JOIN pg_class c ON c.oid = f.conrelid
   JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = f.conkey[1]
   WHERE f.contype = 'f' AND f.confrelid = 'public.users'::regclass"""
_KEY_GOES: LiteralString = "DELETE FROM {table} WHERE {column} = ANY(%s)"
_THEIRS_NO_MORE: LiteralString = "UPDATE {table} SET {column} = NULL WHERE {column} = ANY(%s)"
ROLES = ("operator", "viewer", "agent")


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody of a role. `key` and `spare` are API keys, `key_id` and `spare_id` what the database calls them."""

    role: str
    id: str
    email: str
    password: str
    key: str
    key_id: str
    spare: str
    spare_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """One of every role."""

    operator: Person
    viewer: Person
    agent: Person

    def of(self, role: str) -> Person:
        person: Person = getattr(self, role)
        return person


@pytest.fixture(scope="session")
def people(request: pytest.FixtureRequest, deployment: Deployment) -> Iterator[People]:
    """They are made once, past every action, and are gone when the checks are done: none of them stays up."""
    require(request, "server")
    site = deployment.site
    answering = deployment.plan.answering("server")
    assert answering is not None
    file = site.file("log/people.json")
    file.parent.mkdir(exist_ok=True)
    try:
        found = _made(Step(site, deployment.plan, answering), file)
        for person in found.values():
            site.run.redactor.add(person.password, person.key, person.spare)
        yield People(**found)
    finally:
        file.unlink(missing_ok=True)
        _leave(site)


def _made(step: Step, file: Path) -> dict[str, Person]:
    """The people that the script has made, by role; what it tells of them is in `file` for a moment."""
    code = SCRIPT.read_text(encoding="utf-8")
    made = step.run("mix", "run", "-e", code, "log/people.json", DOMAIN, label="people for the checks", deadline=240)
    assert made.ok, made.tail
    told = json.loads(file.read_text(encoding="utf-8"))
    file.unlink()
    return {
        role: Person(
            role=role, id=each["id"], email=each["email"], password=each["password"],
            key=each["key"]["key"], key_id=each["key"]["id"], spare=each["spare"]["key"], spare_id=each["spare"]["id"],
        )
        for role, each in told.items()
    }  # fmt: skip


def _leave(site: Site) -> None:
    if site.database_digest(site.databases["dev"]) is None:
        return
    with site.database.connect(site.databases["dev"]) as connection:
        forget(connection, DOMAIN)


def forget(connection: postgres.Connection, domain: str) -> None:
    """Everything of the users whose address ends in `domain`, and they themselves."""
    if not {"users", "tokens"} <= set(queries.tables(connection)):
        return
    theirs = "SELECT id FROM users WHERE email LIKE %s"
    like = (f"%@{domain}",)
    users = [row[0] for row in connection.execute(theirs, like)]
    for user in users:
        connection.execute("DELETE FROM tokens WHERE subject LIKE %s", (f"%{user}",))
    for table, column in connection.execute(_POINT_TO_USERS).fetchall():
        change = _KEY_GOES if table == "api_keys" else _THEIRS_NO_MORE
        place = {"table": sql.Identifier(str(table)), "column": sql.Identifier(str(column))}
        connection.execute(sql.SQL(change).format(**place), (users,))
    connection.execute("DELETE FROM users WHERE email LIKE %s", like)


@contextmanager
def client(site: Site, *, key: str | None = None, json_api: bool = False) -> Iterator[httpx.Client]:
    """An HTTP client of its own, with an API key if one is given."""
    headers = {"authorization": f"Bearer {key}"} if key else {}
    if json_api:
        headers |= {"accept": JSON_API, "content-type": JSON_API}
    with httpx.Client(base_url=site.base_url, timeout=30, trust_env=False, verify=NO_TLS, headers=headers) as made:
        yield made


def csrf(browser: httpx.Client, page: str = "/sign-in") -> str:
    """The token that a form on `page` is sent with."""
    html = browser.get(page).text
    token = re.search(r'name="csrf-token" content="([^"]+)"', html)
    assert token, f"{page} has no CSRF token"
    return token.group(1)


def sign_in(browser: httpx.Client, email: str, password: str) -> httpx.Response:
    """By password, as the form of the sign-in page does it."""
    fields = {"_csrf_token": csrf(browser), "user[email]": email, "user[password]": password}
    return browser.post("/auth/user/password/sign_in", data=fields)


@pytest.fixture(scope="session")
def told() -> dict[str, str]:
    """Secrets that checks have learnt on their way, by what they are; a later check looks for them everywhere."""
    return {}


@pytest.fixture(scope="session")
def sessions(site: Site, people: People) -> Iterator[Callable[[str], httpx.Client]]:
    """`sessions("viewer")` is a browser in which the viewer is signed in; in that of "nobody" nobody is."""
    open_clients: dict[str, httpx.Client] = {}

    def of(role: str) -> httpx.Client:
        if role not in open_clients:
            browser = httpx.Client(base_url=site.base_url, timeout=30, trust_env=False, verify=NO_TLS)
            open_clients[role] = browser
            if role != "nobody":
                person = people.of(role)
                answer = sign_in(browser, person.email, person.password)
                assert answer.status_code in (302, 303), answer.text[:500]
                assert "/sign-in" not in answer.headers["location"], f"the {role} could not sign in"
        return open_clients[role]

    yield of
    for browser in open_clients.values():
        browser.close()


@pytest.fixture(scope="session")
def api(site: Site, people: People) -> Iterator[Callable[[str], httpx.Client]]:
    """`api("agent")` speaks JSON:API with the agent's key; `api("nobody")` without any."""
    open_clients: dict[str, httpx.Client] = {}

    def of(role: str) -> httpx.Client:
        if role not in open_clients:
            headers = {"accept": JSON_API, "content-type": JSON_API}
            if role != "nobody":
                headers["authorization"] = f"Bearer {people.of(role).key}"
            open_clients[role] = httpx.Client(
                base_url=f"{site.base_url}/api/json", timeout=30, trust_env=False, verify=NO_TLS, headers=headers
            )
        return open_clients[role]

    yield of
    for each in open_clients.values():
        each.close()
