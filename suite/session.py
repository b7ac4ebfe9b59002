"""The session of a main job: its options, its plan, its run and its deployment."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from rollout.config.options import Options
from rollout.config.plan import Plan
from rollout.config.run import Run
from rollout.deployment.deployment import Deployment
from rollout.deployment.interrupts import Interrupts
from rollout.faults import FaultSpec, Injection
from rollout.project.project import Project
from rollout.site.site import Site
from suite.preparation import (
    Choices,
)


@dataclass(kw_only=True)
class Session:
    """The session of one path. `project` is what the path `app` deploys.

    `notes` are for the report. `defers_restoring`: restore only the last of several checkpoints in a row.
    """

    options: Options
    plan: Plan
    run: Run
    chosen: Choices
    interrupts: Interrupts
    project: Project | None = None
    spec: FaultSpec | None = None
    defers_restoring: bool = False
    deployment: Deployment | None = None
    notes: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def deploy(self) -> Deployment:
        """Make the deployment of the path. The `deployment` fixture calls it once."""
        chosen = self.chosen
        site = Site(
            self.options,
            self.run,
            engine=chosen.engine,
            upstreams=chosen.upstreams,
            forge=chosen.forge.kind,
            database=chosen.database.kind,
            sharing=chosen.sharing,
            observed=self.plan.is_observed,
            project=self.project,
        )
        injection = Injection(self.spec, self.run.journal)
        self.deployment = Deployment(
            self.run, site, self.plan, self.interrupts, injection, defers_restoring=self.defers_restoring
        )
        for phase in self.plan.left_out:
            text = f"left out, {phase.why_left_out}"
            self.run.journal.record("phase.note", path=self.plan.name, phase=phase.name, text=text)
        for text in self.notes:
            self.run.journal.record("phase.note", path=self.plan.name, phase=self.plan.phase_names[0], text=text)
        return self.deployment
