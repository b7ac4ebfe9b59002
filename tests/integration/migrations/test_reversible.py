"""Up, down, up on a real server; and several migrators at once."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rollout.migrations.health import applied_versions, capacity
from rollout.migrations.reversible import Reversal, up_down_up
from rollout.migrations.several import Several, result_of_one, several
from tests.integration.migrations.conftest import Shop

ADD = "ALTER TABLE users ADD COLUMN level int NOT NULL DEFAULT 1"


def reversal(shop: Shop, up: str, down: str) -> Reversal:
    return up_down_up(
        shop.connect,
        shop.database,
        up=lambda: shop.migrator.up(2, up),
        down=lambda: shop.migrator.down(2, down),
    )


def test_migration_whose_down_undoes_it_is_reversible(shop: Shop) -> None:
    assert Reversal() == reversal(shop, ADD, "ALTER TABLE users DROP COLUMN level")


def test_removed_column_comes_back_empty_which_is_said_and_is_no_loss_of_others(shop: Shop) -> None:
    """It is another column at another place; the rest of each row is as before."""
    found = reversal(shop, "ALTER TABLE users DROP COLUMN age", "ALTER TABLE users ADD COLUMN age int")

    assert (True, ("public.users.age",), ()) == (found.is_reversible, found.emptied, found.lost)


@pytest.mark.parametrize(
    ("up", "down", "expected"),
    [
        (ADD, "SELECT 1", Reversal(after_down=("column left behind: public.users.level",),
                                   failure="the second up failed: DuplicateColumn: "
                                   'column "level" of relation "users" already exists')),
        ("UPDATE users SET age = 0", "SELECT 1", Reversal(lost=("public.users.age",))),
        ("DELETE FROM users WHERE age > 60", "SELECT 1",
         Reversal(lost=tuple(f"public.users.{name}" for name in ("age", "email", "id", "name", "team_id")))),
        ("CREATE INDEX by_age ON users (age)", "ALTER TABLE nothing ADD x int",
         Reversal(failure='down failed: UndefinedTable: relation "nothing" does not exist')),
        ("ALTER TABLE users ALTER age TYPE bigint", "SELECT 1",
         Reversal(after_down=("column public.users.age: bigint, was integer",))),
    ],
)  # fmt: skip
def test_what_down_leaves_or_loses_is_named(shop: Shop, up: str, down: str, expected: Reversal) -> None:
    found = reversal(shop, up, down)

    assert expected == found
    assert not found.is_reversible


def raced(shop: Shop, migrate: Callable[[int], object], statement: str) -> Several:
    """Three migrators at once, compared with one that runs the statement alone in a copy."""
    with shop.server.connect() as connection:
        connection.execute(f"CREATE DATABASE {shop.database}_alone TEMPLATE template_shop")
    alone = Shop(server=shop.server, database=f"{shop.database}_alone")
    try:
        alone.migrator.up(2, statement)
        expected = result_of_one(alone.connect, alone.database)
    finally:
        with shop.server.connect() as connection:
            connection.execute(f"DROP DATABASE {alone.database} WITH (FORCE)")
    runs = [lambda number=number: migrate(number) for number in range(3)]
    return several(shop.connect, shop.database, runs, alone=expected, deadline=30)


def test_migrators_that_lock_the_ledger_do_the_work_once(shop: Shop) -> None:
    """As Ecto does: the lock comes before the question which versions are missing."""

    def migrate(number: int) -> None:
        with shop.connect() as connection, connection.transaction():
            connection.execute("LOCK TABLE schema_migrations IN SHARE UPDATE EXCLUSIVE MODE")
            if applied_versions(connection)["public"] == (1,):
                shop.migrator.up(2, ADD)

    found = raced(shop, migrate, ADD)

    assert (True, {}, ()) == (found.did_it_once, found.failures, found.hung)


def test_migrators_without_a_lock_are_caught(shop: Shop) -> None:
    """A table that anybody may add to is not protected by its key."""
    with shop.connect() as connection:
        connection.execute("ALTER TABLE schema_migrations DROP CONSTRAINT schema_migrations_pkey")
        connection.execute("CREATE TABLE done (at timestamptz)")

    found = raced(shop, lambda number: shop.migrator.up(2, f"CREATE INDEX copy_{number} ON users (age)"), ADD)

    assert not found.did_it_once
    assert ("public: 2",) == found.repeated
    assert "index left behind: public.users.copy_0" in found.schema
    assert "column lost: public.users.level" in found.schema


def test_versions_are_those_of_every_tenant(shop: Shop) -> None:
    with shop.connect() as connection:
        for tenant, version in (("blue", 1), ("red", 2)):
            connection.execute(f"CREATE SCHEMA {tenant}; CREATE TABLE {tenant}.schema_migrations (version bigint)")
            connection.execute(f"INSERT INTO {tenant}.schema_migrations VALUES ({version})")  # noqa: S608 - our own text
        versions = applied_versions(connection)

    assert {"blue": (1,), "public": (1,), "red": (2,)} == versions


def test_pools_fit_or_not(shop: Shop) -> None:
    with shop.connect() as connection:
        connection.execute("SELECT 1")
        fits, too_many = capacity(connection, [10, 10, 2]), capacity(connection, [60, 60])

    assert (100, 22, True, False) == (fits.allowed, fits.wanted, fits.fits, too_many.fits)
