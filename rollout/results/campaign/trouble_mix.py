"""The mix of troubles: the probability of each fault in practice, with its source. Reads plans/troubles.toml."""

from __future__ import annotations

import difflib
import math
import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rollout.errors import RolloutError

FILE = Path(__file__).resolve().parents[3] / "plans" / "troubles.toml"
NONE = "none"  # the stratum without any trouble
_KNOWN = frozenset({"probability", "transient", "source", "assumption", "because"})
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
        data = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidTroubles(path=file, where="file", problem=str(error.strerror or error)) from None
    except ValueError as error:
        raise InvalidTroubles(path=file, where="syntax", problem=str(error)) from None
    mix = Mix(troubles=tuple(_trouble(file, name, entry, known) for name, entry in data.items()))
    total = math.fsum(trouble.probability for trouble in mix.troubles)
    if total > 1 + _ROUNDING:
        raise InvalidTroubles(path=file, where="probability", problem=f"the sum is {total:.6g}, more than 1")
    return mix


def as_rows(mix: Mix) -> list[dict[str, Any]]:
    """The mix as JSON."""
    return [asdict(trouble) for trouble in mix.troubles]


def from_rows(rows: Iterable[Mapping[str, Any]]) -> Mix:
    """The mix from rows that `as_rows` made. Raises TypeError for other rows."""
    return Mix(troubles=tuple(Trouble(**row) for row in rows))


def _trouble(file: Path, name: str, entry: Any, known: Collection[str]) -> Trouble:
    def wrong(problem: str) -> InvalidTroubles:
        return InvalidTroubles(path=file, where=name, problem=problem)

    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        raise wrong("no fault has this name" + (f" (did you mean {near[0]}?)" if near else ""))
    if not isinstance(entry, Mapping):
        raise wrong("it is not a table")
    if unknown := entry.keys() - _KNOWN:
        raise wrong(f"unknown key {min(unknown)!r}; known: {', '.join(sorted(_KNOWN))}")
    for key in ("probability", "transient"):
        if key not in entry:
            raise wrong(f"missing: {key}")
        value = entry[key]
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            raise wrong(f"{key}={value!r} is not a number from 0 to 1")
    source, assumed, because = entry.get("source", ""), entry.get("assumption", False), entry.get("because", "")
    if not isinstance(source, str) or not isinstance(because, str):
        raise wrong("source and because must be strings")
    if not isinstance(assumed, bool):
        raise wrong(f"assumption={assumed!r} is neither true nor false")
    if bool(source.strip()) == assumed:
        raise wrong("it needs either a source or assumption = true")
    if not because.strip():
        raise wrong("missing: because (how the source gives the number, or why it is assumed)")
    return Trouble(fault=name, probability=float(entry["probability"]), transient=float(entry["transient"]),
                   source=source, assumption=assumed, because=because)  # fmt: skip
