"""The design of a campaign, and how the results of the warm-up change it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rollout.campaign.campaign import Campaign, campaign_facts, start_campaign
from rollout.campaign.design import Design, check_options, design, is_warm_up
from rollout.campaign.schedule import schedule
from rollout.campaign.trial_log import DifferentCampaign
from rollout.errors import InvalidOption, UsageError
from rollout.faults import Means
from rollout.results.campaign.trials import Result, Specification
from tests.unit.campaign.trials import result, trial
from tests.unit.fakes import options

HERE = Means(forge="container", database="container", is_root=True, signs=True)
BOTH = {"paths": "realistic,ambitious"}


def designed(folder: Path, *, means: Means = HERE, **given: Any) -> Design:
    parsed = options(folder, **{"source": "rehearsal", **BOTH, **given})
    check_options(parsed)
    return design(parsed, is_rehearsal=True, means=means)


def warm_up(campaign: Campaign, path: str) -> tuple[Specification, ...]:
    return tuple(one for runs in campaign.design.warm_ups() for one in runs if one.path == path)


def failed(run: Specification, **facts: Any) -> Result:
    usual = {"outcome": "dirty", "settled": "dirty", "bites": 0, "failed_at": "generation", "cause": "version_conflict"}
    return result(run, **{**usual, **facts})


def fault_targets(made: Design, failing_phases: dict[str, str]) -> set[tuple[str, str]]:
    return {(one.path, one.phase) for one in schedule(made.schedule_request({}, failing_phases)) if one.phase}


def test_unreachable_phases_get_no_fault_and_are_listed(tmp_path: Path) -> None:
    """An ambitious path that fails during generation never reaches its server phase."""
    campaign = start_campaign(designed(tmp_path, faults="port_taken,server_crashes,registry_503"), tmp_path)
    assert ("ambitious", "server") in fault_targets(campaign.design, {})
    for run in warm_up(campaign, "realistic"):
        campaign.trial_log.add(result(run, outcome="deployed", settled="deployed", bites=0, failed_at=None))
    for run in warm_up(campaign, "ambitious"):
        campaign.trial_log.add(failed(run))
    assert campaign.failing_phases == {"ambitious": "generation"}
    places = fault_targets(campaign.design, dict(campaign.failing_phases))
    assert ("ambitious", "server") not in places
    assert {("ambitious", "generation"), ("realistic", "server")} <= places
    why = "in its warm-up it failed there without any fault (version_conflict)"
    assert campaign.left_out == {"phases of ambitious after generation": why}


def test_a_fault_without_a_reachable_phase_is_listed_and_not_replaced_by_controls(tmp_path: Path) -> None:
    campaign = start_campaign(designed(tmp_path, paths="ambitious", faults="server_crashes", trials="4"), tmp_path)
    assert campaign.planned == 4 * 2 + 4 * 2  # both forms, and the control twice
    for run in warm_up(campaign, "ambitious"):
        campaign.trial_log.add(failed(run))
    assert campaign.left_out["server_crashes"] == "no path reaches a phase for it"
    assert campaign.planned == 2


def test_a_managed_path_gets_faults_at_every_phase_even_if_its_warm_up_failed(tmp_path: Path) -> None:
    campaign = start_campaign(designed(tmp_path, faults="sigterm"), tmp_path)
    for run in warm_up(campaign, "realistic"):
        campaign.trial_log.add(failed(run, failed_at="database"))
    assert campaign.failing_phases == {}


@pytest.mark.parametrize(
    "facts",
    [
        {"outcome": "error", "settled": "error"},
        {"outcome": "killed"},
        {"outcome": "refused", "settled": "refused", "cause": "port_taken"},
        {"cause": "registry_unreachable"},
        {"cause": "timeout"},
    ],
)
def test_a_warm_up_that_failed_for_a_temporary_cause_changes_nothing(tmp_path: Path, facts: dict[str, Any]) -> None:
    campaign = start_campaign(designed(tmp_path, faults="sigterm"), tmp_path)
    for run in warm_up(campaign, "ambitious"):
        campaign.trial_log.add(failed(run, **facts))
    assert (campaign.failing_phases, campaign.left_out) == ({}, {})


def test_an_observed_path_has_one_warm_up_and_the_others_two(tmp_path: Path) -> None:
    first, again = designed(tmp_path).warm_ups()
    assert [one.path for one in first] == ["realistic"]
    assert [one.path for one in again] == ["realistic", "ambitious"]
    assert len({one.key for one in (*first, *again)}) == 3
    assert all(is_warm_up(one) for one in (*first, *again))


def test_a_fault_that_the_site_cannot_inject_is_left_out_with_the_reason(tmp_path: Path) -> None:
    without = Means(forge="host", database="embedded", is_root=True, signs=False)
    made = designed(tmp_path, means=without, faults="release_retired,disk_full,sigterm")
    assert [kind.name for kind in made.selection.kinds] == ["sigterm"]
    assert "signed" in made.left_out["release_retired"]
    assert "containers" in made.left_out["disk_full"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"fault": "sigterm"}, "--campaign and --fault exclude each other"),
        ({"through": "server"}, "whole paths"),
        ({"faults": "registry_dwon"}, "did you mean registry_down"),
        ({"faults": "registry_down@serverr"}, "one of prerequisites"),
        ({"faults": "registry_down:sometimes"}, "transient"),
        ({"paths": "ambitous"}, "did you mean ambitious"),
    ],
)
def test_invalid_options_are_rejected(tmp_path: Path, given: dict[str, Any], message: str) -> None:
    with pytest.raises((UsageError, InvalidOption), match=message):
        designed(tmp_path, **given)


@pytest.mark.parametrize(
    "other", [{"seed": "8"}, {"paths": "realistic"}, {"faults": "kills"}, {"scenario": "ambitious"}]
)
def test_a_campaign_is_resumed_with_equal_options_only(tmp_path: Path, other: dict[str, Any]) -> None:
    started = start_campaign(designed(tmp_path, seed="7", trials="3"), tmp_path)
    started.trial_log.add(result(trial()))
    resumed = start_campaign(designed(tmp_path, seed="7", resume=str(tmp_path)), tmp_path / "elsewhere")
    assert (resumed.folder, resumed.design.trials, len(resumed.results)) == (tmp_path, 3, 1)
    with pytest.raises(DifferentCampaign, match=f"was started with {next(iter(other))}"):
        designed(tmp_path, resume=str(tmp_path), **{"seed": "7", **other})


def test_a_campaign_writes_no_password(tmp_path: Path) -> None:
    """Neither to the head of the trial log nor to a trial. It can be resumed all the same."""
    given: dict[str, Any] = {"source": "mirror:https://me:s3cret@mirror.example", "seed": "7"}
    campaign = start_campaign(designed(tmp_path, **given), tmp_path)
    campaign.trial_log.add(result(next(schedule(campaign.design.schedule_request({}, {})))))
    assert "s3cret" not in campaign.trial_log.path.read_text()
    assert "s3cret" not in json.dumps(campaign_facts(campaign), default=str)
    assert "s3cret" in " ".join(campaign.settings.arguments)
    assert start_campaign(designed(tmp_path, **given, resume=str(tmp_path)), tmp_path / "b").results == campaign.results
