"""Builds the table of actual and expected outcomes by path, fault and phase. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rollout.report.campaign import wording as words
from rollout.results.campaign.statistics import OUTCOMES, Cell
from rollout.results.campaign.summary import Summary, Trial
from rollout.results.campaign.trouble_mix import Trouble
from rollout.text.plain import line

MOST_EVIDENCE = 4
_ORDER = ("registry", "database", "machine", "deployment", "suite")


@dataclass(frozen=True, slots=True, kw_only=True)
class CellView:
    """Outcomes and expected outcomes of a cell. `state`: passed, failed or none; it selects icon and colour."""

    path: str
    state: str
    found: str
    expected: str
    remark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceView:
    """A row of the grid: one form of a fault at one phase, with a cell for each path; None without trials."""

    phase: str
    form: str
    cells: tuple[CellView | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultView:
    """A fault: its texts from the catalogue, the success rate of each path, and its rows of the grid."""

    name: str
    family: str
    text: str
    bites: str
    lasts: str
    trouble: Trouble | None
    trials: int
    overview: tuple[CellView | None, ...]
    places: tuple[PlaceView, ...]
    evidence: tuple[tuple[str, str], ...]
    unexpected: int


def state(as_expected: bool | None) -> str:
    """The state that selects icon and colour."""
    return {True: "passed", False: "failed", None: "none"}[as_expected]


def families(
    found: Summary, catalogue: Mapping[str, Any], phases: Sequence[str]
) -> tuple[tuple[str, tuple[FaultView, ...]], ...]:
    """Pairs of a family and its faults with trials. `catalogue`: fault → its texts. `phases`: their order."""
    groups: dict[str, list[Cell]] = {}
    for cell in found.cells:
        groups.setdefault(cell.fault, []).append(cell)
    known = list(catalogue)
    names = sorted(groups, key=lambda name: known.index(name) if name in catalogue else len(known))
    faults = [_fault(name, groups[name], found, catalogue.get(name) or {}, phases) for name in names]
    order = sorted({one.family for one in faults}, key=_position)
    return tuple((family, tuple(one for one in faults if one.family == family)) for family in order)


def _position(family: str) -> tuple[int, str]:
    return (_ORDER.index(family) if family in _ORDER else len(_ORDER), family)


def _fault(
    name: str, cells: Sequence[Cell], found: Summary, texts: Mapping[str, Any], phases: Sequence[str]
) -> FaultView:
    places: dict[tuple[str, str], dict[str, Cell]] = {}
    for cell in sorted(cells, key=lambda cell: phases.index(cell.group) if cell.group in phases else len(phases)):
        places.setdefault((cell.group, cell.form), {})[cell.path] = cell
    mine = [trial for trial in found.trials if trial.result.specification.fault == name]
    return FaultView(
        name=line(name, 60),
        family=line(cells[0].family, 40),
        text=line(texts.get("text") or "", 300),
        bites=line(texts.get("bites") or "", 300),
        lasts=line(texts.get("lasts") or "", 300),
        trouble=next((one for one in found.mix.troubles if one.fault == name), None),
        trials=len(mine),
        overview=tuple(_overview(path, [cell for cell in cells if cell.path == path], found) for path in found.paths),
        places=tuple(
            PlaceView(phase=line(group, 60) or "any", form=line(form, 20),
                      cells=tuple(_cell(by_path[path]) if path in by_path else None for path in found.paths))
            for (group, form), by_path in places.items()
        ),
        evidence=_evidence(mine),
        unexpected=sum(trial.as_expected is False for trial in mine),
    )  # fmt: skip


def _overview(path: str, cells: Sequence[Cell], found: Summary) -> CellView | None:
    """The success rate of one path under a fault, over all phases and forms."""
    if not cells:
        return None
    judged = [cell.as_expected for cell in cells if cell.as_expected is not None]
    unexpected = sum(cell.unexpected for cell in cells)
    rate = found.faults.get((path, cells[0].fault))
    counts = {name: sum(cell.outcomes.get(name, 0) for cell in cells) for name in OUTCOMES}
    outcomes = {name: count for name, count in counts.items() if count}
    return CellView(
        path=line(path, 80),
        state=state(all(judged) if judged else None),
        found=f"{rate.hits} of {rate.n} deployed" if rate else "no trial counts",
        expected=words.between(rate.low, rate.high) if rate else "",
        remark=words.outcomes_words(outcomes) + (f"; {unexpected} unexpected" if unexpected else ""),
    )


def _cell(cell: Cell) -> CellView:
    return CellView(
        path=line(cell.path, 80),
        state=state(cell.as_expected),
        found=words.outcomes_words(cell.outcomes),
        expected=words.expected_words(cell.expected),
        remark=f"{cell.unexpected} unexpected" if cell.unexpected else "",
    )


def _evidence(mine: Sequence[Trial]) -> tuple[tuple[str, str], ...]:
    """Different pieces of evidence, each with the anchor of its first trial; at most MOST_EVIDENCE."""
    seen: dict[str, str] = {}
    for trial in mine:
        for text in trial.result.evidence:
            seen.setdefault(line(text, 300), f"trial-{trial.result.specification.key}")
    return tuple(list(seen.items())[:MOST_EVIDENCE])
