"""Checks what the upgrade under load did to requests, sessions and data."""

from __future__ import annotations

import json
from collections.abc import Sequence

import httpx
import pytest

from rollout.application import APPLICATION
from rollout.config.flags import option
from rollout.deployment.deployment import Deployment
from rollout.journal.events import production, select
from rollout.migrations.health import applied_versions, invalid_indexes, unvalidated_constraints
from rollout.migrations.server_log import count_errors, errors_in
from rollout.phases.phase import PhaseResult
from rollout.production.deployed import Deployed
from rollout.production.fleet import STOP_WITHIN
from rollout.production.load_outcome import Loaded
from rollout.production.soaked import Soaked
from rollout.results.load import BROKEN_AFTER, LoadSummary, release_of
from rollout.site.views import CheckedSite

pytestmark = [pytest.mark.phase("upgrade"), pytest.mark.timeout(120)]


def test_upgrade_phase_passed(phase: PhaseResult) -> None:
    phase.require()


@pytest.fixture
def loaded(released: Deployed) -> Loaded:
    return released.loads["upgrade"]


@pytest.fixture
def summary(loaded: Loaded) -> LoadSummary:
    assert loaded.summary is not None
    return loaded.summary


def _events(deployment: Deployment) -> Sequence[dict[str, object]]:
    return [event for event in deployment.run.journal.events() if event.get("phase") == "upgrade"]


def test_requests_came_all_the_time(summary: LoadSummary) -> None:
    assert summary.totals.requests > 100
    assert all(window.requests for window in summary.windows)


def test_no_request_was_lost(summary: LoadSummary) -> None:
    assert (summary.totals.lost, dict(summary.errors)) == (0, {})


def test_no_request_failed(summary: LoadSummary) -> None:
    assert summary.totals.failed == 0


def test_both_releases_have_answered(summary: LoadSummary) -> None:
    assert {release_of(name) for name in summary.answered} == {"a", "b"}


def test_no_session_stayed_away(summary: LoadSummary) -> None:
    assert summary.sessions.broken == 0, f"a session did not come back within {BROKEN_AFTER:.0f} s"


def test_sessions_moved_to_another_instance(loaded: Loaded, summary: LoadSummary) -> None:
    if not loaded.plan.sessions:
        pytest.skip("the load has no LiveView sessions here")
    assert summary.sessions.lost == summary.sessions.rejoined > 0


def test_forms_kept_what_was_typed(loaded: Loaded, summary: LoadSummary) -> None:
    if not any(kind.form for kind in loaded.plan.sessions):
        pytest.skip("the load has no LiveView session with a form here")
    assert summary.sessions.forms_lost == 0
    assert summary.sessions.forms_kept > 0


def test_every_acknowledged_datum_is_there(loaded: Loaded) -> None:
    if not loaded.plan.proofs:
        pytest.skip("the load writes no data here")
    assert loaded.missing == []


def test_no_datum_is_there_twice(loaded: Loaded) -> None:
    if not loaded.plan.proofs:
        pytest.skip("the load writes no data here")
    assert loaded.doubled == []


def test_no_release_asked_for_what_the_schema_has_not(loaded: Loaded) -> None:
    """Neither did old code meet the new schema badly, nor new code the old one, nor did connections run out."""
    if loaded.database_log is None:
        pytest.skip("the log of the database server cannot be read")
    assert dict(count_errors(loaded.database_log)) == {}


def test_the_database_logged_no_error(loaded: Loaded) -> None:
    if loaded.database_log is None:
        pytest.skip("the log of the database server cannot be read")
    assert dict(errors_in(loaded.database_log)) == {}


def test_the_generator_was_fast_enough_to_judge(summary: LoadSummary) -> None:
    assert not summary.is_too_slow


def test_three_rolls_replaced_every_instance(deployment: Deployment) -> None:
    rolls = [(each.old, each.new, each.outcome) for each in select(production.RollFinished, _events(deployment))]
    assert rolls == [("a", "b", "replaced"), ("b", "a", "replaced"), ("a", "b", "replaced")]


def test_every_instance_ended_by_itself(deployment: Deployment) -> None:
    stopped = list(select(production.InstanceStopped, _events(deployment)))
    assert stopped
    assert [(each.instance, each.exit_code, each.how) for each in stopped if each.exit_code != 0] == []
    assert max(each.seconds for each in stopped) < STOP_WITHIN


def test_the_migrations_of_b_ran_once(deployment: Deployment, released: Deployed) -> None:
    ran = list(select(production.MigrationsRan, _events(deployment)))
    new = released.releases["b"].migrations[len(released.releases["a"].migrations) :]
    assert [(each.release, each.outcome, each.applied) for each in ran] == [("b", "passed", new)]


def test_the_schema_is_that_of_b(site: CheckedSite, released: Deployed) -> None:
    with site.database.connect(site.databases["prod"]) as connection:
        found = applied_versions(connection)["public"]
    assert tuple(map(str, found)) == released.releases["b"].migrations


def test_no_index_is_invalid_and_no_constraint_waits(site: CheckedSite) -> None:
    with site.database.connect(site.databases["prod"]) as connection:
        assert invalid_indexes(connection) == ()
        assert set(unvalidated_constraints(connection)) - APPLICATION.unvalidated == set()


def test_only_b_serves(released: Deployed, public: httpx.Client) -> None:
    assert {name[0] for name in released.running.instances} == {"b"}
    assert {name[0] for name in released.running.proxy.statuses()} == {"b"}
    assert public.get(APPLICATION.ready_path).status_code == 200


def test_static_files_of_a_are_served_by_b(released: Deployed, public: httpx.Client) -> None:
    """Pages that people opened before the upgrade still ask for the files of A."""
    (manifest,) = released.releases["a"].folder.glob(f"lib/{APPLICATION.app}-*/priv/static/cache_manifest.json")
    names = [name for name in json.loads(manifest.read_text(encoding="utf-8"))["digests"] if name.startswith("assets/")]
    assert names
    assert [name for name in names if public.get(f"/{name}").status_code != 200] == []


@pytest.fixture
def soaked(released: Deployed) -> Soaked:
    if released.soaked is None:
        pytest.skip(f"no soak was asked for ({option('soak')})")
    return released.soaked


def test_memory_is_below_its_bound_and_steady_during_the_soak(soaked: Soaked, released: Deployed) -> None:
    assert {each.instance for each in soaked.memory} == set(released.running.instances)
    assert soaked.wrong == ()


def test_the_soak_lost_no_request_and_no_datum(soaked: Soaked) -> None:
    assert soaked.loaded.summary is not None
    totals, sessions = soaked.loaded.summary.totals, soaked.loaded.summary.sessions
    assert totals.requests > 100
    assert (totals.lost, totals.failed, sessions.broken, sessions.forms_lost) == (0, 0, 0, 0)
    assert (soaked.loaded.missing, soaked.loaded.doubled) == ([], [])
