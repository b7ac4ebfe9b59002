"""Inserts records of unrelated users before the checks, and verifies afterwards that they are unchanged."""

# ruff: noqa: S608 - the statements contain names of this file only

from __future__ import annotations

import secrets
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from deploy_tests.support.records import as_owner
from rollout.deployment.deployment import Deployment
from rollout.site import postgres
from rollout.site.postgres import queries
from suite.phases import require

NOW = "now() AT TIME ZONE 'utc'"
# Inserts by table, in the order of the foreign keys. The names resemble those of checks and swarms. The item is the
# most urgent one for any agent. The agent is in maintenance, so it does not expire.
_PLANTED = {
    "teams": "INSERT INTO teams (id, name, title) VALUES (%(teams)s, %(team)s, 'Somebody else''s')",
    "agents": f"""INSERT INTO agents (id, agent_id, name, status, capacity, workload, team_id, last_heartbeat_at)
        VALUES (%(agents)s, %(agent)s, 'Somebody else''s', 'maintenance', 1, 1, %(teams)s, {NOW})""",
    "work_items": f"""INSERT INTO work_items
          (id, work_item_id, type, description, priority, status, agent_id, claimed_at, rank)
        VALUES (%(work_items)s, %(held)s, 'check', 'Held', 'critical', 'claimed', %(agents)s, {NOW}, {NOW}),
          (%(more)s, %(waits)s, 'check', 'Waits', 'critical', 'pending', NULL, NULL, {NOW} - interval '10 years')""",
    "coordination_events": """INSERT INTO coordination_events (id, kind, subject_type, subject_id)
        VALUES (%(coordination_events)s, 'work_item.add', 'work_item', %(waits)s)""",
    "advices": f"""INSERT INTO advices (id, kind, source, summary, suggestions, refused, status, input_tokens,
          output_tokens, cost, requested_by, inserted_at, updated_at)
        VALUES (%(advices)s, 'priority', 'heuristic', 'Somebody else''s', '{{}}', '{{}}', 'proposed', 0,
          0, 0, 'somebody', {NOW}, {NOW})""",
    "oban_jobs": """INSERT INTO oban_jobs (state, queue, worker, args, scheduled_at)
        VALUES ('scheduled', 'of-somebody-else', 'SomebodyElse', jsonb_build_object('of', %(agent)s::text),
          now() + interval '1 year')""",
}
_FOUND = {"work_items": "id IN (%(work_items)s, %(more)s)", "oban_jobs": "args ->> 'of' = %(agent)s"}


def _uuid7() -> uuid.UUID:
    """A UUID of version 7 (RFC 9562): XAVOS reads no other as an id of an event."""
    milliseconds, chance = time.time_ns() // 1_000_000, secrets.randbits(76)
    return uuid.UUID(int=milliseconds << 80 | 7 << 76 | (chance >> 64) << 64 | 2 << 62 | chance & (1 << 62) - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bystanders:
    """The inserted records: how to find them, and all their rows at that time, by table."""

    names: dict[str, object]
    before: dict[str, list[str]]


@pytest.fixture(scope="session")
def bystanders(request: pytest.FixtureRequest, deployment: Deployment) -> Iterator[Bystanders]:
    """Insert a team, an agent, assigned and pending work, an event, an advice and a job of another user."""
    require(request, "server")
    site = deployment.site
    mark = secrets.token_hex(4)
    names: dict[str, object] = {table: _uuid7() for table in _PLANTED if table != "oban_jobs"}
    names |= {
        "more": _uuid7(), "team": f"swarm-of-{mark}", "agent": f"check-{mark}",
        "held": f"check-held-{mark}", "waits": f"SWARM-{mark}",
    }  # fmt: skip
    with site.database.connect(site.databases["dev"]) as connection:
        for table in _there(connection):
            connection.execute(_PLANTED[table].encode(), names)
        inserted = Bystanders(names=names, before=rows_of(connection, names))
    yield inserted
    if site.database_digest(site.databases["dev"]) is None:
        return
    with site.database.connect(site.databases["dev"]) as connection, connection.transaction():
        as_owner(connection)
        connection.execute("ALTER TABLE coordination_events DISABLE TRIGGER USER")
        for table in reversed(_there(connection)):
            connection.execute(f"DELETE FROM {table} WHERE {_where(table)}".encode(), names)
        connection.execute("ALTER TABLE coordination_events ENABLE TRIGGER USER")


def rows_of(connection: postgres.Connection, names: dict[str, object]) -> dict[str, list[str]]:
    """All columns of the inserted rows, by table."""
    return {
        table: sorted(
            str(row[0])
            for row in connection.execute(f"SELECT t::text FROM {table} t WHERE {_where(table)}".encode(), names)
        )
        for table in _there(connection)
    }


def _there(connection: postgres.Connection) -> list[str]:
    """The tables that exist. All of them exist after the last phase of XAVOS, which adds advice."""
    return list(_PLANTED) if set(queries.tables(connection)) >= _PLANTED.keys() else []


def _where(table: str) -> str:
    return _FOUND.get(table, f"id = %({table})s")
