"""What a campaign is settled to, and what of it changes once the warm-up has shown how the paths run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rollout.campaign.campaign import Campaign, begin, facts
from rollout.campaign.design import Design, design, is_warm_up, refuse_what_cannot_be_meant
from rollout.campaign.schedule import schedule
from rollout.campaign.trial_log import AnotherCampaign
from rollout.errors import InvalidOption, UsageError
from rollout.faults import Means
from rollout.results.campaign.trials import Result, Specification
from tests.unit.campaign.trials import result, trial
from tests.unit.fakes import options

HERE = Means(forge="container", database="container", is_root=True, signs=True)
BOTH = {"paths": "realistic,ambitious"}


def designed(folder: Path, *, means: Means = HERE, **given: Any) -> Design:
    asked = options(folder, **{"source": "rehearsal", **BOTH, **given})
    refuse_what_cannot_be_meant(asked)
    return design(asked, is_rehearsal=True, means=means)


def warm_up(campaign: Campaign, path: str) -> tuple[Specification, ...]:
    return tuple(one for runs in campaign.design.warm_ups() for one in runs if one.path == path)


def failed(run: Specification, **facts: Any) -> Result:
    usual = {"outcome": "dirty", "settled": "dirty", "bites": 0, "failed_at": "generation", "cause": "version_conflict"}
    return result(run, **{**usual, **facts})


def struck(made: Design, ends: dict[str, str]) -> set[tuple[str, str]]:
    return {(one.path, one.phase) for one in schedule(made.wish({}, ends)) if one.phase}


def test_what_a_path_never_comes_to_is_not_struck_and_said_so(tmp_path: Path) -> None:
    """The ambitious path that fails while it is generated has no server that could be struck."""
    campaign = begin(designed(tmp_path, faults="port_taken,server_crashes,registry_503"), tmp_path)
    assert ("ambitious", "server") in struck(campaign.design, {})
    for run in warm_up(campaign, "realistic"):
        campaign.ledger.add(result(run, outcome="deployed", settled="deployed", bites=0, failed_at=None))
    for run in warm_up(campaign, "ambitious"):
        campaign.ledger.add(failed(run))
    assert campaign.ends == {"ambitious": "generation"}
    places = struck(campaign.design, dict(campaign.ends))
    assert ("ambitious", "server") not in places
    assert {("ambitious", "generation"), ("realistic", "server")} <= places
    why = "in its warm-up it failed there without any fault (version_conflict)"
    assert campaign.left_out == {"phases of ambitious after generation": why}


def test_a_fault_that_no_path_comes_to_any_more_is_named_and_its_place_is_not_taken_by_controls(tmp_path: Path) -> None:
    campaign = begin(designed(tmp_path, paths="ambitious", faults="server_crashes", trials="4"), tmp_path)
    assert campaign.planned == 4 * 2 + 4 * 2  # both forms, and the control twice
    for run in warm_up(campaign, "ambitious"):
        campaign.ledger.add(failed(run))
    assert campaign.left_out["server_crashes"] == "no path comes to a phase that it can strike"
    assert campaign.planned == 2


def test_a_path_that_promises_to_be_deployed_is_struck_everywhere_even_if_its_warm_up_failed(tmp_path: Path) -> None:
    campaign = begin(designed(tmp_path, faults="sigterm"), tmp_path)
    for run in warm_up(campaign, "realistic"):
        campaign.ledger.add(failed(run, failed_at="database"))
    assert campaign.ends == {}


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
def test_a_warm_up_that_failed_for_what_passes_by_itself_says_nothing_of_the_path(
    tmp_path: Path, facts: dict[str, Any]
) -> None:
    campaign = begin(designed(tmp_path, faults="sigterm"), tmp_path)
    for run in warm_up(campaign, "ambitious"):
        campaign.ledger.add(failed(run, **facts))
    assert (campaign.ends, campaign.left_out) == ({}, {})


def test_a_watched_path_is_warmed_up_once_and_the_others_twice(tmp_path: Path) -> None:
    first, again = designed(tmp_path).warm_ups()
    assert [one.path for one in first] == ["realistic"]
    assert [one.path for one in again] == ["realistic", "ambitious"]
    assert len({one.key for one in (*first, *again)}) == 3
    assert all(is_warm_up(one) for one in (*first, *again))


def test_a_fault_that_the_site_has_no_means_for_is_left_out_with_the_reason(tmp_path: Path) -> None:
    without = Means(forge="host", database="embedded", is_root=True, signs=False)
    made = designed(tmp_path, means=without, faults="release_retired,disk_full,sigterm")
    assert [kind.name for kind in made.choice.kinds] == ["sigterm"]
    assert "signed" in made.left_out["release_retired"]
    assert "containers" in made.left_out["disk_full"]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"fault": "sigterm"}, "--fault"),
        ({"through": "server"}, "whole paths"),
        ({"faults": "registry_dwon"}, "did you mean registry_down"),
        ({"faults": "registry_down@serverr"}, "one of prerequisites"),
        ({"faults": "registry_down:sometimes"}, "transient"),
        ({"paths": "ambitous"}, "did you mean ambitious"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, given: dict[str, Any], says: str) -> None:
    with pytest.raises((UsageError, InvalidOption), match=says):
        designed(tmp_path, **given)


@pytest.mark.parametrize(
    "other", [{"seed": "8"}, {"paths": "realistic"}, {"faults": "kills"}, {"scenario": "ambitious"}]
)
def test_what_was_counted_under_one_question_does_not_count_under_another(
    tmp_path: Path, other: dict[str, Any]
) -> None:
    begun = begin(designed(tmp_path, seed="7", trials="3"), tmp_path)
    begun.ledger.add(result(trial()))
    gone_on = begin(designed(tmp_path, seed="7", resume=str(tmp_path)), tmp_path / "elsewhere")
    assert (gone_on.folder, gone_on.design.trials, len(gone_on.results)) == (tmp_path, 3, 1)
    with pytest.raises(AnotherCampaign, match=f"begun with {next(iter(other))}"):
        designed(tmp_path, resume=str(tmp_path), **{"seed": "7", **other})


def test_no_password_is_in_what_a_campaign_writes_down(tmp_path: Path) -> None:
    """Neither in the ledger's head, nor in a trial; and with or without it, it is the same campaign."""
    asked: dict[str, Any] = {"source": "mirror:https://me:s3cret@mirror.example", "seed": "7"}
    campaign = begin(designed(tmp_path, **asked), tmp_path)
    campaign.ledger.add(result(next(schedule(campaign.design.wish({}, {})))))
    assert "s3cret" not in campaign.ledger.path.read_text()
    assert "s3cret" not in json.dumps(facts(campaign), default=str)
    assert "s3cret" in " ".join(campaign.ground.arguments)
    assert begin(designed(tmp_path, **asked, resume=str(tmp_path)), tmp_path / "b").results == campaign.results
