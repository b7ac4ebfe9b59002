"""The guard of migrations, on a real server: it ends a migration that the application waits for, and nothing else."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import psycopg
import pytest

from rollout.production import migrator
from rollout.production.migrator import guarded
from rollout.site.postgres import DatabaseServer
from rollout.site.postgres.login import Connection
from tests.integration.migrations.conftest import Shop, server, shop

__all__ = ["server", "shop"]


@pytest.fixture
def application(shop: Shop) -> Iterator[Connection]:
    """A connection that is older than the migration, as those of running instances are."""
    with shop.connect() as connection:
        yield connection


def _wait_in_thread(connection: Connection, statement: str) -> threading.Thread:
    thread = threading.Thread(target=connection.execute, args=(statement.encode(),), daemon=True)
    thread.start()
    return thread


def test_a_migration_that_holds_up_the_application_is_ended(
    server: DatabaseServer, shop: Shop, application: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrator, "WAIT_LIMIT", 0.2)
    with guarded(server, shop.database) as guard, shop.connect() as migration:
        migration.execute("BEGIN")
        migration.execute("ALTER TABLE users ADD COLUMN note text")
        waiting = _wait_in_thread(application, "SELECT count(*) FROM users")
        with pytest.raises(psycopg.OperationalError):
            migration.execute("SELECT pg_sleep(30)")
        waiting.join(30)
    assert not waiting.is_alive()
    assert "SELECT count(*) FROM users" in guard.verdict


def test_a_migration_that_nobody_waits_for_may_take_its_time(
    server: DatabaseServer, shop: Shop, application: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrator, "WAIT_LIMIT", 0.2)
    with guarded(server, shop.database) as guard, shop.connect() as migration:
        migration.execute("BEGIN")
        migration.execute("ALTER TABLE users ADD COLUMN note text")
        migration.execute("SELECT pg_sleep(0.6)")
        migration.execute("COMMIT")
    assert guard.verdict == ""


def test_a_lock_of_the_application_itself_ends_nothing(
    server: DatabaseServer, shop: Shop, application: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One instance waits for another. That is no reason to end a migration, nor the instance."""
    monkeypatch.setattr(migrator, "WAIT_LIMIT", 0.2)
    with shop.connect() as other:
        other.execute("BEGIN")
        other.execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
        with guarded(server, shop.database) as guard:
            waiting = _wait_in_thread(application, "SELECT count(*) FROM users")
            other.execute("SELECT pg_sleep(0.6)")
        other.execute("COMMIT")
        waiting.join(30)
    assert guard.verdict == ""
