"""What was found about the migrations of a release before they run."""

from __future__ import annotations

from dataclasses import dataclass

from rollout.migrations.measurement import Measurement
from rollout.migrations.operations import Migration
from rollout.migrations.reversible import Reversal
from rollout.migrations.rule import Finding
from rollout.migrations.several import Several


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessed:
    """The answers of rollout.production.assessing. `new` are the migrations that are not applied yet."""

    new: tuple[Migration, ...]
    findings: tuple[Finding, ...]
    measurement: Measurement
    reversal: Reversal
    several: Several
