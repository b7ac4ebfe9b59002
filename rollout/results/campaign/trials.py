"""What a trial is, and what came of it: two records, as data and as JSON. Pure."""

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
    """One trial, so that it can be run anywhere: equal specifications are the same trial.

    Trials of one `block` are paired: they have seed, fault, form and `group` in common and differ in their path (or, in
    a block of the A/A control, in their `arm`: A or B). `kind`: fault, control (no fault), or kills (SIGKILL `at` so
    many seconds after the run began). `group` is the phase of the realistic path that the block is about, `phase` the
    path's own that answers for it; both "" where no phase is struck.
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
        """The trial's identity, whatever its place in a campaign."""
        facts = {name: value for name, value in asdict(self).items() if name not in {"number", "block"}}
        told = json.dumps(facts, sort_keys=True)
        return hashlib.blake2b(told.encode(), digest_size=10).hexdigest()

    @property
    def where(self) -> str:
        """What `--fault` takes, "" for a trial without one: `registry_down@ash_core:transient`."""
        if not self.fault:
            return ""
        place = f"{self.at:g}s" if self.at is not None else self.phase
        return f"{self.fault}@{place}:{self.form}" if place else f"{self.fault}:{self.form}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of a trial.

    `outcome` is how its run ended: deployed, refused, rolled_back, dirty, void (the fault never bit), killed, or error
    (the run did not say, or did not end in the time that it was given). `settled` is the same after recovery has paid
    what was owed. `owed` is what recovery could not pay; `changed` what differs, seen from outside and after all that,
    from how the world was before: empty lists are the proof that nothing was left. `left` is what the run itself said
    it had left. `seconds` is the run's time without recovery, `recovery_seconds` that of recovery, 0 where none was
    needed. `population` tells what may be counted together: "real", or "rehearsal:" and the scenario.
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
        """Whether the trial shows what it was made for: its fault bit, or there was none to bite."""
        return self.specification.kind == CONTROL or self.bites > 0

    @property
    def counts(self) -> bool:
        """Whether the trial may be counted: a fault that never bit says nothing, nor does a run that we had to end."""
        return self.bit and self.outcome != "error" and self.settled in OUTCOMES_OF_A_PATH

    @property
    def succeeded(self) -> bool:
        return self.outcome == "deployed"

    @property
    def is_dirty(self) -> bool:
        """Whether something was left that nobody has taken away."""
        return self.settled == "dirty" or bool(self.owed or self.changed)


def as_row(result: Result) -> dict[str, Any]:
    """A result as JSON: the line of a campaign's ledger."""
    return {"v": SCHEMA, "key": result.specification.key, **asdict(result)}


def from_row(row: Mapping[str, Any]) -> Result | None:
    """The result that a row tells of; None where it is not of this kind."""
    if row.get("v") != SCHEMA:
        return None
    try:
        told = {name: value for name, value in row.items() if name not in {"v", "key"}}
        lists = ("evidence", "left", "owed", "changed")
        return Result(
            **{**told, "specification": Specification(**told["specification"]),
               **{name: tuple(map(str, told[name])) for name in lists}}
        )  # fmt: skip
    except (TypeError, KeyError, ValueError):
        return None
