"""`--plan`: prints the phases and packages of a run. It reads nothing but the plan."""

from __future__ import annotations

from rollout.config.options import Options
from rollout.config.plan import Plan


def describe(plan: Plan, options: Options) -> str:
    """The plan as text, with a line for each phase and each package."""
    lines = [
        f"Path {plan.name}: {plan.description}".rstrip(": "),
        f"Deployment {options.name!r} into {options.directory}, on port {options.port}.",
        f"Source {options.source}, forge {options.forge}, database {_database(options.database)}, keep {options.keep}.",
        "",
    ]
    for number, phase in enumerate(plan.phases, 1):
        how = " (optional)" if phase.optional else " (observed)" if phase.observed else ""
        lines.append(f"{number:2}. {phase.name}{how}: {phase.description}")
        for package in (*phase.archives, *phase.packages):
            reason = f"  # {package.reason}" if package.reason else ""
            override = ", override" if package.override else ""
            lines.append(f"      {package.name} {package.requirement}{override}{reason}")
    lines += [f"    {phase.name} is left out, {phase.why_left_out}" for phase in plan.left_out]
    if options.source == "auto" and (real := [phase.name for phase in plan.phases if phase.edition == "real"]):
        lines.append(f"    If auto chooses a rehearsal, these phases are left out: {', '.join(real)}.")
    return "\n".join(lines)


def _database(option: str) -> str:
    return option if "://" not in option else "URL"
