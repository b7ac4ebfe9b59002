"""The measurement on a real server: which lock, which rewrite, who waited. Facts, not times."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from rollout.migrations.health import Connection
from rollout.migrations.measure import measure
from rollout.migrations.measurement import Measurement, VersionMeasured
from rollout.migrations.operations import Migration, Operation
from rollout.migrations.rule import Finding, Settings
from rollout.migrations.rules import judge
from rollout.migrations.sql_statements import recognise
from rollout.migrations.watch import SCHEMA
from rollout.site.postgres import ExternalServer, schema
from tests.integration.migrations.conftest import ROWS, Shop
from tests.unit.migrations.test_columns import CHANGES

_FILE = "SELECT relfilenode FROM pg_class WHERE relname = 't'"
USERS, TEAMS = ("public", "users"), ("public", "teams")
WAITS_FOR = 20.0


def measured(shop: Shop, migrate: Callable[[], object]) -> Measurement:
    return measure(shop.connect, shop.database, migrate=migrate, tables=[USERS, TEAMS])


def one(shop: Shop, *statements: str, transaction: bool = True) -> VersionMeasured:
    """What a migration of these statements did."""
    found = measured(shop, lambda: shop.migrator.up(2, *statements, transaction=transaction))
    assert found.failure is None
    (version,) = found.versions
    assert (2, "up", "public") == (version.version, version.direction, version.schema)
    return version


def modes(version: VersionMeasured) -> set[tuple[str, str]]:
    return {(lock.table.removeprefix("public."), lock.mode.removesuffix("Lock")) for lock in version.locks}


REWRITES = {
    "ALTER TABLE users ADD COLUMN token uuid DEFAULT gen_random_uuid()": True,
    "ALTER TABLE users ADD COLUMN number bigserial": True,
    "ALTER TABLE users ADD COLUMN shout text GENERATED ALWAYS AS (upper(email)) STORED": True,
    "ALTER TABLE users ALTER COLUMN age TYPE bigint": True,
    "ALTER TABLE users ALTER COLUMN email TYPE varchar(90)": True,
    "ALTER TABLE users SET UNLOGGED": True,
    "ALTER TABLE users ADD COLUMN level int NOT NULL DEFAULT 1": False,
    "ALTER TABLE users ADD COLUMN at timestamptz DEFAULT now()": False,
    "ALTER TABLE users ALTER COLUMN name TYPE text": False,
    "ALTER TABLE users ALTER COLUMN name TYPE varchar(90)": False,
    "ALTER TABLE users ALTER COLUMN age SET NOT NULL": False,
    "ALTER TABLE users DROP COLUMN age": False,
}


@pytest.mark.parametrize("statement", REWRITES)
def test_rewrite_is_seen_and_nothing_else_is_taken_for_one(shop: Shop, statement: str) -> None:
    """All of them take ACCESS EXCLUSIVE; only some write the table anew."""
    version = one(shop, statement)

    assert (("public.users",) if REWRITES[statement] else ()) == version.rewritten
    assert ("users", "AccessExclusive") in modes(version)
    assert REWRITES[statement] is ("rewrites" in {finding.severity for finding in judged(statement)})


def judged(statement: str) -> tuple[Finding, ...]:
    """What the rules say about the statement, on a table that an applied migration made."""
    made = Operation(version=1, file="1_x.exs", line=1, statement=1, direction="up", kind="create_table", table="users")
    types = {"email": "text", "age": "int", "name": "varchar(50)", "team_id": "bigint"}
    columns = [replace(made, kind="add_column", column=name, type=kind) for name, kind in types.items()]
    new = [
        replace(
            made, version=2, kind=each.kind, table=each.table, column=each.column, type=each.type, options=each.options
        )
        for each in recognise(statement)
    ]
    migrations = [
        Migration(version=1, file="1_x.exs", operations=(made, *columns)),
        Migration(version=2, file="2_x.exs", operations=tuple(new)),
    ]
    return judge(migrations, Settings(server_major=18, applied=frozenset({1})))


def test_server_rewrites_for_changes_of_type_as_the_rule_says(shop: Shop) -> None:
    """A table that was written anew has another file."""
    found = {}
    with shop.connect() as connection:
        for old, new in CHANGES:
            connection.execute(f"DROP TABLE IF EXISTS t; CREATE TABLE t (a {old})")
            before = connection.execute(_FILE).fetchall()
            if old != new:
                connection.execute(f"ALTER TABLE t ALTER a TYPE {new} USING a::{new}")
            found[old, new] = before != connection.execute(_FILE).fetchall()

    assert CHANGES == found


LOCKS = {
    "CREATE INDEX by_age ON users (age)": {("users", "Share")},
    "ALTER TABLE users ADD CONSTRAINT t FOREIGN KEY (team_id) REFERENCES teams": {
        ("users", "ShareRowExclusive"), ("teams", "ShareRowExclusive")},
    "ALTER TABLE users ADD COLUMN boss bigint REFERENCES teams": {
        ("users", "AccessExclusive"), ("users", "ShareRowExclusive"), ("teams", "ShareRowExclusive")},
    "CREATE TRIGGER t BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()": {
        ("users", "ShareRowExclusive")},
    "UPDATE users SET age = 1": {("users", "RowExclusive")},
}  # fmt: skip


@pytest.mark.parametrize("statement", LOCKS)
def test_locks_are_those_of_postgresqls_documentation(shop: Shop, statement: str) -> None:
    """They are known exactly, however short the migration is."""
    found = {lock for lock in modes(one(shop, statement)) if lock[0] in {"users", "teams"}}

    assert LOCKS[statement] == found - {("users", "RowShare"), ("teams", "RowShare")}


def test_check_that_proves_not_null_is_taken_instead_of_a_scan(shop: Shop) -> None:
    """Two migrations: the rule set_not_null counts on it. Validating takes no strong lock."""
    shop.migrator.up(3, "ALTER TABLE users ADD CONSTRAINT given CHECK (age IS NOT NULL) NOT VALID")

    version = one(shop, "ALTER TABLE users VALIDATE CONSTRAINT given")

    assert {("users", "ShareUpdateExclusive")} == {lock for lock in modes(version) if lock[0] == "users"}


def test_each_version_has_its_own_locks(shop: Shop) -> None:
    def migrate() -> None:
        shop.migrator.up(2, "ALTER TABLE users ADD COLUMN a int")
        shop.migrator.up(3, "CREATE INDEX by_name ON teams (name)")
        shop.migrator.down(3, "DROP INDEX by_name")

    found = measured(shop, migrate)

    assert [(2, "up"), (3, "up"), (3, "down")] == [(each.version, each.direction) for each in found.versions]
    assert ("users", "AccessExclusive") in modes(found.versions[0])
    assert ("teams", "Share") in modes(found.versions[1])
    assert not any(table == "users" for table, _ in modes(found.versions[1]))
    assert ("teams", "AccessExclusive") in modes(found.versions[2])
    assert {"public.users": ROWS, "public.teams": 10} == found.rows


def until_blocked(connection: Connection, query: str) -> None:
    """Return when a statement that begins like this waits for a lock."""
    for _ in range(int(WAITS_FOR / 0.01)):
        waiting = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE %s", (f"{query}%",)
        ).fetchall()
        if waiting != [(0,)]:
            return
        threading.Event().wait(0.01)
    raise AssertionError(f"{query} has not waited")


def until_run_again(connection: Connection, query: str) -> None:
    """Return when another connection of ours has begun such a statement after now, and ended it."""
    (now,) = connection.execute("SELECT clock_timestamp()").fetchall()[0]
    looked_for = """SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'xavos-rollout%%'
                    AND pid <> pg_backend_pid() AND query_start > %s AND state = 'idle' AND query LIKE %s"""
    for _ in range(int(WAITS_FOR / 0.01)):
        if connection.execute(looked_for, (now, query)).fetchall() != [(0,)]:
            return
        threading.Event().wait(0.01)
    raise AssertionError(f"no {query} has run")


def test_index_blocks_writes_for_as_long_as_its_transaction_stays_open(shop: Shop) -> None:
    """A write waits for SHARE, a read does not."""

    def migrate() -> None:
        with shop.connect() as connection, shop.connect() as looking:
            connection.execute("SET application_name = 'migrator'")
            with connection.transaction():
                connection.execute("CREATE INDEX by_age ON users (age)")
                connection.execute("INSERT INTO schema_migrations (version) VALUES (2)")
                until_blocked(looking, "INSERT INTO")
                until_blocked(looking, "UPDATE")
                until_run_again(looking, "%pg_blocking_pids%")

    found = measured(shop, migrate)

    blocked = found.versions[0].blocked
    assert blocked is not None
    assert ("public.users", "xavos-rollout probe") == (blocked.target, blocked.who)
    assert blocked.statement.startswith(("INSERT INTO", "UPDATE"))
    assert blocked == found.longest_blocked
    assert {} == found.errors


def test_transaction_that_no_sample_has_seen_before_it_recorded_its_version_ends_with_its_locks(shop: Shop) -> None:
    """Between two samples it does its work and records its version; then it stays open, and a write waits for it."""
    interval = 0.3

    def migrate() -> None:
        with shop.connect() as connection, shop.connect() as looking:
            connection.execute("SET application_name = 'migrator'")
            until_run_again(looking, "%pg_blocking_pids%")
            with connection.transaction():
                connection.execute("CREATE INDEX by_age ON users (age)")
                connection.execute("INSERT INTO schema_migrations (version) VALUES (2)")
                until_blocked(looking, "UPDATE")
                for _ in range(2):
                    until_run_again(looking, "%pg_blocking_pids%")

    found = measure(shop.connect, shop.database, migrate=migrate, tables=[USERS, TEAMS], interval=interval)

    assert found.versions[0].blocked is not None
    assert "public.users" == found.versions[0].blocked.target
    assert found.after is None


def test_reads_queue_behind_a_migration_that_waits_for_an_idle_transaction(shop: Shop, holder: Connection) -> None:
    """The migration needs a moment, but waits behind somebody's ACCESS SHARE, and every SELECT waits behind it."""
    holder.execute("BEGIN")
    holder.execute("SELECT count(*) FROM users")

    def migrate() -> None:
        thread = threading.Thread(target=lambda: shop.migrator.up(2, "ALTER TABLE users ADD COLUMN a int"))
        thread.start()
        with shop.connect() as looking:
            until_blocked(looking, "ALTER TABLE users")
            until_blocked(looking, "SELECT")
            until_run_again(looking, "%pg_blocking_pids%")
        holder.execute("COMMIT")
        thread.join()

    found = measured(shop, migrate)

    (version,) = found.versions
    assert version.waited > 0
    assert version.blocked is not None
    assert "public.users" == version.blocked.target
    assert "SELECT public.users" in found.longest_probe
    assert not any(name.endswith("teams") for name in found.longest_probe)


