"""Checks that migrations create the schema of the Ash resources, and can be repeated and reversed."""

from __future__ import annotations

import psycopg
import pytest

from deploy_tests.support.commands import Ask
from rollout.phases.phase import PhaseResult
from rollout.site import postgres
from rollout.site.postgres import queries
from rollout.site.views import CheckedSite

pytestmark = [pytest.mark.phase("migrations"), pytest.mark.timeout(180)]

AGENT_COLUMNS = {
    "id": ("uuid", False),
    "agent_id": ("text", False),
    "name": ("text", False),
    "status": ("text", False),
    "inserted_at": ("timestamp without time zone", False),
    "updated_at": ("timestamp without time zone", False),
}


def _schema(site: CheckedSite) -> dict[str, str]:
    """The schema of the database."""
    facts = postgres.facts(site.database, (site.databases["dev"],), site.role)
    return {key: value for key, value in facts.items() if not key.startswith(("rows", "sequence"))}


def test_migrations_phase_passed(phase: PhaseResult) -> None:
    phase.require()


def test_the_tables_are_there(dev_database: postgres.Connection) -> None:
    assert {"agents", "users", "tokens", "schema_migrations"} <= set(queries.tables(dev_database))


def test_the_columns_of_agents_are_what_the_resource_says(dev_database: postgres.Connection) -> None:
    found = {column.name: (column.type, column.nullable) for column in queries.columns(dev_database, "agents")}
    assert {name: found.get(name) for name in AGENT_COLUMNS} == AGENT_COLUMNS


def test_agent_id_is_unique_in_the_database(dev_database: postgres.Connection) -> None:
    assert ("agent_id",) in queries.unique_indexes(dev_database, "agents")


def test_the_primary_key_of_agents_is_its_id(dev_database: postgres.Connection) -> None:
    assert ("id",) in queries.unique_indexes(dev_database, "agents")


def test_the_e_mail_of_users_is_unique_in_the_database(dev_database: postgres.Connection) -> None:
    assert ("email",) in queries.unique_indexes(dev_database, "users")


def test_a_second_agent_of_the_same_agent_id_is_refused(dev_database: postgres.Connection) -> None:
    insert = "INSERT INTO agents (id, agent_id, name, status) VALUES (gen_random_uuid(), 'twin', 'Twin', 'idle')"
    before = queries.rows(dev_database, "agents")
    with pytest.raises(psycopg.errors.UniqueViolation), dev_database.transaction():
        dev_database.execute(insert)
        dev_database.execute(insert)
    assert queries.rows(dev_database, "agents") == before


def test_migrating_again_changes_nothing(ask: Ask, site: CheckedSite) -> None:
    before = postgres.facts(site.database, (site.databases["dev"],), site.role)
    again = ask("mix", "ecto.migrate", label="migrate again", repeatable=True)
    assert again.ok, again.tail
    assert postgres.facts(site.database, (site.databases["dev"],), site.role) == before


def test_migrations_roll_back_and_forward(ask: Ask, site: CheckedSite) -> None:
    before = _schema(site)
    back = ask("mix", "do", "ecto.rollback", "--all", "+", "ecto.migrate", label="roll back and forward")
    assert back.ok, back.tail
    assert "down" in back.tail or "revert" in back.tail.lower(), "nothing was rolled back"
    assert _schema(site) == before


def test_code_generation_finds_no_drift(ask: Ask) -> None:
    drift = ask("mix", "ash.codegen", "--check", label="no drift between resources and migrations", repeatable=True)
    assert drift.ok, drift.tail
