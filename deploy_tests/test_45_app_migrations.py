"""Checks of the migrations: complete, reversible, repeatable, and what they leave in the database."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from deploy_tests.support.commands import Ask
from rollout.app.migrations import IrreversibleMigration, files_of, versions
from rollout.hex.lockfile import Lock
from rollout.migrations import health
from rollout.phases.phase import PhaseResult
from rollout.site import postgres
from rollout.site.postgres import queries
from rollout.site.views import CheckedSite

pytestmark = [pytest.mark.phase("app_migrations"), pytest.mark.timeout(300)]

Found = Callable[[str], Mapping[str, Any]]
SEEDS = "priv/repo/seeds.exs"
BOOKKEEPING = {"schema_migrations"}


def test_migrations_phase_passed(phase: PhaseResult) -> None:
    """Every migration runs forward, and forward again after going back."""
    phase.require()


@pytest.fixture
def back_and_forth(found: Found) -> Mapping[str, Any]:
    facts = found("migrations")
    if "back_and_forth" not in facts:
        pytest.skip("[migrations] back = false")
    result: Mapping[str, Any] = facts["back_and_forth"]
    if not result["applied"]:
        pytest.skip("the application has no migrations")
    return result


def test_no_migration_is_pending(site: CheckedSite) -> None:
    applied = {version for own in versions(site).values() for version in own}
    assert [path for version, path in files_of(site.application) if version not in applied] == []


def test_every_applied_migration_is_in_the_repository(site: CheckedSite) -> None:
    """Packages may bring migrations of their own. Theirs are called by files of the application."""
    known = {version for version, _ in files_of(site.application)}
    assert [version for own in versions(site).values() for version in own if version not in known] == []


def test_no_two_migrations_have_one_version(site: CheckedSite) -> None:
    folders = Counter((path.rpartition("/")[0], version) for version, path in files_of(site.application))
    assert [f"{folder}: {version}" for (folder, version), count in folders.items() if count > 1] == []


def test_no_migration_is_of_the_future(site: CheckedSite) -> None:
    """One would keep every later one from being the newest. A day is left for time zones."""
    tomorrow = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=1)
    latest = int(tomorrow.strftime("%Y%m%d%H%M%S"))
    assert [path for version, path in files_of(site.application) if version > latest] == []


def test_every_migration_goes_back(back_and_forth: Mapping[str, Any]) -> None:
    """One that does not has to say what `down` does. `[migrations] back = false` asks for none."""
    if back_and_forth["stopped_at"]:
        raise IrreversibleMigration(**{name: back_and_forth[name] for name in ("stopped_at", "reverted", "applied")})


def test_the_schema_is_the_same_after_going_back_and_forth(back_and_forth: Mapping[str, Any]) -> None:
    assert not back_and_forth["drift"]


def test_going_back_leaves_no_table(back_and_forth: Mapping[str, Any]) -> None:
    """A table that stays would be in the way of the migration that makes it."""
    if back_and_forth["stopped_at"]:
        pytest.skip("not every migration goes back")
    assert not back_and_forth["left"]


def test_migrating_again_changes_nothing(ask: Ask, site: CheckedSite) -> None:
    before = site.database_digest(site.databases["dev"])
    again = ask("mix", "ecto.migrate", label="migrate again", repeatable=True)
    assert again.ok, again.tail
    assert site.database_digest(site.databases["dev"]) == before


def test_no_index_is_invalid(dev_database: postgres.Connection) -> None:
    """A CREATE INDEX CONCURRENTLY that failed leaves one."""
    assert health.invalid_indexes(dev_database) == ()


def test_every_constraint_is_validated(dev_database: postgres.Connection) -> None:
    """Oban leaves one NOT VALID on purpose."""
    left = health.unvalidated_constraints(dev_database)
    assert [constraint for constraint in left if not constraint.startswith("public.oban_")] == []


def test_every_table_has_a_primary_key_or_a_unique_index(dev_database: postgres.Connection) -> None:
    """Without one, a row cannot be named, and logical replication cannot update it."""
    tables = set(queries.tables(dev_database)) - BOOKKEEPING
    if not tables:
        pytest.skip("the application has no tables")
    assert sorted(table for table in tables if not queries.unique_indexes(dev_database, table)) == []


def test_seeds_can_be_run_again(ask: Ask, site: CheckedSite) -> None:
    """The phase has run them once. Rows that they add each time are told."""
    if not site.file(SEEDS).is_file():
        pytest.skip(f"the application has no {SEEDS}")
    before = _rows(site)
    again = ask("mix", "run", SEEDS, label="seeds, a second time")
    assert again.ok, again.tail
    added = {table: (before.get(table, 0), count) for table, count in _rows(site).items() if before.get(table) != count}
    if added:
        pytest.skip(f"they can, and add rows each time: {added}")


def test_code_generation_finds_no_drift(ask: Ask, used: Lock) -> None:
    if "ash_postgres" not in used:
        pytest.skip("the application does not generate its migrations with Ash")
    drift = ask("mix", "ash.codegen", "--check", label="no drift between resources and migrations", repeatable=True)
    assert drift.ok, drift.tail


def _rows(site: CheckedSite) -> dict[str, int]:
    with site.database.connect(site.databases["dev"]) as connection:
        return {table: queries.rows(connection, table) for table in queries.tables(connection)}
