"""Which trials a campaign makes, in which order: a function of its seed. Pure.

A *round* holds one block of every family of faults and, every second time, one of the A/A control and one of kills, in
random order; where only kills are asked for, one of them every time. A family brings each of its faults, in random
order, at a random one of its cells (a phase that it can strike, and a form); then each at another, until it begins anew
with other seeds. Every second time that is a cell that as many paths have as any: what few have in common would else be
struck too seldom to compare them. So whatever stops a campaign, what it has done is balanced.
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

EVERYTHING, NOTHING = "all", "none"
_KILLED = "sigkill"
_BITS = 31


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What trials of one block have in common, before their seed: which path's phase is struck by what, in which form.

    `targets`: path → its own phase.
    """

    kind: Kind
    group: str
    form: str
    targets: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a campaign is asked to do. `spans`: path → seconds that its runs take, over which kills are spread.

    `trials` of each cell, None for as many as there is time for. `limits`: fault → the only places (a phase or "", a
    form or "") that it strikes.
    """

    plans: Mapping[str, Plan]
    kinds: tuple[Kind, ...]
    limits: Mapping[str, tuple[tuple[str, str], ...]]
    with_kills: bool
    trials: int | None
    seed: int
    source: str
    scenario: str
    spans: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What `--faults` names: kinds in the order of the catalogue, whether runs are killed, and limits (see `Wish`)."""

    kinds: tuple[Kind, ...]
    with_kills: bool
    limits: Mapping[str, tuple[tuple[str, str], ...]]


def chosen(names: Iterable[str]) -> Choice:
    """Read `--faults`: names of faults (`NAME[@PHASE][:FORM]`), families, kills, none, all. Raises InvalidOption."""
    kinds: set[str] = set()
    limits: dict[str, tuple[tuple[str, str], ...]] = {}
    kills = False
    for told in names:
        name, _, form = told.partition(":")
        name, _, phase = name.partition("@")
        if (phase or form) and name in {EVERYTHING, KILLS, NOTHING, *FAMILIES}:
            raise InvalidOption(option="--faults", value=told,
                                expected=f"{name} alone, or a fault's name before @ and : (--fault=list)")  # fmt: skip
        if name == EVERYTHING:
            kinds, kills = set(CATALOGUE), True
        elif name == KILLS:
            kills = True
        elif name in FAMILIES:
            kinds |= {kind.name for kind in CATALOGUE.values() if kind.family == name}
        elif name != NOTHING:
            kind = find(name, option="--faults")
            if form and form not in kind.forms:
                raise InvalidOption(option="--faults", value=told, expected=f"{name}@PHASE:{' or :'.join(kind.forms)}")
            kinds.add(name)
            if phase or form:
                limits[name] = (*limits.get(name, ()), (phase, form))
    named = tuple(kind for kind in CATALOGUE.values() if kind.name in kinds)
    return Choice(kinds=named, with_kills=kills, limits=limits)


def cells(kind: Kind, plans: Mapping[str, Plan], only: Sequence[tuple[str, str]] = ()) -> tuple[Cell, ...]:
    """Every cell of a kind: one for each phase that it can strike on one of the paths, in each form.

    Phases of several paths are one place where they answer for the same group of checks first. `only`: those
    of these phases and forms, where there are any.
    """
    found: dict[str, dict[str, str]] = {}
    for path, plan in plans.items():
        for phase in places(kind, plan):
            found.setdefault(plan.phase(phase).groups[0], {})[path] = phase

    def is_meant(cell: Cell) -> bool:
        here = {"", cell.group, *cell.targets.values()}
        return not only or any(phase in here and form in {"", cell.form} for phase, form in only)

    made = (
        Cell(kind=kind, group=group, form=form, targets=targets)
        for group, targets in found.items()
        for form in kind.forms
    )
    return tuple(cell for cell in made if is_meant(cell))


def schedule(wish: Wish) -> Iterator[Specification]:
    """The trials, in their order; endless where `wish.trials` is None."""
    rounds = _rounds(wish)
    blocks = itertools.count(1)
    numbers = itertools.count(1)
    for each in rounds:
        for block in each:
            number = next(blocks)
            for trial in block:
                yield replace(trial, number=next(numbers), block=number)


def size(wish: Wish) -> int | None:
    """How many trials there are in all; None where there is no end."""
    return sum(1 for _ in schedule(wish)) if wish.trials is not None else None


