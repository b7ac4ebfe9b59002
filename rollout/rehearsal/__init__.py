"""Builds a signed Hex registry of stand-in packages from a TOML scenario."""

from rollout.rehearsal.errors import InvalidScenario, RegistryNotBuilt
from rollout.rehearsal.registry import RegistryInfo, RunCommand, build_registry, registry_folder
from rollout.rehearsal.scenario import Release, Requirement, Retirement, Scenario, load_scenario, scenario_names

__all__ = (
    "InvalidScenario",
    "RegistryInfo",
    "RegistryNotBuilt",
    "Release",
    "Requirement",
    "Retirement",
    "RunCommand",
    "Scenario",
    "build_registry",
    "load_scenario",
    "registry_folder",
    "scenario_names",
)
