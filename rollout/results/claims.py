"""What people said, beside what was measured: confirmed, refuted, or not measured. Never an opinion.

`judge` knows three rules. A share with a value: refuted where its interval excludes the value, confirmed where the
whole interval is within the tolerance. A number, or a share, with ends: the same with the ends; a time by at least
three runs. What is expected always or never: refuted by one case, confirmed by all there are. Whatever is between is
not measured enough, and says so. What differs from run to run is measured by the trials of a campaign alone, which are
randomised: somebody's runs of one afternoon are no sample.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rollout.errors import RolloutError
from rollout.results.measures import MEASURES, Measurement
from rollout.results.rates import Estimate, Rate

FILE = Path(__file__).resolve().parents[2] / "plans" / "claims.toml"
_REQUIRED = ("id", "aspect", "path", "text", "source", "measure")
LEAST_TIMES = 3  # runs from nothing behind a time that decides anything
_NUMBERS = ("value", "tolerance", "least", "most")
_KNOWN = frozenset({*_REQUIRED, *_NUMBERS, "reading", "package", "expects"})


class InvalidClaims(RolloutError):
    """The claims cannot be read."""

    def __init__(self, *, path: Path, where: str, problem: str) -> None:
        super().__init__(f"{path.name}, {where}: {problem}.", advice="Mend the file; its head says what a claim holds.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What somebody said of a path in one aspect, and what that comes to.

    `value` and `tolerance` are shares; `least` and `most` are in the unit of the measure; `expects`: always or never.
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
        """True where the claim names a share, not a number or what is always or never so."""
        unit = MEASURES[self.measure].unit
        return unit == "share" and (self.value, self.least, self.most) != (None, None, None)

    @property
    def ends(self) -> tuple[float, float]:
        """Least and most, unbounded where the claim does not say."""
        least, most = self.least, self.most
        return (-math.inf if least is None else least, math.inf if most is None else most)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """`verdict`: confirmed, refuted or not_measured. `is_enough` False: something was measured, and decides nothing."""

    verdict: str
    is_enough: bool = True


CONFIRMED, REFUTED = Judgement(verdict="confirmed"), Judgement(verdict="refuted")
NOT_MEASURED, UNDECIDED = Judgement(verdict="not_measured"), Judgement(verdict="not_measured", is_enough=False)


def judge(claim: Claim, found: Measurement) -> Judgement:
    """The claim beside the measurement."""
    if not found.is_there:
        return NOT_MEASURED
    if found.rate is None:
        return _of_number(claim, found)
    if claim.expects is not None:
        if not isinstance(found.rate, Rate):
            return UNDECIDED
        return _either(found.rate.hits == (found.rate.n if claim.expects else 0))
    if claim.value is not None:
        near = (claim.value - claim.tolerance, claim.value + claim.tolerance)
        return _of_share(found.rate, excluded=(claim.value, claim.value), within=near)
    if (claim.least, claim.most) != (None, None):
        return _of_share(found.rate, excluded=claim.ends, within=claim.ends)
    return UNDECIDED


def _of_number(claim: Claim, found: Measurement) -> Judgement:
    is_time = MEASURES[claim.measure].unit == "seconds"
    if found.number is None or (claim.least, claim.most) == (None, None) or (is_time and found.n < LEAST_TIMES):
        return UNDECIDED
    least, most = claim.ends
    return _either(least <= found.number <= most)


def _of_share(rate: Rate | Estimate, *, excluded: tuple[float, float], within: tuple[float, float]) -> Judgement:
    if rate.excludes(*excluded):
        return REFUTED
    return CONFIRMED if rate.is_within(*within) else UNDECIDED


def _either(holds: bool) -> Judgement:
    return CONFIRMED if holds else REFUTED


def load_claims(file: Path = FILE) -> tuple[Claim, ...]:
    """Read the claims, in order. Raises InvalidClaims that names the claim and what is wrong with it."""
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidClaims(path=file, where="file", problem=str(error.strerror or error)) from None
    except ValueError as error:
        raise InvalidClaims(path=file, where="syntax", problem=str(error)) from None
    entries = data.get("claim", [])
    if not isinstance(entries, list) or not isinstance(data.get("source", ""), str):
        raise InvalidClaims(path=file, where="file", problem="it holds no list of claims")
    claims = tuple(_claim(file, number, entry, data.get("source", "")) for number, entry in enumerate(entries, 1))
    ids = [claim.id for claim in claims]
    twice = next((name for name in ids if ids.count(name) > 1), None)
    if twice is not None:
        raise InvalidClaims(path=file, where="id", problem=f"{twice} is named twice")
    return claims


def _claim(file: Path, number: int, entry: Any, document: str) -> Claim:
    where = f"claim {number}"

    def wrong(problem: str) -> InvalidClaims:
        return InvalidClaims(path=file, where=where, problem=problem)

    if not isinstance(entry, Mapping):
        raise wrong("it is no table")
    where = f"claim {number} ({entry.get('id', 'without an id')})"
    if unknown := entry.keys() - _KNOWN:
        raise wrong(f"unknown key {min(unknown)!r}; known: {', '.join(sorted(_KNOWN))}")
    if missing := [key for key in _REQUIRED if not isinstance(entry.get(key), str) or not entry[key]]:
        raise wrong(f"it needs {', '.join(missing)}")
    if entry["measure"] not in MEASURES:
        raise wrong(f"no measure {entry['measure']!r}; there are {', '.join(MEASURES)}")
    for key in _NUMBERS:
        value = entry.get(key, 0)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise wrong(f"{key}={value!r} is no number")
    if not isinstance(entry.get("expects", True), bool):
        raise wrong(f"expects={entry['expects']!r} is neither true nor false")
    if sum(("value" in entry, "expects" in entry, bool({"least", "most"} & entry.keys()))) > 1:
        raise wrong("value, least/most and expects are three ways to say it; use one")
    return Claim(**{**entry, "source": f"{document}: {entry['source']}" if document else entry["source"]})
