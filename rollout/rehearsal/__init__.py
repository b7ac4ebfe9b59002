"""Stand-in Hex packages: a scenario (TOML) becomes tarballs, and those a signed registry. Packse's idea, for Hex."""

from rollout.rehearsal.errors import InvalidScenario, RegistryNotBuilt
from rollout.rehearsal.registry import RegistryInfo, Run, build_registry, registry_folder
from rollout.rehearsal.scenario import Release, Requirement, Retirement, Scenario, load_scenario, scenario_names

__all__ = (
    "InvalidScenario",
    "RegistryInfo",
    "RegistryNotBuilt",
    "Release",
    "Requirement",
    "Retirement",
    "Run",
    "Scenario",
    "build_registry",
    "load_scenario",
    "registry_folder",
    "scenario_names",
)
