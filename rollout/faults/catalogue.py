"""The catalogue of faults, and the parser of `--fault=NAME[@PHASE][:FORM]`."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping

from rollout.config.options import PATHS
from rollout.config.plan import PhasePlan, Plan, load_plan
from rollout.errors import InvalidOption
from rollout.faults import database, deployment, machine, registry, suite
from rollout.faults.fault import CannotInject, Kind, Means, Wound

OPTION = "--fault"
CATALOGUE: Mapping[str, Kind] = {
    kind.name: kind
    for family in (registry, database, machine, deployment, suite)
    for kind in family.KINDS
}  # fmt: skip
_MOMENT = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,6})?)s")


def find(name: str, *, option: str = OPTION) -> Kind:
    """The kind of this name. Raises InvalidOption that suggests the nearest."""
    if name in CATALOGUE:
        return CATALOGUE[name]
    near = difflib.get_close_matches(name, CATALOGUE, n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    raise InvalidOption(option=option, value=name, expected=f"one of {', '.join(CATALOGUE)}{hint}")


def listing() -> str:
    """Every fault by family: its name, what goes wrong, where it can strike."""
    lines = []
    for kind in CATALOGUE.values():
        if f"{kind.family}:" not in lines:
            lines.append(f"{kind.family}:")
        lines.append(f"  {kind.name}: {kind.text} ({reach(kind)}; {' or '.join(kind.forms)})")
    return "\n".join(lines)


def reach(kind: Kind) -> str:
    """The phases of the suite's own plans at which a kind can strike, in words."""
    if not kind.traits and not kind.spares:
        return "any"
    plans = [load_plan(path, rehearsal=edition) for path in PATHS for edition in (False, True)]
    named = dict.fromkeys(name for plan in plans for name in places(kind, plan))
    everywhere = {name for plan in plans for name in plan.phase_names}
    if spared := sorted(everywhere - set(named)) if not kind.traits else ():
        return f"any, not {', '.join(spared)}"
    return ", ".join(named)


def places(kind: Kind, plan: Plan) -> tuple[str, ...]:
    """The phases of this plan during which the kind can strike, in their order."""
    return tuple(phase.name for phase in plan.phases if fits(kind, phase))


def fits(kind: Kind, phase: PhasePlan) -> bool:
    """Whether the kind can strike the phase, by the traits of both."""
    return (not kind.traits or not set(kind.traits).isdisjoint(phase.traits)) and set(kind.spares).isdisjoint(
        phase.traits
    )


def aim(text: str, plan: Plan, *, seed: int) -> Wound:
    """Read `NAME[@PHASE][:FORM]`, where PHASE may be a moment of the run (`7.4s`); without one, the first that fits.

    A phase of the realistic path stands for the one that answers for it in this plan. Raises InvalidOption.
    """
    name, _, form = text.partition(":")
    name, _, where = name.partition("@")
    kind = find(name)
    if form and form not in kind.forms:
        raise InvalidOption(option=OPTION, value=text, expected=f"{name}@PHASE:{' or :'.join(kind.forms)}")
    moment = _MOMENT.fullmatch(where)
    if moment and not kind.by_the_clock:
        raise InvalidOption(option=OPTION, value=text, expected=f"a phase; {name} does not strike by the clock")
    there = places(kind, plan)
    if not there:
        raise InvalidOption(option=OPTION, value=text, expected=f"a fault that can strike the path {plan.name}")
    answering = plan.answering(where)
    phase = answering.name if answering else where
    if where and not moment and phase not in there:
        raise InvalidOption(option=OPTION, value=text, expected=f"{name}@ one of {', '.join(there)}")
    return Wound(
        kind=kind,
        path=plan.name,
        phase=None if moment else phase or there[0],
        at=float(moment[1]) if moment else None,
        form=form or kind.forms[0],
        seed=seed,
    )


def unfit(kind: Kind, means: Means) -> str | None:
    """Why the kind cannot be injected with such means; None where it can."""
    for need in kind.needs:
        if need == "engine" and (means.forge, means.database) != ("container", "container"):
            return "forge and database have to be containers"
        if need == "database" and means.database == "url":
            return "the database server is not ours, and is not touched"
        if need == "root" and not means.is_root:
            return "it mounts file systems, which only root may"
        if need == "key" and not means.signs:
            return "what the registry says is signed, and only the key of a rehearsal is ours"
    return None


def refuse_unfit(wound: Wound, means: Means) -> None:
    """Raise CannotInject where the site has not what the fault needs."""
    why = unfit(wound.kind, means)
    if why:
        raise CannotInject(fault=wound.kind.name, why=why, option="run where it can")