def test_concurrent_index_waits_for_an_old_snapshot_and_nobody_waits_for_it(shop: Shop, holder: Connection) -> None:
    """It waits for a virtual transaction of somebody who has never touched the table."""
    holder.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
    holder.execute("SELECT count(*) FROM teams")
    statement = "CREATE INDEX CONCURRENTLY by_age ON users (age)"

    def migrate() -> None:
        thread = threading.Thread(target=lambda: shop.migrator.up(2, statement, transaction=False))
        thread.start()
        with shop.connect() as looking:
            until_blocked(looking, "CREATE INDEX CONCURRENTLY")
            until_run_again(looking, "%pg_blocking_pids%")
        holder.execute("COMMIT")
        thread.join()

    found = measured(shop, migrate)

    (version,) = found.versions
    assert version.waited > 0
    assert version.blocked is None
    assert ("users", "ShareUpdateExclusive") in modes(version)
    assert () == found.invalid_indexes


def test_lock_timeout_gives_up_and_nothing_is_recorded(shop: Shop, holder: Connection) -> None:
    """The safer way: the migration fails, and those who waited behind it go on."""
    holder.execute("BEGIN")
    holder.execute("SELECT count(*) FROM users")

    found = measured(
        shop, lambda: shop.migrator.up(2, "SET LOCAL lock_timeout TO '150ms'", "ALTER TABLE users ADD COLUMN a int")
    )

    assert () == found.versions
    assert found.failure is not None
    assert "LockNotAvailable" in found.failure


