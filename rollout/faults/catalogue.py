"""The catalogue of faults, and the parser of `--fault=NAME[@PHASE][:FORM]`."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping

from rollout.config.flags import option
from rollout.config.options import PATHS
from rollout.config.plan import PhasePlan, Plan, load_plan
from rollout.config.values import STAGES
from rollout.errors import InvalidOption
from rollout.faults import database, deployment, machine, production, registry, suite
from rollout.faults.fault import CannotInject, FaultSpec, Kind, Means

OPTION = option("fault")
CATALOGUE: Mapping[str, Kind] = {
    kind.name: kind
    for family in (registry, database, machine, deployment, production, suite)
    for kind in family.KINDS
}  # fmt: skip
_MOMENT = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,6})?)s")


def find(name: str, *, option: str = OPTION) -> Kind:
    """The kind with this name. Raises InvalidOption, which suggests the nearest name."""
    if name in CATALOGUE:
        return CATALOGUE[name]
    near = difflib.get_close_matches(name, CATALOGUE, n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    raise InvalidOption(option=option, value=name, expected=f"one of {', '.join(CATALOGUE)}{hint}")


def listing() -> str:
    """The list of all faults by family: name, what goes wrong, phases, forms."""
    lines = []
    for kind in CATALOGUE.values():
        if f"{kind.family}:" not in lines:
            lines.append(f"{kind.family}:")
        lines.append(f"  {kind.name}: {kind.text} ({reach(kind)}; {' or '.join(kind.forms)})")
    return "\n".join(lines)


def reach(kind: Kind) -> str:
    """The phases of the suite's plans that a kind can strike, as text."""
    if not kind.traits and not kind.spares:
        return "any"
    plans = [load_plan(path, rehearsal=edition, stage=STAGES[-1]) for path in PATHS for edition in (False, True)]
    named = dict.fromkeys(name for plan in plans for name in places(kind, plan))
    everywhere = {name for plan in plans for name in plan.phase_names}
    if spared := sorted(everywhere - set(named)) if not kind.traits else ():
        return f"any, not {', '.join(spared)}"
    return ", ".join(named)


def places(kind: Kind, plan: Plan) -> tuple[str, ...]:
    """The phases of a plan that the kind can strike, in order."""
    return tuple(phase.name for phase in plan.phases if fits(kind, phase))


def fits(kind: Kind, phase: PhasePlan) -> bool:
    """Whether the kind can strike the phase, by the traits of both."""
    return (not kind.traits or not set(kind.traits).isdisjoint(phase.traits)) and set(kind.spares).isdisjoint(
        phase.traits
    )


def aim(text: str, plan: Plan, *, seed: int) -> FaultSpec:
    """Parse `NAME[@PHASE][:FORM]`. PHASE may be a time of the run (`7.4s`); the default is the first phase that fits.

    A phase of the realistic path means the phase of this plan that answers for its checks. Raises InvalidOption.
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
    answering = plan.phase_for(where)
    phase = answering.name if answering else where
    if where and not moment and phase not in there:
        raise InvalidOption(option=OPTION, value=text, expected=f"{name}@ one of {', '.join(there)}")
    return FaultSpec(
        kind=kind,
        path=plan.name,
        phase=None if moment else phase or there[0],
        at=float(moment[1]) if moment else None,
        form=form or kind.forms[0],
        seed=seed,
    )


def why_unfit(kind: Kind, means: Means) -> str | None:
    """Why the kind cannot be injected with these means; None if it can."""
    for need in kind.needs:
        if need == "engine" and (means.forge, means.database) != ("container", "container"):
            return "forge and database have to be containers"
        if need == "database" and means.database == "url":
            return "the database server belongs to the user and is never disturbed"
        if need == "root" and not means.is_root:
            return "it mounts file systems, which only root may"
        if need == "key" and not means.signs:
            return "registry entries are signed, and only the key of a rehearsal is available"
    return None


def refuse_unfit(spec: FaultSpec, means: Means) -> None:
    """Raise CannotInject if the site lacks something that the fault needs."""
    why = why_unfit(spec.kind, means)
    if why:
        raise CannotInject(fault=spec.kind.name, why=why, option="use a site that has it")
