"""A trial as a test: passed, failed because a promise was broken, or skipped because its fault never bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rollout.campaign.campaign import Campaign, start_campaign
from rollout.campaign.design import design
from rollout.faults import Means
from suite import campaign as campaigns
from tests.unit.campaign.trials import result, trial
from tests.unit.fakes import options


@pytest.fixture
def campaign(tmp_path: Path) -> Campaign:
    means = Means(forge="container", database="container", is_root=True, signs=True)
    return start_campaign(
        design(options(tmp_path, paths="realistic,ambitious"), is_rehearsal=True, means=means), tmp_path
    )


@pytest.mark.parametrize(
    ("path", "facts", "outcome"),
    [
        ("realistic", {}, "passed"),
        ("realistic", {"outcome": "deployed", "settled": "deployed"}, "failed"),
        ("realistic", {"outcome": "void", "settled": "void", "bites": 0}, "skipped"),
        ("realistic", {"outcome": "dirty", "settled": "dirty", "bites": 0}, "failed"),
        ("realistic", {"outcome": "killed", "owed": ("a role",)}, "failed"),
        ("realistic", {"outcome": "error", "settled": "error", "bites": 0}, "failed"),
        ("realistic", {"outcome": "error"}, "failed"),
        ("ambitious", {"outcome": "dirty", "settled": "dirty"}, "passed"),
        ("ambitious", {"outcome": "dirty", "settled": "dirty", "bites": 0}, "skipped"),
        ("ambitious", {"changed": ("lost: a decoy",)}, "failed"),
    ],
)
def test_a_trial_fails_if_a_promise_was_broken(
    campaign: Campaign, path: str, facts: dict[str, Any], outcome: str
) -> None:
    phase = "database" if path == "realistic" else "setup"
    one = result(trial(path=path, phase=phase), **facts)
    reports = list(campaigns._reports(campaign, one))
    assert [report.outcome for report in reports] == ["passed", outcome, "passed"]
    told = str(reports[1].longrepr or "")
    assert {"passed": told == "", "failed": "expected:" in told, "skipped": "never bit" in told}[outcome]


def test_the_name_of_a_trial() -> None:
    assert campaigns.trial_name(trial()) == "realistic sigterm@database:transient"
    assert campaigns.trial_name(trial(kind="control", fault="", arm="A")) == "realistic control A"
    assert campaigns.trial_name(trial(kind="kills", at=7.25)) == "realistic kills at 7.25 s"


def test_the_line_of_a_trial_has_its_residue() -> None:
    said = campaigns.describe_result(result(settled="dirty", owed=("a role",), seconds=61.0))
    assert said == "rolled_back, then dirty (interrupted), bit 1x, 1 min 1 s; LEFT: a role"