def test_old_prepared_statements_fail_after_a_change_that_breaks_them(shop: Shop) -> None:
    """What an old release would get: 0A000 after a change of type, 42703 after a removed, 42P01 after a renamed."""

    def migrate() -> None:
        shop.migrator.up(2, "ALTER TABLE users ALTER COLUMN age TYPE bigint")
        shop.migrator.up(3, "ALTER TABLE teams DROP COLUMN name")
        with shop.connect() as looking:
            for table in ("users", "teams"):
                until_run_again(looking, f'SELECT %FROM "public"."{table}" LIMIT 1')

    errors = measured(shop, migrate).errors

    assert "0A000" in errors["SELECT public.users"]
    assert "42703" in errors["SELECT public.teams"]


def test_failed_concurrent_index_is_reported_as_invalid(shop: Shop) -> None:
    """PostgreSQL leaves it behind; IF NOT EXISTS would take it for a good one."""
    statement = "CREATE UNIQUE INDEX CONCURRENTLY once ON users (team_id)"

    found = measured(shop, lambda: shop.migrator.up(2, statement, transaction=False))

    assert found.failure is not None
    assert "UniqueViolation" in found.failure
    assert ("public.once on users",) == found.invalid_indexes
    assert () == found.versions


def test_constraint_that_nobody_has_validated_is_reported(shop: Shop) -> None:
    found = measured(
        shop, lambda: shop.migrator.up(2, "ALTER TABLE users ADD CONSTRAINT grown CHECK (age > 17) NOT VALID")
    )

    assert ("public.users: grown",) == found.unvalidated


