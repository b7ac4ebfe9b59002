"""Installs the packages of a phase with the plan's installer, Mix or Igniter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rollout.config.plan import Package
from rollout.packages import dependencies, igniter
from rollout.phases.step import Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Installer:
    """`install` installs one package. `after_overlays` runs after the phase's overlays were applied."""

    install: Callable[[Step, Package], None]
    after_overlays: Callable[[Step], None]


INSTALLERS: Mapping[str, Installer] = {
    "mix": Installer(install=dependencies.install, after_overlays=lambda step: None),
    "igniter": Installer(install=igniter.install, after_overlays=igniter.after_overlays),
}


def install_one_by_one(step: Step) -> None:
    """Resolve, fetch, compile and verify each package of the phase, then apply the phase's overlays."""
    step.lay(*step.phase.overlay_first)
    for package in step.phase.packages:
        INSTALLERS[step.plan.installer].install(step, package)
    lay_overlays(step)
    if step.phase.overlay:
        step.must("mix", "compile", label="mix compile", deadline=300)
    dependencies.record_packages(step)


def lay_overlays(step: Step) -> None:
    """Apply the phase's overlays, then the installer's `after_overlays`."""
    step.lay_overlays()
    if step.phase.overlay:
        INSTALLERS[step.plan.installer].after_overlays(step)
