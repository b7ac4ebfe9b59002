"""Faults strike phases by the traits that plans declare."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from rollout.config.options import PATHS
from rollout.config.plan import PhasePlan, Plan, load_plan, read_plan
from rollout.config.traits import TRAITS
from rollout.errors import InvalidPlan
from rollout.faults import CATALOGUE, FAMILIES, places
from rollout.faults.catalogue import fits

# What a phase has in its plan, apart from its traits, and the families that then have to strike it.
_ANY = ("suite",)
_PACKAGES = ("registry", "machine")
_OVERLAY = ("machine",)


def plans() -> Iterator[Plan]:
    for path in PATHS:
        yield from (load_plan(path, rehearsal=edition, stage="production") for edition in (False, True))
    yield load_plan("script:deploy.sh")


PHASES = [
    pytest.param(phase, id=f"{plan.name}-{'rehearsal' if number % 2 else 'real'}-{phase.name}")
    for number, plan in enumerate(plans())
    for phase in plan.all_phases
]


@pytest.mark.parametrize("phase", PHASES)
def test_every_family_strikes_the_phases_that_it_fits(phase: PhasePlan) -> None:
    """Every phase of a plan has traits, and faults strike it by them."""
    assert phase.traits
    families = {kind.family for kind in CATALOGUE.values() if fits(kind, phase)}
    wanted = {*_ANY, *(_PACKAGES if phase.packages or phase.archives else ()), *(_OVERLAY if phase.overlay else ())}
    wanted |= {"deployment"} if phase.packages and "generation" != phase.name else set()
    wanted |= {"database"} if {"database", "migrations", "server"} & set(phase.groups) else set()
    assert wanted <= families


@pytest.mark.parametrize("phase", PHASES)
def test_the_content_of_a_phase_agrees_with_its_traits(phase: PhasePlan) -> None:
    """Packages are asked for, resolved and built; overlays are written."""
    if phase.packages:
        assert {"asks_registry", "resolves", "runs_mix", "writes_files", "journals"} <= set(phase.traits)
    if phase.archives:
        assert {"asks_registry", "fetches"} <= set(phase.traits)
    if phase.overlay or phase.overlay_first:
        assert {"writes_files", "journals"} <= set(phase.traits)


def test_faults_of_the_machine_strike_the_phases_of_real_packages() -> None:
    """accounts, features, swarm and tooling were missing in the lists of names that traits have replaced."""
    plan = load_plan("realistic")
    late = {"accounts", "features", "swarm", "tooling"}
    for name in (
        "disk_full",
        "read_only",
        "no_permission",
        "memory_limit",
        "descriptor_limit",
        "overlay_compile_error",
    ):
        assert late <= set(places(CATALOGUE[name], plan)), name


def test_every_trait_is_used_by_a_fault_and_a_plan() -> None:
    """A trait that no plan or no fault uses is superfluous."""
    matched = {trait for kind in CATALOGUE.values() for trait in (*kind.traits, *kind.spares)}
    said = {trait for plan in plans() for phase in plan.all_phases for trait in phase.traits}
    assert matched == set(TRAITS) == said


def test_a_new_phase_is_struck_by_its_traits_alone() -> None:
    """No fault knows a name."""
    plan = load_plan("realistic")
    added = PhasePlan(name="telemetry", traits=("writes_files", "runs_mix"))
    grown = replace(plan, phases=(*plan.phases, added))
    assert "telemetry" in places(CATALOGUE["disk_full"], grown)
    assert "telemetry" in places(CATALOGUE["tool_missing"], grown)
    assert "telemetry" not in places(CATALOGUE["registry_down"], grown)


def test_no_family_is_empty() -> None:
    assert set(FAMILIES) == {kind.family for kind in CATALOGUE.values()}


@pytest.mark.parametrize(
    ("traits", "said"),
    [
        ('["runs_mixx"]', "unknown trait 'runs_mixx'; did you mean 'runs_mix'?"),
        ('"runs_mix"', "traits='runs_mix' is not a list"),
    ],
)
def test_a_trait_that_does_not_exist_is_refused(traits: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "plan.toml"
    file.write_text(f'[plan]\nname = "x"\n\n[[phase]]\nname = "one"\ntraits = {traits}\n')
    with pytest.raises(InvalidPlan) as raised:
        read_plan(file, overlays=[])
    assert said in str(raised.value)
