"""A run finds the newest campaign with the same plan, packages and population."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from rollout.campaign import newest_results
from rollout.config.plan import load_plan
from rollout.config.run import Run
from rollout.report.campaign.writer import write_campaign
from rollout.results.campaign.summary import summarise
from tests.unit.fakes import options
from tests.unit.report import campaigns

PLANS = {path: load_plan(path, rehearsal=True).identity for path in ("realistic", "incremental", "ambitious")}
KIND = "rehearsal:default"


def campaign(reports: Path, name: str, *, age: int, plans: dict[str, str] = PLANS, **facts: Any) -> Path:
    """Write a campaign with its reports. `age` in seconds."""
    folder = reports / name
    write_campaign(folder, {**campaigns.many(), "plans": plans, "started": f"2026-01-{28 - age:02}T10:00:00", **facts})
    os.utime(folder / "campaign.json", (1_000_000 - age, 1_000_000 - age))
    return folder


def found(reports: Path, kind: str = KIND, plans: dict[str, str] = PLANS) -> dict[str, Any]:
    return newest_results.find_newest(reports, kind, plans, seen_from=reports / "the-run")


def test_the_newest_of_the_same_plan_is_taken(tmp_path: Path) -> None:
    """For each path. The link is relative to the run's folder and leads to the campaign's page."""
    campaign(tmp_path, "older", age=3)
    campaign(tmp_path, "newest", age=1, plans={"realistic": PLANS["realistic"], "ambitious": "of another plan"})
    (tmp_path / "latest").symlink_to("newest")
    rows = found(tmp_path)
    assert {"realistic": "newest", "incremental": "older", "ambitious": "older"} == {
        path: row["run"] for path, row in rows.items()
    }
    assert ("2026-01-27T10:00:00", "../newest/report.html") == (rows["realistic"]["at"], rows["realistic"]["href"])
    (tmp_path / "the-run").mkdir()
    assert (tmp_path / "the-run" / rows["realistic"]["href"]).is_file()


def test_campaigns_that_cannot_be_compared_are_ignored(tmp_path: Path) -> None:
    """Another population, another plan, no plan, and invalid files."""
    campaign(tmp_path, "mine", age=1)
    assert {} == found(tmp_path, kind="real")
    assert {} == found(tmp_path, plans={"realistic": "another"})
    for name, text in (("broken", "{"), ("list", "[]"), ("odd", json.dumps({"plans": PLANS, "population": KIND,
                                                                           "trials": 3, "paths": 4}))):  # fmt: skip
        (tmp_path / name).mkdir()
        (tmp_path / name / "campaign.json").write_text(text)
    assert {"mine"} == {row["run"] for row in found(tmp_path).values()}
    assert {} == newest_results.find_newest(tmp_path / "nowhere", KIND, PLANS, seen_from=tmp_path)


def test_a_campaign_without_a_page_has_no_link(tmp_path: Path) -> None:
    """Its rates are used all the same."""
    (campaign(tmp_path, "mine", age=1) / "report.html").unlink()
    assert "" == found(tmp_path)["realistic"]["href"]


def test_measures_are_computed_from_trials() -> None:
    """Success under the mix if it was measured, residue of failed trials, outcomes of control trials."""
    summary = summarise(campaigns.many())
    mine = [one for one in summary.results if one.specification.path == "realistic" and one.counts]
    control = [one for one in mine if one.specification.kind == "control"]
    failed = [one for one in mine if one.specification.kind == "fault" and one.outcome != "deployed"]
    measures = newest_results.measures_of(summary, "realistic")
    assert (len(control), len(control)) == (measures["ready"]["hits"], measures["ready"]["n"])
    assert (0, len(control)) == (measures["conflicts"]["hits"], measures["conflicts"]["n"])
    assert (len(failed), len(failed)) == (measures["failures_clean"]["hits"], measures["failures_clean"]["n"])
    world = next((one for one in summary.worlds if one.path == "realistic"), None)
    assert (world is None) == ("success" not in measures)
    observed = newest_results.measures_of(summary, "ambitious")
    assert observed["failures_clean"]["hits"] < observed["failures_clean"]["n"]
    assert {} == newest_results.measures_of(summary, "unknown path")


def test_a_run_journals_what_its_report_needs(tmp_path: Path) -> None:
    """At its end it records `campaign.read`."""
    run = Run(options(tmp_path))
    campaign(run.options.reports, "mine", age=1)
    run.journal.record("run.started", source={"kind": "rehearsal"}, options={"scenario": "default"}, **_started())
    newest_results.journal_newest(run)
    (event,) = [event for event in run.journal.events() if event["event"] == "campaign.read"]
    assert PLANS.keys() == event["campaigns"].keys()
    assert (run.folder / event["campaigns"]["realistic"]["href"]).is_file()
    run.close(settled=True)


def _started() -> dict[str, Any]:
    return dict.fromkeys(("pid", "argv", "forge", "database", "host", "versions", "paths", "plan", "gate"), ())


@pytest.mark.parametrize("rehearsal", [True, False])
def test_the_identity_of_a_plan_depends_on_phases_and_packages(rehearsal: bool) -> None:
    """It does not depend on --through."""
    plan = load_plan("realistic", rehearsal=rehearsal)
    assert plan.identity == load_plan("realistic", rehearsal=rehearsal).identity == plan.through("database").identity
    assert plan.identity != load_plan("realistic", rehearsal=not rehearsal).identity
    assert plan.identity != load_plan("incremental", rehearsal=rehearsal).identity