def test_without_a_superuser_rewrites_are_known_by_files(shop: Shop) -> None:
    """A server of the user need not give superuser rights; the result says how it knows."""
    with shop.server.connect() as connection:
        connection.execute("CREATE DATABASE theirs OWNER boss")
    theirs = ExternalServer(f"postgresql://boss:boss-password@127.0.0.1:{shop.server.port}/postgres")
    other = Shop(server=theirs, database="theirs")
    try:
        with other.connect() as connection:
            connection.execute("CREATE TABLE schema_migrations (version bigint PRIMARY KEY)")
            connection.execute("CREATE TABLE users (age int)")
        found = measure(
            other.connect,
            "theirs",
            migrate=lambda: other.migrator.up(2, "ALTER TABLE users ALTER COLUMN age TYPE bigint"),
        )
    finally:
        with shop.server.connect() as connection:
            connection.execute("DROP DATABASE theirs WITH (FORCE)")

    assert ("files", ("public.users",)) == (found.rewrites_seen_by, found.versions[0].rewritten)
    assert ("users", "AccessExclusive") in modes(found.versions[0])


def test_measurement_leaves_nothing_in_the_database(shop: Shop) -> None:
    with shop.connect() as connection:
        before = schema(connection)

    measured(shop, lambda: None)

    with shop.connect() as connection:
        assert before == schema(connection)
        assert [] == connection.execute("SELECT evtname FROM pg_event_trigger").fetchall()
        assert [(None,)] == connection.execute("SELECT to_regnamespace(%s)", (SCHEMA,)).fetchall()
