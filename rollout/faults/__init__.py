"""Injects faults, such as full disks and killed processes, and verifies that each one took effect."""

from rollout.faults.catalogue import CATALOGUE, aim, find, places, why_unfit
from rollout.faults.fault import FAMILIES, FORMS, CannotInject, Fault, FaultSpec, Kind, Means, Witness
from rollout.faults.injection import Injection

__all__ = [
    "CATALOGUE",
    "FAMILIES",
    "FORMS",
    "CannotInject",
    "Fault",
    "FaultSpec",
    "Injection",
    "Kind",
    "Means",
    "Witness",
    "aim",
    "find",
    "places",
    "why_unfit",
]
