"""The objects and results that the parts of one deployment share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from rollout.config.plan import Plan
from rollout.config.run import Run
from rollout.deployment.interrupts import Interrupts
from rollout.deployment.restoration import Restoration
from rollout.faults.injection import Injection
from rollout.journal import Journal
from rollout.phases.phase import PhaseResult
from rollout.site.site import Site


@dataclass(slots=True, kw_only=True)
class Context:
    """One path on one site. `results` and `facts` grow with every phase."""

    run: Run
    site: Site
    plan: Plan
    interrupts: Interrupts
    injection: Injection
    restoration: Restoration
    results: dict[str, PhaseResult] = field(default_factory=dict)
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    unconfirmed: set[str] = field(default_factory=set)
    """Groups of checks that a phase may answer for, as long as it has not shown that it does."""

    @property
    def journal(self) -> Journal:
        return self.run.journal

    @property
    def attempted(self) -> list[str]:
        """The groups of checks that the path answers for, in order."""
        return [group for group in self.plan.groups if group not in self.unconfirmed]

    def has_passed(self, phase: str) -> bool:
        return phase in self.results and self.results[phase].passed
