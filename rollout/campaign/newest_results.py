"""Writes the success rates of each path's newest campaign to the journal at the end of a run.

Campaigns decide claims about rates. A run's report is a function of its journal alone, so the event `campaign.read`
holds what the report needs of a campaign: date, rates, number of trials, and a link relative to the run's folder. Only
a campaign with the same plan, packages and population counts.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import quote

from rollout.config.plan import load_plan
from rollout.config.run import Run
from rollout.config.values import PATHS
from rollout.errors import RolloutError
from rollout.report.campaign.writer import DATA, read_campaign
from rollout.report.writer import PAGE
from rollout.results.attempts import REAL, population
from rollout.results.campaign.statistics import FAULT, counted
from rollout.results.campaign.summary import Summary, summarise
from rollout.results.campaign.trials import CONTROL
from rollout.results.rates import Estimate, rate

MOST_READ = 20  # campaigns, newest first
_WARM_UP = "warm-up"


def journal_newest(run: Run) -> None:
    """Journal the newest campaign of each path. An invalid campaign never fails the run."""
    kind = population(run.events())
    found = find_newest(run.options.reports, kind, _plans(rehearsal=kind != REAL), seen_from=run.folder)
    with run.journal.forgiving():
        run.journal.record("campaign.read", campaigns=found)


def find_newest(reports: Path, kind: str, plans: Mapping[str, str], *, seen_from: Path) -> dict[str, dict[str, Any]]:
    """Path → row of the newest campaign of this population (`kind`) and plan.

    Keys of a row: run, at, href, trials (number of trials of the path), measures (name → a rate or an estimate).
    `plans`: path → identity of its plan. `seen_from`: the folder to which `href` is relative.
    """
    found: dict[str, dict[str, Any]] = {}
    for folder, data in _campaigns(reports):
        named = data.get("plans")
        same = [path for path, plan in plans.items() if isinstance(named, Mapping) and named.get(path) == plan]
        wanted = [path for path in same if path not in found]
        if data.get("population") != kind or not wanted:
            continue
        with contextlib.suppress(ValueError, TypeError, AttributeError, KeyError):  # edited, or of another version
            summary = summarise(data)
            for path in wanted:
                if measures := measures_of(summary, path):
                    found[path] = {
                        "run": folder.name, "at": str(data.get("started") or ""), "href": _link(folder, seen_from),
                        "trials": sum(one.specification.path == path for one in summary.results), "measures": measures,
                    }  # fmt: skip
        if len(found) == len(plans):
            break
    return found


def measures_of(summary: Summary, path: str) -> dict[str, dict[str, Any]]:
    """The measures that the trials of a path decide: name in `rollout.results.measures` → rate or estimate."""
    mine = [one for one in counted(summary.results) if one.specification.path == path]
    failed = [one for one in mine if one.specification.kind == FAULT and one.outcome in {"rolled_back", "dirty"}]
    control = [
        one for one in mine if one.specification.kind == CONTROL and not one.specification.arm.startswith(_WARM_UP)
    ]
    world = next((one for one in summary.worlds if one.path == path), None)
    shares = {
        "failures_undone": _share(not one.is_dirty and one.cause not in {None, "unknown"} for one in failed),
        "failures_clean": _share(not one.is_dirty for one in failed),
        "combination": _share(one.succeeded for one in control),
        "ready": _share(one.succeeded for one in control),
        "conflicts": _share(one.cause == "version_conflict" for one in control),
    }
    found = {name: asdict(share) for name, share in shares.items() if share is not None}
    if world is not None:
        found["success"] = asdict(Estimate(share=world.share, low=world.low, high=world.high, n=world.n))
    return found


def _share(hits: Iterable[bool]) -> Any:
    cases = list(hits)
    return rate(sum(cases), len(cases))


def _campaigns(reports: Path) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Folders and data of the campaigns in a reports folder, newest first."""
    dated = []
    for file in reports.glob(f"*/{DATA}"):
        with contextlib.suppress(OSError):
            if not file.parent.is_symlink():
                dated.append((file.stat().st_mtime, file.parent))
    for _, folder in sorted(dated, reverse=True)[:MOST_READ]:
        yield folder, read_campaign(folder)


def _link(folder: Path, seen_from: Path) -> str:
    page = folder / PAGE
    return quote(os.path.relpath(page, seen_from)) if page.is_file() else ""


def _plans(*, rehearsal: bool) -> dict[str, str]:
    found = {}
    for path in PATHS:
        with contextlib.suppress(RolloutError):
            found[path] = load_plan(path, rehearsal=rehearsal).identity
    return found
