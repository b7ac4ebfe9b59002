"""The packages of a phase, put in by the plan's installer. The one place that knows which installers there are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rollout.config.plan import Package
from rollout.packages import dependencies, igniter
from rollout.phases.step import Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Installer:
    """`install` puts in one package; `settle` does what has to be done after code was laid over the application."""

    install: Callable[[Step, Package], None]
    settle: Callable[[Step], None]


INSTALLERS: Mapping[str, Installer] = {
    "mix": Installer(install=dependencies.install, settle=lambda step: None),
    "igniter": Installer(install=igniter.install, settle=igniter.settle),
}


def install_one_by_one(step: Step) -> None:
    """Every package of the phase: resolve, fetch, compile, verify that it is loaded; then the phase's overlay."""
    for name in step.phase.overlay_first:
        step.overlay(name)
    for package in step.phase.packages:
        INSTALLERS[step.plan.installer].install(step, package)
    lay_overlays(step)
    if step.phase.overlay:
        step.must("mix", "compile", label="mix compile", deadline=300)
    dependencies.publish(step)


def lay_overlays(step: Step) -> None:
    """The phase's overlays, and what the installer wants done after them."""
    step.lay_overlays()
    if step.phase.overlay:
        INSTALLERS[step.plan.installer].settle(step)
