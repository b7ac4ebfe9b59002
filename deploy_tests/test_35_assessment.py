"""Checks what B's migrations do before they run: by rules, and measured on copies of the production database."""

from __future__ import annotations

import pytest

from rollout.migrations.rule import SEVERITIES
from rollout.phases.phase import PhaseResult
from rollout.production.assessed import Assessed
from rollout.production.deployed import Deployed
from rollout.production.migrator import WAIT_LIMIT
from rollout.site import postgres
from rollout.site.views import CheckedSite

pytestmark = [pytest.mark.phase("assessment"), pytest.mark.timeout(120)]


def test_assessment_phase_passed(phase: PhaseResult) -> None:
    phase.require()


@pytest.fixture
def assessed(released: Deployed) -> Assessed:
    assert released.assessed is not None
    return released.assessed


def test_there_are_migrations_to_assess(assessed: Assessed, released: Deployed) -> None:
    a, b = released.releases["a"].migrations, released.releases["b"].migrations
    assert [str(each.version) for each in assessed.new] == list(b[len(a) :])


@pytest.mark.parametrize("severity", [name for name in SEVERITIES if name != "other"])
def test_no_rule_is_broken(assessed: Assessed, severity: str) -> None:
    new = {each.version for each in assessed.new}
    broken = [each for each in assessed.findings if each.version in new and each.severity == severity]
    assert [f"{each.migration}:{each.line} {each.rule}: {each.instead}" for each in broken if not each.allowed] == []


def test_they_run_on_a_copy_with_many_rows(assessed: Assessed) -> None:
    assert assessed.measurement.failure is None
    assert [str(each.version) for each in assessed.measurement.versions] == [str(each.version) for each in assessed.new]
    assert max(assessed.measurement.rows.values()) >= 1000


def test_no_table_in_use_is_rewritten(assessed: Assessed) -> None:
    assert [each.rewritten for each in assessed.measurement.versions if each.rewritten] == []


def test_no_statement_waits_longer_than_the_limit(assessed: Assessed) -> None:
    blocked = assessed.measurement.longest_blocked
    assert blocked is None or blocked.seconds < WAIT_LIMIT


def test_statements_of_the_old_release_still_work(assessed: Assessed) -> None:
    assert dict(assessed.measurement.errors) == {}


def test_they_leave_no_invalid_index_and_no_constraint_to_validate(assessed: Assessed) -> None:
    assert (assessed.measurement.invalid_indexes, assessed.measurement.unvalidated) == ((), ())


def test_up_down_up_keeps_schema_and_rows(assessed: Assessed) -> None:
    reversal = assessed.reversal
    assert reversal.failure is None
    assert (reversal.after_down, reversal.after_second_up, reversal.lost) == ((), (), ())


def test_three_migrators_at_once_do_the_work_once(assessed: Assessed) -> None:
    assert assessed.several.did_it_once
    assert dict(assessed.several.failures) == {}


def test_the_copies_are_gone(site: CheckedSite) -> None:
    names = [name for name in postgres.facts(site.database, (), site.role) if name.startswith("database ")]
    assert {name.removeprefix("database ") for name in names} <= set(site.databases.values())
