"""The schedule of a campaign: which trials it runs, and in which order. A pure function of the seed.

Trials are drawn in *rounds*, so that a campaign is balanced whenever it stops. A round has one block for each family of
faults and, in every second round, one block of the A/A control and one of kills, all in random order. If only kills are
selected, every round has one.

A *cell* is a fault, a phase at which it can be injected, and a form. A family takes its faults in random order, each at
a random cell, then each at another cell, until all cells were used. Then it starts again with other seeds. Every second
block uses a cell that as many paths as possible share. Otherwise paths that share few cells could not be compared.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from rollout.config.plan import Plan
from rollout.errors import InvalidOption
from rollout.faults import CATALOGUE, FAMILIES, Kind, find, places
from rollout.results.campaign.trials import CONTROL, KILLS, Specification

ALL, NONE = "all", "none"
_SIGKILL = "sigkill"
_BITS = 31


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What the trials of a block share, apart from the seed: fault, group of checks and form.

    `targets`: path → the phase of that path into which the fault is injected.
    """

    kind: Kind
    group: str
    form: str
    targets: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleRequest:
    """The input of a schedule.

    `trials`: number of trials for each cell, None for an endless schedule. `limits`: fault → the only pairs of phase
    and form for it, "" for any. `durations`: path → seconds of a run, over which the times of kills are spread.
    """

    plans: Mapping[str, Plan]
    kinds: tuple[Kind, ...]
    limits: Mapping[str, tuple[tuple[str, str], ...]]
    with_kills: bool
    trials: int | None
    seed: int
    source: str
    scenario: str
    durations: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultSelection:
    """The parsed `--faults`: kinds in the order of the catalogue, whether runs are killed, limits of faults.

    `limits`: see `ScheduleRequest`.
    """

    kinds: tuple[Kind, ...]
    with_kills: bool
    limits: Mapping[str, tuple[tuple[str, str], ...]]


def parse_faults(names: Iterable[str]) -> FaultSelection:
    """Parse `--faults`: names of faults (`NAME[@PHASE][:FORM]`), families, kills, none, all. Raises InvalidOption."""
    kinds: set[str] = set()
    limits: dict[str, tuple[tuple[str, str], ...]] = {}
    kills = False
    for value in names:
        name, _, form = value.partition(":")
        name, _, phase = name.partition("@")
        if (phase or form) and name in {ALL, KILLS, NONE, *FAMILIES}:
            raise InvalidOption(option="--faults", value=value,
                                expected=f"{name} alone, or a fault's name before @ and : (--fault=list)")  # fmt: skip
        if name == ALL:
            kinds, kills = set(CATALOGUE), True
        elif name == KILLS:
            kills = True
        elif name in FAMILIES:
            kinds |= {kind.name for kind in CATALOGUE.values() if kind.family == name}
        elif name != NONE:
            kind = find(name, option="--faults")
            if form and form not in kind.forms:
                raise InvalidOption(option="--faults", value=value, expected=f"{name}@PHASE:{' or :'.join(kind.forms)}")
            kinds.add(name)
            if phase or form:
                limits[name] = (*limits.get(name, ()), (phase, form))
    named = tuple(kind for kind in CATALOGUE.values() if kind.name in kinds)
    return FaultSelection(kinds=named, with_kills=kills, limits=limits)


def cells(kind: Kind, plans: Mapping[str, Plan], only: Sequence[tuple[str, str]] = ()) -> tuple[Cell, ...]:
    """All cells of a kind: one for each form and each phase of a path into which it can be injected.

    Phases of several paths are one cell if their first group of checks is the same. `only`: keep cells of these pairs
    of phase and form; () keeps all.
    """
    found: dict[str, dict[str, str]] = {}
    for path, plan in plans.items():
        for phase in places(kind, plan):
            found.setdefault(plan.phase(phase).groups[0], {})[path] = phase

    def is_selected(cell: Cell) -> bool:
        phases = {"", cell.group, *cell.targets.values()}
        return not only or any(phase in phases and form in {"", cell.form} for phase, form in only)

    every = (
        Cell(kind=kind, group=group, form=form, targets=targets)
        for group, targets in found.items()
        for form in kind.forms
    )
    return tuple(cell for cell in every if is_selected(cell))


def schedule(request: ScheduleRequest) -> Iterator[Specification]:
    """The trials in their order; endless if `request.trials` is None."""
    rounds = _rounds(request)
    blocks = itertools.count(1)
    numbers = itertools.count(1)
    for each in rounds:
        for block in each:
            number = next(blocks)
            for trial in block:
                yield replace(trial, number=next(numbers), block=number)


def count_trials(request: ScheduleRequest) -> int | None:
    """The number of trials in the schedule; None if it is endless."""
    return sum(1 for _ in schedule(request)) if request.trials is not None else None


