"""Users for the checks of the running system: one per role, with passwords and keys of this run."""

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
from rollout.site.views import CheckedSite
from suite.phases import require

SCRIPT = Path(__file__).with_name("elixir") / "people.exs"
# Unique to this run. Users with an address in this domain are deleted after the checks.
DOMAIN = f"{token_hex(4)}.checks.example.org"
JSON_API = "application/vnd.api+json"
_POINT_TO_USERS = """SELECT c.relname, a.attname FROM pg_constraint f JOIN pg_class c ON c.oid = f.conrelid
   JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = f.conkey[1]
   WHERE f.contype = 'f' AND f.confrelid = 'public.users'::regclass"""
_KEY_GOES: LiteralString = "DELETE FROM {table} WHERE {column} = ANY(%s)"
_THEIRS_NO_MORE: LiteralString = "UPDATE {table} SET {column} = NULL WHERE {column} = ANY(%s)"
ROLES = ("operator", "viewer", "agent")


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A user of a role. `key` and `spare` are API keys; `key_id` and `spare_id` are their ids in the database."""

    role: str
    id: str
    email: str
    password: str
    key: str
    key_id: str
    spare: str
    spare_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Users:
    """One user of each role."""

    operator: User
    viewer: User
    agent: User

    def of(self, role: str) -> User:
        user: User = getattr(self, role)
        return user


@pytest.fixture(scope="session")
def users(request: pytest.FixtureRequest, deployment: Deployment) -> Iterator[Users]:
    """Create the users once, without the application's actions, and delete them after the checks."""
    require(request, "server")
    site = deployment.site
    answering = deployment.plan.phase_for("server")
    assert answering is not None
    file = site.file("log/people.json")
    file.parent.mkdir(exist_ok=True)
    try:
        found = _create_users(Step(site, deployment.plan, answering), file)
        for user in found.values():
            site.run.redactor.add(user.password, user.key, user.spare)
        yield Users(**found)
    finally:
        file.unlink(missing_ok=True)
        _delete_users(site)


def _create_users(step: Step, file: Path) -> dict[str, User]:
    """Create the users by a script and return them by role. The script writes them to `file`, which is deleted."""
    code = SCRIPT.read_text(encoding="utf-8")
    made = step.run("mix", "run", "-e", code, "log/people.json", DOMAIN, label="users for the checks", deadline=240)
    assert made.ok, made.tail
    written = json.loads(file.read_text(encoding="utf-8"))
    file.unlink()
    return {
        role: User(
            role=role, id=each["id"], email=each["email"], password=each["password"],
            key=each["key"]["key"], key_id=each["key"]["id"], spare=each["spare"]["key"], spare_id=each["spare"]["id"],
        )
        for role, each in written.items()
    }  # fmt: skip


def _delete_users(site: CheckedSite) -> None:
    if site.database_digest(site.databases["dev"]) is None:
        return
    with site.database.connect(site.databases["dev"]) as connection:
        forget(connection, DOMAIN)


def forget(connection: postgres.Connection, domain: str) -> None:
    """Delete the users whose address ends in `domain`, and all that belongs to them."""
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
def client(site: CheckedSite, *, key: str | None = None, json_api: bool = False) -> Iterator[httpx.Client]:
    """A new HTTP client, with an API key if one is given."""
    headers = {"authorization": f"Bearer {key}"} if key else {}
    if json_api:
        headers |= {"accept": JSON_API, "content-type": JSON_API}
    with httpx.Client(base_url=site.base_url, timeout=30, trust_env=False, verify=NO_TLS, headers=headers) as made:
        yield made


def csrf(browser: httpx.Client, page: str = "/sign-in") -> str:
    """The CSRF token of a page."""
    html = browser.get(page).text
    token = re.search(r'name="csrf-token" content="([^"]+)"', html)
    assert token, f"{page} has no CSRF token"
    return token.group(1)


def sign_in(browser: httpx.Client, email: str, password: str) -> httpx.Response:
    """Sign in by password, with the fields of the sign-in form."""
    fields = {"_csrf_token": csrf(browser), "user[email]": email, "user[password]": password}
    return browser.post("/auth/user/password/sign_in", data=fields)


@pytest.fixture(scope="session")
def known_secrets() -> dict[str, str]:
    """Secrets that the checks have seen, by description. A later check looks for them in all files."""
    return {}


@pytest.fixture(scope="session")
def sessions(site: CheckedSite, users: Users) -> Iterator[Callable[[str], httpx.Client]]:
    """`sessions("viewer")` is a browser where the viewer is signed in. In `sessions("nobody")` nobody is."""
    open_clients: dict[str, httpx.Client] = {}

    def of(role: str) -> httpx.Client:
        if role not in open_clients:
            browser = httpx.Client(base_url=site.base_url, timeout=30, trust_env=False, verify=NO_TLS)
            open_clients[role] = browser
            if role != "nobody":
                user = users.of(role)
                answer = sign_in(browser, user.email, user.password)
                assert answer.status_code in (302, 303), answer.text[:500]
                assert "/sign-in" not in answer.headers["location"], f"the {role} could not sign in"
        return open_clients[role]

    yield of
    for browser in open_clients.values():
        browser.close()


@pytest.fixture(scope="session")
def api(site: CheckedSite, users: Users) -> Iterator[Callable[[str], httpx.Client]]:
    """`api("agent")` is a JSON:API client with the agent's key; `api("nobody")` has no key."""
    open_clients: dict[str, httpx.Client] = {}

    def of(role: str) -> httpx.Client:
        if role not in open_clients:
            headers = {"accept": JSON_API, "content-type": JSON_API}
            if role != "nobody":
                headers["authorization"] = f"Bearer {users.of(role).key}"
            open_clients[role] = httpx.Client(
                base_url=f"{site.base_url}/api/json", timeout=30, trust_env=False, verify=NO_TLS, headers=headers
            )
        return open_clients[role]

    yield of
    for each in open_clients.values():
        each.close()
