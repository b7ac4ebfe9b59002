"""All questions about one application, each on a copy that is gone afterwards."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rollout.errors import AlreadyExists
from rollout.journal import Journal, Redactor, read_events
from rollout.migrations.assessment import Assessment
from rollout.migrations.health import applied_versions
from rollout.migrations.operations import Migration, Operation
from rollout.migrations.rule import Settings
from rollout.site.postgres import schema
from tests.integration.migrations.conftest import Migrator, Shop

RUN = "a1b2c3"
UP, DOWN = "CREATE INDEX by_age ON users (age)", "DROP INDEX by_age"
INDEX = Operation(
    version=2, file="2_index.exs", line=5, statement=5, direction="change", kind="create_index", table="users",
    options={"columns": ["age"]},
)  # fmt: skip


@pytest.fixture
def journal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Journal]:
    journal = Journal(tmp_path_factory.mktemp("journal") / "journal.jsonl", run=RUN, redactor=Redactor())
    yield journal
    journal.close()


def assessment(shop: Shop, journal: Journal, *, down: str = DOWN) -> Assessment:
    def migrator(database: str) -> Migrator:
        return Migrator(connect=lambda: shop.server.connect(database))

    def migrate(database: str) -> None:
        with shop.server.connect(database) as connection, connection.transaction():
            connection.execute("LOCK TABLE schema_migrations IN SHARE UPDATE EXCLUSIVE MODE")
            if 2 not in applied_versions(connection)["public"]:
                migrator(database).up(2, UP)

    return Assessment(
        server=shop.server,
        database=shop.database,
        owner="postgres",
        run=RUN,
        path="realistic",
        act=journal.act,
        record=journal.record,
        migrations=(Migration(version=2, file="2_index.exs", functions=("change",), operations=(INDEX,)),),
        settings=Settings(server_major=18, applied=frozenset({1})),
        migrate=migrate,
        roll_back=lambda database: migrator(database).down(2, down),
        rows=500,
    )


def databases(shop: Shop) -> set[str]:
    with shop.server.connect() as connection:
        return {str(row[0]) for row in connection.execute("SELECT datname FROM pg_database").fetchall()}


def test_every_question_is_answered_on_a_copy_and_the_database_in_use_stays_as_it_is(
    shop: Shop, journal: Journal
) -> None:
    with shop.connect() as connection:
        before = (databases(shop), schema(connection), applied_versions(connection))
    asked = assessment(shop, journal)

    rules = {finding.rule for finding in asked.judge()}
    measured, reversal, raced = asked.measure(), asked.reverse(), asked.race(2)

    assert {"index_not_concurrently", "no_lock_timeout"} == rules
    assert {"public.users": 500} == measured.rows
    assert ("public.users", "ShareLock") in {(lock.table, lock.mode) for lock in measured.versions[0].locks}
    assert (True, True) == (reversal.is_reversible, raced.did_it_once)
    with shop.connect() as connection:
        assert before == (databases(shop), schema(connection), applied_versions(connection))
    names = [event["event"] for event in read_events(journal.path) if event["event"].startswith("migrations.")]
    assert ["judged", "measured", "reversed", "raced"] == [name.removeprefix("migrations.") for name in names]


def test_failing_question_leaves_no_copy(shop: Shop, journal: Journal) -> None:
    """A command that fails is an answer."""
    before = databases(shop)

    found = assessment(shop, journal, down="DROP INDEX nothing").reverse()

    assert found.failure == 'down failed: UndefinedObject: index "nothing" does not exist'
    assert before == databases(shop)


def test_copy_is_never_taken_from_somebody_else(shop: Shop, journal: Journal) -> None:
    name = f"{shop.database}_reversed_{RUN}"
    with shop.server.connect() as connection:
        connection.execute(f"CREATE DATABASE {name}")
        connection.execute(f"COMMENT ON DATABASE {name} IS 'orders'")
    try:
        with pytest.raises(AlreadyExists):
            assessment(shop, journal).reverse()
        assert name in databases(shop)
    finally:
        with shop.server.connect() as connection:
            connection.execute(f"DROP DATABASE {name}")
