"""Seeding on a real server: rows are valid, or it is said why there are none."""

from __future__ import annotations

from rollout.migrations.health import Connection
from rollout.migrations.measure import count
from rollout.migrations.seed import Seeded, seed
from tests.integration.migrations.conftest import ROWS, Shop

EMPTY = """
CREATE DOMAIN short AS varchar(12) CHECK (length(value) > 1);
CREATE TYPE mood AS ENUM ('glad', 'sad');
CREATE TABLE owners (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), email text NOT NULL UNIQUE, mood mood NOT NULL,
  level text NOT NULL CHECK (level IN ('high', 'low')), born date, code short NOT NULL, tags text[] NOT NULL,
  settings jsonb NOT NULL, price numeric(10, 2) NOT NULL, at timestamptz NOT NULL, span int4range NOT NULL,
  number int GENERATED ALWAYS AS IDENTITY, shout text GENERATED ALWAYS AS (upper(email)) STORED);
CREATE TABLE pets (owner_id uuid NOT NULL REFERENCES owners, name varchar(8) NOT NULL, parent_id bigint REFERENCES pets,
  id bigserial PRIMARY KEY, UNIQUE (owner_id, name));
CREATE TABLE members (owner_id uuid REFERENCES owners, pet_id bigint REFERENCES pets, PRIMARY KEY (owner_id, pet_id));
CREATE TABLE friends (id bigserial PRIMARY KEY, a uuid NOT NULL REFERENCES owners, b uuid NOT NULL REFERENCES owners,
  UNIQUE (a, b), CHECK (a <> b));
CREATE TABLE profiles (owner_id uuid PRIMARY KEY REFERENCES owners);
CREATE TABLE odd (at point NOT NULL, n int NOT NULL CHECK (n > 1000));
CREATE TABLE flags (is_on bool PRIMARY KEY);
CREATE FUNCTION forbid() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'never'; END $$;
CREATE TRIGGER forbid BEFORE INSERT ON owners FOR EACH ROW EXECUTE FUNCTION forbid();
"""


def filled(connection: Connection, rows: int) -> dict[str, Seeded]:
    return {each.table.removeprefix("public."): each for each in seed(connection, rows)}


def test_empty_tables_get_valid_rows_or_a_reason(shop: Shop) -> None:
    """Types, domains, enums, lists of values, keys alone and together; nothing is filled that must not be."""
    with shop.connect() as connection:
        connection.execute(EMPTY)
        found = filled(connection, 400)
        triggers = connection.execute("SELECT tgenabled FROM pg_trigger WHERE tgname = 'forbid'").fetchall()

    full = {name for name, each in found.items() if each.after == 400 and each.problem is None}
    assert {"owners", "pets", "members", "friends", "profiles", "users", "teams"} == full
    assert "odd" in found
    assert (0, 'null value in column "at" of relation "odd" violates not-null constraint') == (
        found["odd"].after, found["odd"].problem)  # fmt: skip
    assert found["flags"].problem is not None
    assert "schema_migrations" not in found
    assert [("O",)] == triggers


def test_rows_that_exist_are_copied_with_other_keys(shop: Shop) -> None:
    with shop.connect() as connection:
        connection.execute(
            "CREATE UNIQUE INDEX one_email ON users (lower(email)); ALTER TABLE users ADD CHECK (email LIKE '%@x.org')"
        )
        (users, _) = (filled(connection, 1000)["users"], None)
        kept = connection.execute("SELECT count(*) FROM users WHERE id <= 300 AND email ~ '^[0-9]+@x.org$'").fetchall()
        ages = connection.execute("SELECT count(*) FROM users WHERE age IS NULL OR team_id IS NULL").fetchall()

    assert (ROWS, 1000, None) == (users.before, users.after, users.problem)
    assert [(300,)] == kept
    assert [(0,)] == ages


def test_table_with_enough_rows_is_left_alone(shop: Shop) -> None:
    with shop.connect() as connection:
        found = filled(connection, 100)

        assert (300, 300, None) == (found["users"].before, found["users"].after, found["users"].problem)
        assert 100 == count(connection, ("public", "teams"))