def _rounds(request: ScheduleRequest) -> Iterator[list[list[Specification]]]:
    families = {family: _cells_of(request, family) for family in FAMILIES}
    sequences = {family: _sequence(request, family, found) for family, found in families.items() if found}
    paths = list(request.plans)
    has_faults = bool(request.kinds) or request.with_kills
    most = None if request.trials is None else request.trials * len(paths)
    least = len(paths) if has_faults else most
    kills, controls = 0, 0
    for turn in itertools.count():
        rng = random.Random(f"{request.seed} round {turn}")  # noqa: S311 - repeatable, not secret
        blocks = [block for sequence in sequences.values() if (block := next(sequence, None)) is not None]
        if request.with_kills and _is_due(turn, kills, request.trials, alone=not blocks):
            blocks.append(_kill_block(request, kills))
            kills += 1
        # Controls take the paths in turn. They end with the other blocks, but every path gets at least one.
        if _is_due(turn, controls, most if blocks else least, alone=not blocks):
            blocks.append(_control_block(request, paths[controls % len(paths)], controls // len(paths)))
            controls += 1
        if not blocks:
            return
        rng.shuffle(blocks)
        for block in blocks:
            rng.shuffle(block)
        yield blocks


def _is_due(turn: int, so_far: int, most: int | None, *, alone: bool) -> bool:
    """Whether a control or kill block is due: in every second round, and in rounds without other blocks."""
    return (alone or turn % 2 == 0) and (most is None or so_far < most)


def _cells_of(request: ScheduleRequest, family: str) -> Mapping[str, tuple[Cell, ...]]:
    every = {
        kind.name: cells(kind, request.plans, request.limits.get(kind.name, ()))
        for kind in request.kinds
        if kind.family == family
    }
    return {name: found for name, found in every.items() if found}


def _sequence(
    request: ScheduleRequest, family: str, found: Mapping[str, tuple[Cell, ...]]
) -> Iterator[list[Specification]]:
    """The blocks of a family: each fault at one cell, in the order of `_alternating`, then each at another cell."""
    repeats = itertools.count() if request.trials is None else range(request.trials)
    for repeat in repeats:
        rng = random.Random(f"{request.seed} {family} {repeat}")  # noqa: S311 - repeatable, not secret
        shuffled = rng.sample(list(found), len(found))
        orders = {name: _alternating(found[name], rng, begin=turn % 2) for turn, name in enumerate(shuffled)}
        for position in range(max(map(len, orders.values()))):
            same_turn = [order[position] for order in orders.values() if position < len(order)]
            for cell in _alternating(same_turn, rng, begin=position % 2):
                yield _fault_block(request, cell, repeat)


def _alternating(some: Sequence[Cell], rng: random.Random, *, begin: int) -> list[Cell]:
    """The cells in random order, alternating between those that most paths share and the others.

    `begin`: 0 to start with the shared ones, 1 to start with the others.
    """
    most = max(len(cell.targets) for cell in some)
    shuffled = rng.sample(some, len(some))
    shared = [cell for cell in shuffled if len(cell.targets) == most]
    others = [cell for cell in shuffled if len(cell.targets) < most]
    first, second = (others, shared) if begin else (shared, others)
    return [cell for pair in itertools.zip_longest(first, second) for cell in pair if cell is not None]


def _fault_block(request: ScheduleRequest, cell: Cell, repeat: int) -> list[Specification]:
    seed = _seed(request.seed, cell.kind.name, cell.group, cell.form, repeat)
    return [
        _trial(request, "fault", path, seed, fault=cell.kind.name, family=cell.kind.family, group=cell.group,
               phase=phase, form=cell.form)
        for path, phase in cell.targets.items()
    ]  # fmt: skip


def _control_block(request: ScheduleRequest, path: str, turn: int) -> list[Specification]:
    """Two equal trials, A and B, without a fault. Any difference between them is chance."""
    seed = _seed(request.seed, CONTROL, path, "", turn)
    return [_trial(request, CONTROL, path, seed, arm=arm) for arm in ("A", "B")]


def _kill_block(request: ScheduleRequest, turn: int) -> list[Specification]:
    """One kill for each path, all at the same random fraction of the path's duration."""
    seed = _seed(request.seed, KILLS, "", "", turn)
    fraction = random.Random(seed).random()  # noqa: S311 - repeatable, not secret
    kind = CATALOGUE[_SIGKILL]
    return [
        _trial(request, KILLS, path, seed, fault=kind.name, family=kind.family, form=kind.forms[0],
               at=round(fraction * request.durations[path], 2))
        for path in request.plans
    ]  # fmt: skip


def _trial(request: ScheduleRequest, kind: str, path: str, seed: int, **facts: object) -> Specification:
    return Specification(number=0, block=0, kind=kind, path=path, seed=seed, source=request.source,
                         scenario=request.scenario, **facts)  # type: ignore[arg-type]  # fmt: skip


def _seed(campaign: int, *of: object) -> int:
    return random.Random(" ".join(map(str, (campaign, *of)))).getrandbits(_BITS)  # noqa: S311


def unusable_kinds(
    kinds: Sequence[Kind], plans: Mapping[str, Plan], limits: Mapping[str, tuple[tuple[str, str], ...]]
) -> tuple[str, ...]:
    """Names of the kinds without a cell on any of the paths, within their limits."""
    return tuple(kind.name for kind in kinds if not cells(kind, plans, limits.get(kind.name, ())))
