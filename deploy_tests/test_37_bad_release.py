"""Checks that every bad release was noticed and taken back while the good one served."""

from __future__ import annotations

import httpx
import pytest

from rollout.application import APPLICATION
from rollout.deployment.deployment import Deployment
from rollout.journal.events import production, select
from rollout.migrations.health import applied_versions
from rollout.phases.phase import PhaseResult
from rollout.production import bad_releases
from rollout.production.deployed import Deployed
from rollout.production.load_outcome import Loaded
from rollout.results.load import release_of
from rollout.site.views import CheckedSite

pytestmark = [pytest.mark.phase("bad_release"), pytest.mark.timeout(120)]

KINDS = pytest.mark.parametrize("kind", bad_releases.DEFECTS, ids=lambda kind: kind.name)


def test_bad_release_phase_passed(phase: PhaseResult) -> None:
    phase.require()


@pytest.fixture
def loaded(released: Deployed) -> Loaded:
    return released.loads["bad releases"]


def _tried(deployment: Deployment, kind: bad_releases.Defect) -> production.BadReleaseTried:
    (found,) = (each for each in select(production.BadReleaseTried, deployment.run.journal.events())
                if each.kind == kind.name)  # fmt: skip
    return found


@KINDS
def test_is_taken_back(deployment: Deployment, kind: bad_releases.Defect) -> None:
    assert _tried(deployment, kind).outcome == "taken_back"


@KINDS
def test_is_noticed_by_the_step_that_looks_for_it(deployment: Deployment, kind: bad_releases.Defect) -> None:
    assert _tried(deployment, kind).noticed in kind.noticed


@KINDS
def test_is_named_with_its_reason(deployment: Deployment, kind: bad_releases.Defect) -> None:
    assert _tried(deployment, kind).message


def test_no_request_was_lost(loaded: Loaded) -> None:
    assert loaded.result is not None
    assert [each for each in loaded.result.requests if each.outcome == "lost"] == []


def test_only_bad_instances_failed_requests(loaded: Loaded) -> None:
    assert loaded.result is not None
    failed = {release_of(each.instance) for each in loaded.result.requests if each.outcome == "failed"}
    assert failed <= set(bad_releases.LABELS)


def test_the_good_release_answered_nearly_everything(loaded: Loaded) -> None:
    assert loaded.summary is not None
    good = sum(count for name, count in loaded.summary.answered.items() if release_of(name) == "b")
    assert good > loaded.summary.totals.requests / 2


def test_no_session_stayed_away(loaded: Loaded) -> None:
    assert loaded.summary is not None
    assert loaded.summary.sessions.broken == 0


def test_every_datum_is_there_once(loaded: Loaded) -> None:
    if not loaded.plan.proofs:
        pytest.skip("the load writes no data here")
    assert (loaded.missing, loaded.doubled) == ([], [])


def test_the_schema_is_as_before(site: CheckedSite, released: Deployed) -> None:
    with site.database.connect(site.databases["prod"]) as connection:
        found = applied_versions(connection)["public"]
        half = connection.execute("SELECT to_regclass('rollout_half_done')").fetchone()
    assert tuple(map(str, found)) == released.releases["b"].migrations
    assert half == (None,)


def test_the_good_instances_serve_as_before(released: Deployed, public: httpx.Client) -> None:
    statuses = released.running.proxy.statuses()
    assert set(statuses) == set(released.running.instances)
    assert {name[0] for name in statuses} == {"b"}
    assert all(status.is_up for status in statuses.values())
    assert public.get(APPLICATION.ready_path).status_code == 200
