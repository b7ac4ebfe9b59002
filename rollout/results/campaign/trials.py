"""The two records of a trial: its specification and its result, with their conversion to and from JSON. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

SCHEMA = 1
CONTROL = "control"
KILLS = "kills"
OUTCOMES_OF_A_PATH = frozenset({"deployed", "refused", "rolled_back", "dirty"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Specification:
    """Everything that determines a trial, so that any machine can run it. Equal specifications are the same trial.

    Trials of one `block` are paired: they share seed, fault, form and `group` and differ in their path. In a block of
    the A/A control they differ in their `arm`, A or B. `kind`: fault, control (no fault), or kills (SIGKILL `at` this
    many seconds after the start of the run). `phase` is the target phase of the fault. `group` is the group of checks
    that the phase answers for, named after a phase of the realistic path. Both are "" if no phase is the target.
    """

    number: int
    block: int
    kind: str
    path: str
    seed: int
    source: str
    scenario: str
    arm: str = ""
    fault: str = ""
    family: str = ""
    group: str = ""
    phase: str = ""
    form: str = ""
    at: float | None = None

    @property
    def key(self) -> str:
        """The identity of the trial: a digest of everything but its number and block."""
        facts = {name: value for name, value in asdict(self).items() if name not in {"number", "block"}}
        content = json.dumps(facts, sort_keys=True)
        return hashlib.blake2b(content.encode(), digest_size=10).hexdigest()

    @property
    def fault_option(self) -> str:
        """The value of `--fault`, such as `registry_down@ash_core:transient`; "" for a trial without a fault."""
        if not self.fault:
            return ""
        place = f"{self.at:g}s" if self.at is not None else self.phase
        return f"{self.fault}@{place}:{self.form}" if place else f"{self.fault}:{self.form}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The result of a trial.

    `outcome`: of the run: deployed, refused, rolled_back, dirty, void (the fault never bit), killed, or error (no
    outcome, or a timeout). `settled`: the outcome after recovery. `left`: residue that the run itself reported. `owed`:
    undos that recovery could not execute. `changed`: differences that an outside look finds after recovery. If `owed`
    and `changed` are empty, nothing was left. `seconds`: duration of the run without recovery. `recovery_seconds`: 0 if
    no recovery was needed. `population`: "real", or "rehearsal:" and the scenario; only equal ones are counted
    together.
    """

    specification: Specification
    run: str
    population: str
    outcome: str
    settled: str
    bites: int
    evidence: tuple[str, ...]
    cause: str | None
    failed_at: str | None
    message: str
    left: tuple[str, ...]
    owed: tuple[str, ...]
    changed: tuple[str, ...]
    retries: int
    seconds: float
    recovery_seconds: float
    folder: str = ""

    @property
    def bit(self) -> bool:
        """Whether the fault took effect; True for control trials, which have none."""
        return self.specification.kind == CONTROL or self.bites > 0

    @property
    def counts(self) -> bool:
        """Whether the trial counts: its fault bit, and its run has an outcome."""
        return self.bit and self.outcome != "error" and self.settled in OUTCOMES_OF_A_PATH

    @property
    def succeeded(self) -> bool:
        """Whether the run deployed."""
        return self.outcome == "deployed"

    @property
    def is_dirty(self) -> bool:
        """Whether something is left after recovery."""
        return self.settled == "dirty" or bool(self.owed or self.changed)


def as_row(result: Result) -> dict[str, Any]:
    """A result as JSON, for a line of the trial log."""
    return {"v": SCHEMA, "key": result.specification.key, **asdict(result)}


def from_row(row: Mapping[str, Any]) -> Result | None:
    """The result in a row that `as_row` made; None if the row is invalid or of another version."""
    if row.get("v") != SCHEMA:
        return None
    try:
        facts = {name: value for name, value in row.items() if name not in {"v", "key"}}
        lists = ("evidence", "left", "owed", "changed")
        return Result(
            **{**facts, "specification": Specification(**facts["specification"]),
               **{name: tuple(map(str, facts[name])) for name in lists}}
        )  # fmt: skip
    except (TypeError, KeyError, ValueError):
        return None
