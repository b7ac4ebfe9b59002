"""Why did it fail: the smallest sets of packages that cannot be installed together, and what says so.

`blame` looks at registry data first, then at subsets that are really installed; `matrix` asks for every package and
every pair. Both are for a site that still stands, after the phase that failed, and leave nothing in it.
"""

from rollout.packages.blame.analysis import DEFAULT_LIMITS, Limits, blame, matrix
from rollout.packages.blame.ddmin import Budget, Minimal, ddmin
from rollout.packages.blame.findings import Blame, Culprits
from rollout.packages.blame.matrix import Cell, Matrix
from rollout.packages.blame.probe import Probe, Probed, Symptom
from rollout.packages.blame.requirements import Wanted

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
    "Probed",
    "Symptom",
    "Wanted",
    "blame",
    "ddmin",
    "matrix",
)
