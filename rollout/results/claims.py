"""Compares claims about the paths (plans/claims.toml) with measurements, and confirms or refutes each claim.

`judge` has three rules:

- A claim of a share (`value`, `tolerance`) is refuted if the interval excludes the value. It is confirmed if the whole
  interval is within the tolerance.
- A claim with bounds (`least`, `most`) follows the same rule with the bounds. A time needs at least three runs.
- A claim of "always" or "never" (`expects`) is refuted by one case and confirmed by all cases.

In every other case too little was measured to decide. A measure that varies between runs is decided only by a campaign,
because its trials are randomised and ordinary runs are not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rollout.errors import RolloutError
from rollout.installation import ROOT
from rollout.results.measures import MEASURES, Measurement
from rollout.results.rates import Estimate, Rate
from rollout.text.toml_records import InvalidRecord, read_toml, record, require_known, require_unique

FILE = ROOT / "plans" / "claims.toml"
LEAST_TIMES = 3  # a time decides a claim only with this many runs from nothing


class InvalidClaims(RolloutError):
    """The file of claims is invalid or cannot be read."""

    def __init__(self, *, path: Path, where: str, problem: str) -> None:
        super().__init__(
            f"{path.name}, {where}: {problem}.", advice="Correct the file. Its first comment lists the keys of a claim."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One claim about a path, and the number it stands for.

    `value` and `tolerance` are shares. `least` and `most` have the unit of the measure. `expects`: True for always,
    False for never.
    """

    id: str
    aspect: str
    path: str
    text: str
    source: str
    measure: str
    reading: str = ""
    package: str = ""
    value: float | None = None
    tolerance: float = 0.0
    least: float | None = None
    most: float | None = None
    expects: bool | None = None

    @property
    def is_of_a_share(self) -> bool:
        """Whether the claim is about a share, not about a number, "always" or "never"."""
        unit = MEASURES[self.measure].unit
        return unit == "share" and (self.value, self.least, self.most) != (None, None, None)

    @property
    def bounds(self) -> tuple[float, float]:
        """(least, most); infinite if the claim has no such bound."""
        least, most = self.least, self.most
        return (-math.inf if least is None else least, math.inf if most is None else most)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """`verdict`: confirmed, refuted or not_measured. `is_enough`: False if the measurement is too small to decide."""

    verdict: str
    is_enough: bool = True


CONFIRMED, REFUTED = Judgement(verdict="confirmed"), Judgement(verdict="refuted")
NOT_MEASURED, UNDECIDED = Judgement(verdict="not_measured"), Judgement(verdict="not_measured", is_enough=False)


def judge(claim: Claim, found: Measurement) -> Judgement:
    """Compare a claim with a measurement."""
    if not found.has_data:
        return NOT_MEASURED
    if found.rate is None:
        return _of_number(claim, found)
    if claim.expects is not None:
        if not isinstance(found.rate, Rate):
            return UNDECIDED
        return _decided(found.rate.hits == (found.rate.n if claim.expects else 0))
    if claim.value is not None:
        near = (claim.value - claim.tolerance, claim.value + claim.tolerance)
        return _of_share(found.rate, excluded=(claim.value, claim.value), within=near)
    if (claim.least, claim.most) != (None, None):
        return _of_share(found.rate, excluded=claim.bounds, within=claim.bounds)
    return UNDECIDED


def _of_number(claim: Claim, found: Measurement) -> Judgement:
    is_time = MEASURES[claim.measure].unit == "seconds"
    if found.number is None or (claim.least, claim.most) == (None, None) or (is_time and found.n < LEAST_TIMES):
        return UNDECIDED
    least, most = claim.bounds
    return _decided(least <= found.number <= most)


def _of_share(rate: Rate | Estimate, *, excluded: tuple[float, float], within: tuple[float, float]) -> Judgement:
    if rate.excludes(*excluded):
        return REFUTED
    return CONFIRMED if rate.is_within(*within) else UNDECIDED


def _decided(holds: bool) -> Judgement:
    return CONFIRMED if holds else REFUTED


def load_claims(file: Path = FILE) -> tuple[Claim, ...]:
    """Read the claims in the order of the file. Raises InvalidClaims with the claim and the problem."""
    try:
        data = read_toml(file)
        entries, document = data.get("claim", []), data.get("source", "")
        if not isinstance(entries, list) or not isinstance(document, str):
            raise InvalidRecord("file", "it has no list of claims")
        claims = tuple(_claim(number, entry, document) for number, entry in enumerate(entries, 1))
        require_unique("id", (claim.id for claim in claims))
    except InvalidRecord as error:
        raise InvalidClaims(path=file, where=error.where, problem=error.problem) from None
    return claims


def _claim(number: int, entry: Any, document: str) -> Claim:
    name = entry.get("id", "without an id") if isinstance(entry, dict) else "not a table"
    where = f"claim {number} ({name})"
    claim = record(Claim, entry, where)
    require_known(where, "measure", claim.measure, MEASURES)
    if sum(("value" in entry, "expects" in entry, bool({"least", "most"} & entry.keys()))) > 1:
        raise InvalidRecord(where, "value, least/most and expects exclude each other; use one")
    return replace(claim, source=f"{document}: {claim.source}") if document else claim