def _rounds(wish: Wish) -> Iterator[list[list[Specification]]]:
    families = {family: _cells_of(wish, family) for family in FAMILIES}
    sequences = {family: _sequence(wish, family, found) for family, found in families.items() if found}
    paths = list(wish.plans)
    asked = bool(wish.kinds) or wish.with_kills
    most = None if wish.trials is None else wish.trials * len(paths)
    least = len(paths) if asked else most
    kills, controls = 0, 0
    for turn in itertools.count():
        chance = random.Random(f"{wish.seed} round {turn}")  # noqa: S311 - repeatable, not secret
        blocks = [block for sequence in sequences.values() if (block := next(sequence, None)) is not None]
        if wish.with_kills and _is_due(turn, kills, wish.trials, alone=not blocks):
            blocks.append(_killed(wish, kills))
            kills += 1
        # The controls go path by path and end with all else, but for one of each path.
        if _is_due(turn, controls, most if blocks else least, alone=not blocks):
            blocks.append(_control(wish, paths[controls % len(paths)], controls // len(paths)))
            controls += 1
        if not blocks:
            return
        chance.shuffle(blocks)
        for block in blocks:
            chance.shuffle(block)
        yield blocks


def _is_due(turn: int, so_far: int, most: int | None, *, alone: bool) -> bool:
    """Every second round, or in every one that would be empty without; until there are `most`."""
    return (alone or turn % 2 == 0) and (most is None or so_far < most)


def _cells_of(wish: Wish, family: str) -> Mapping[str, tuple[Cell, ...]]:
    made = {
        kind.name: cells(kind, wish.plans, wish.limits.get(kind.name, ()))
        for kind in wish.kinds
        if kind.family == family
    }
    return {name: found for name, found in made.items() if found}


def _sequence(wish: Wish, family: str, found: Mapping[str, tuple[Cell, ...]]) -> Iterator[list[Specification]]:
    """The blocks of a family: each of its faults once, mixed as `_alternating` says, then each at another cell."""
    repeats = itertools.count() if wish.trials is None else range(wish.trials)
    for repeat in repeats:
        chance = random.Random(f"{wish.seed} {family} {repeat}")  # noqa: S311 - repeatable, not secret
        mixed = chance.sample(list(found), len(found))
        orders = {name: _alternating(found[name], chance, begin=turn % 2) for turn, name in enumerate(mixed)}
        for place in range(max(map(len, orders.values()))):
            these = [order[place] for order in orders.values() if place < len(order)]
            for cell in _alternating(these, chance, begin=place % 2):
                yield _struck(wish, cell, repeat)


def _alternating(some: Sequence[Cell], chance: random.Random, *, begin: int) -> list[Cell]:
    """In random order, but those that most paths share and all others by turns; `begin`: 0 with the former, else 1."""
    most = max(len(cell.targets) for cell in some)
    mixed = chance.sample(some, len(some))
    halves = [cell for cell in mixed if len(cell.targets) == most], [cell for cell in mixed if len(cell.targets) < most]
    pairs = itertools.zip_longest(halves[begin], halves[1 - begin])
    return [cell for pair in pairs for cell in pair if cell is not None]


def _struck(wish: Wish, cell: Cell, repeat: int) -> list[Specification]:
    seed = _seed(wish.seed, cell.kind.name, cell.group, cell.form, repeat)
    return [
        _trial(wish, "fault", path, seed, fault=cell.kind.name, family=cell.kind.family, group=cell.group, phase=phase,
               form=cell.form)
        for path, phase in cell.targets.items()
    ]  # fmt: skip


def _control(wish: Wish, path: str, turn: int) -> list[Specification]:
    """The same thing twice: what differs between A and B is chance."""
    seed = _seed(wish.seed, CONTROL, path, "", turn)
    return [_trial(wish, CONTROL, path, seed, arm=arm) for arm in ("A", "B")]


def _killed(wish: Wish, turn: int) -> list[Specification]:
    """Every path killed at the same seeded part of the time that it takes."""
    seed = _seed(wish.seed, KILLS, "", "", turn)
    part = random.Random(seed).random()  # noqa: S311 - repeatable, not secret
    kind = CATALOGUE[_KILLED]
    return [
        _trial(wish, KILLS, path, seed, fault=kind.name, family=kind.family, form=kind.forms[0],
               at=round(part * wish.spans[path], 2))
        for path in wish.plans
    ]  # fmt: skip


def _trial(wish: Wish, kind: str, path: str, seed: int, **facts: object) -> Specification:
    return Specification(number=0, block=0, kind=kind, path=path, seed=seed, source=wish.source,
                         scenario=wish.scenario, **facts)  # type: ignore[arg-type]  # fmt: skip


def _seed(campaign: int, *of: object) -> int:
    return random.Random(" ".join(map(str, (campaign, *of)))).getrandbits(_BITS)  # noqa: S311


def kinds_left_out(
    kinds: Sequence[Kind], plans: Mapping[str, Plan], limits: Mapping[str, tuple[tuple[str, str], ...]]
) -> tuple[str, ...]:
    """Names of kinds that can strike none of the paths, or not where they are wanted."""
    return tuple(kind.name for kind in kinds if not cells(kind, plans, limits.get(kind.name, ())))
