"""Builds specifications and results of trials for tests."""

from __future__ import annotations

from typing import Any

from rollout.campaign.trial_settings import TrialSettings
from rollout.results.campaign.trials import Result, Specification


def trial(**facts: Any) -> Specification:
    usual: dict[str, Any] = {
        "number": 1, "block": 1, "kind": "fault", "path": "realistic", "seed": 7, "source": "rehearsal",
        "scenario": "default", "fault": "sigterm", "family": "suite", "group": "database", "phase": "database",
        "form": "transient",
    }  # fmt: skip
    return Specification(**{**usual, **facts})


def result(specification: Specification | None = None, **facts: Any) -> Result:
    usual: dict[str, Any] = {
        "specification": specification or trial(), "run": "20260101-000000-000001", "population": "rehearsal:default",
        "outcome": "rolled_back", "settled": "rolled_back", "bites": 1, "evidence": ("SIGTERM",),
        "cause": "interrupted", "failed_at": "database", "message": "", "left": (), "owed": (), "changed": (),
        "retries": 0, "seconds": 10.0, "recovery_seconds": 0.0,
    }  # fmt: skip
    return Result(**{**usual, **facts})


def instant_result(specification: Specification, settings: TrialSettings) -> Result:
    """Return a result without running anything."""
    return result(specification)
