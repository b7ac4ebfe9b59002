"""Faults: what goes wrong in practice, brought about on purpose and seen to bite."""

from rollout.faults.catalogue import CATALOGUE, aim, find, places, unfit
from rollout.faults.fault import FAMILIES, FORMS, CannotInject, Fault, Kind, Means, Witness, Wound
from rollout.faults.injection import Injection

__all__ = [
    "CATALOGUE",
    "FAMILIES",
    "FORMS",
    "CannotInject",
    "Fault",
    "Injection",
    "Kind",
    "Means",
    "Witness",
    "Wound",
    "aim",
    "find",
    "places",
    "unfit",
]
