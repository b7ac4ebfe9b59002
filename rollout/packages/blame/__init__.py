"""Blame: finds the smallest sets of packages that cannot be installed together.

`blame` first resolves subsets from registry data, then installs subsets. `matrix` resolves every package and every
pair. Both work in the site of a failed phase before its rollback, and leave nothing behind.
"""

from rollout.packages.blame.analysis import DEFAULT_LIMITS, Limits, blame, matrix
from rollout.packages.blame.ddmin import Budget, Minimal, ddmin
from rollout.packages.blame.findings import Blame, Culprits
from rollout.packages.blame.matrix import Cell, Matrix
from rollout.packages.blame.probe import Probe, ProbeResult, Symptom
from rollout.packages.blame.requirements import RootRequirement

__all__ = (
    "DEFAULT_LIMITS",
    "Blame",
    "Budget",
    "Cell",
    "Culprits",
    "Limits",
    "Matrix",
    "Minimal",
    "Probe",
    "ProbeResult",
    "RootRequirement",
    "Symptom",
    "blame",
    "ddmin",
    "matrix",
)
