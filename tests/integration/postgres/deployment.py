"""Changes a database server as a deployment does, without Elixir."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

import rollout.rollback.undo
from rollout.journal import Journal
from rollout.site.postgres import DatabaseServer, provision
from rollout.site.store.objects import Store

ROLE = "xv"
PASSWORD = "a-password-of-the-role/%"
DATABASES = ("xv_dev", "xv_test")

SCHEMA = """
CREATE TYPE status AS ENUM ('idle', 'busy');
CREATE TABLE agents (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), agent_id text NOT NULL, name text,
                     status status, "a row" int,
                     inserted_at timestamp NOT NULL DEFAULT (now() AT TIME ZONE 'utc'));
CREATE UNIQUE INDEX agents_unique_agent_id ON agents (agent_id);
CREATE TABLE jobs (id bigserial PRIMARY KEY, args jsonb NOT NULL DEFAULT '{}', agent uuid REFERENCES agents);
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER touched BEFORE UPDATE ON agents FOR EACH ROW EXECUTE FUNCTION touch();
CREATE VIEW busy AS SELECT * FROM agents WHERE status = 'busy';
INSERT INTO agents (agent_id, name, status)
SELECT 'a' || n, 'näme ' || n, 'busy' FROM generate_series(1, 50) n;
INSERT INTO jobs (agent) SELECT id FROM agents;
"""


def as_role(server: DatabaseServer, database: str) -> psycopg.Connection:
    """Connect as the role with Ecto's URL, as seen from this machine."""
    url = server.url(user=ROLE, password=PASSWORD, database=database)
    return psycopg.connect(url.replace("ecto://", "postgresql://", 1), autocommit=True)


def deploy(server: DatabaseServer, journal: Journal) -> None:
    """Provision, then create and fill the databases as the role, as Ecto would."""
    provision(server, role=ROLE, password=PASSWORD, databases=DATABASES, run=journal.run, journal=journal)
    with as_role(server, "postgres") as connection:
        for name in DATABASES:
            connection.execute(sql.SQL("CREATE DATABASE {} ENCODING 'UTF8'").format(sql.Identifier(name)))
    with as_role(server, DATABASES[0]) as connection:
        connection.execute(SCHEMA)


def undo(record: Mapping[str, Any], secrets: Mapping[str, str] | None = None) -> str:
    """Undo the acts as rollback, recovery and `make undeploy` do."""
    workshop = rollout.rollback.undo.UndoContext(store=Store(Path("/nonexistent")), secrets=secrets or {}, servers={})
    return rollout.rollback.undo.undo(record, workshop)
