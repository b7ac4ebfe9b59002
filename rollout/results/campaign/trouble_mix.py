"""Reads the probability of each fault in practice, and its source, from plans/troubles.toml."""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rollout.errors import RolloutError
from rollout.installation import ROOT
from rollout.text.toml_records import InvalidRecord, read_toml, record

FILE = ROOT / "plans" / "troubles.toml"
NONE = "none"  # the stratum without any trouble
_ROUNDING = 1e-9


class InvalidTroubles(RolloutError):
    """The file of the mix is invalid or cannot be read."""

    def __init__(self, *, path: Path, where: str, problem: str) -> None:
        super().__init__(
            f"{path.name}, {where}: {problem}.",
            advice="Correct the file. Its first comment lists the keys of an entry.",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """One trouble of the mix: a fault and how likely it is.

    `probability`: that one attempt at a deployment meets the fault. `transient`: the share of cases in which the fault
    goes away without an intervention. Both are fractions of 1. Either `source` cites the origin of the probability, or
    it is an `assumption`. `because` gives the reasoning.
    """

    fault: str
    probability: float
    transient: float
    source: str = ""
    assumption: bool = False
    because: str

    def weight(self, form: str) -> float:
        """The probability of the trouble in this form, transient or persistent."""
        return self.probability * (self.transient if form == "transient" else 1 - self.transient)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """All troubles, in the order of the file."""

    troubles: tuple[Trouble, ...]

    @property
    def none(self) -> float:
        """The probability of an attempt without trouble."""
        return max(0.0, 1 - math.fsum(trouble.probability for trouble in self.troubles))

    @property
    def strata(self) -> dict[tuple[str, str], float]:
        """(fault, form) → probability, with (`none`, "") first. Strata of probability 0 are left out. The sum is 1."""
        found = {(NONE, ""): self.none}
        for trouble in self.troubles:
            found |= {(trouble.fault, form): trouble.weight(form) for form in ("transient", "persistent")}
        return {stratum: weight for stratum, weight in found.items() if weight > 0}


def load_troubles(file: Path = FILE, *, known: Collection[str]) -> Mix:
    """Read the mix. `known`: the names of all faults. Raises InvalidTroubles with file, entry and problem."""
    try:
        mix = Mix(troubles=tuple(_trouble(name, entry, known) for name, entry in read_toml(file).items()))
        total = math.fsum(trouble.probability for trouble in mix.troubles)
        if total > 1 + _ROUNDING:
            raise InvalidRecord("probability", f"the sum is {total:.6g}, more than 1")
    except InvalidRecord as error:
        raise InvalidTroubles(path=file, where=error.where, problem=error.problem) from None
    return mix


def as_rows(mix: Mix) -> list[dict[str, Any]]:
    """The mix as JSON."""
    return [asdict(trouble) for trouble in mix.troubles]


def from_rows(rows: Iterable[Mapping[str, Any]]) -> Mix:
    """The mix from rows that `as_rows` made. Raises TypeError for other rows."""
    return Mix(troubles=tuple(Trouble(**row) for row in rows))


def _trouble(name: str, entry: object, known: Collection[str]) -> Trouble:
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        raise InvalidRecord(name, "no fault has this name" + (f" (did you mean {near[0]}?)" if near else ""))
    trouble = record(Trouble, entry, name, fault=name)
    for key in ("probability", "transient"):
        if not 0 <= getattr(trouble, key) <= 1:
            raise InvalidRecord(name, f"{key}={getattr(trouble, key):g} is not a number from 0 to 1")
    if bool(trouble.source.strip()) == trouble.assumption:
        raise InvalidRecord(name, "it needs either a source or assumption = true")
    if not trouble.because.strip():
        raise InvalidRecord(name, "missing: because (how the source gives the number, or why it is assumed)")
    return trouble
