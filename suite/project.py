"""The project of the path `app`: reads its rollout.toml, fits the plan to it, and finds the code of its phases."""

from __future__ import annotations

from rollout.app import copying
from rollout.app.fitting import fit
from rollout.config.options import ROOT, Options
from rollout.config.plan import Plan
from rollout.config.values import APP
from rollout.errors import RolloutError, UsageError
from rollout.project.file import FILE, load
from rollout.project.project import Project


def project_in(options: Options) -> Project | None:
    """The project that a session deploys; None on another path than `app`. Raises InvalidProject."""
    if options.path != APP or options.project is None:
        return None
    return load(options.project / FILE)


def title_in(options: Options) -> str:
    """The title of the project that a run deploys on one of its paths; "" without one, or if its file is invalid."""
    if APP not in options.paths or options.project is None:
        return ""
    try:
        return load(options.project / FILE).title
    except RolloutError:
        return ""


def fitted(plan: Plan, options: Options) -> Plan:
    """The plan without the phases that do not fit the project of the options."""
    if plan.name != APP or options.project is None:
        return plan
    return fit(plan, load(options.project / FILE))


def refuse_project(options: Options) -> None:
    """Raise InvalidOption if the project is not in a Git repository, or its revision does not exist.

    Raises UsageError for hooks, which are not run yet: a deployment without them would not be the user's.
    """
    if APP not in options.paths or options.project is None:
        return
    copying.find(options)
    if hooks := load(options.project / FILE).hook:
        raise UsageError(
            f"{options.project / FILE} has {len(hooks)} [[hook]], and hooks are not run yet.",
            advice="Leave them out, and do what they do in the application or in [environment].",
        )


def phase_modules(plan: Plan) -> tuple[str, ...]:
    """The modules with the plan's own phases, as pytest imports plugins."""
    files = (ROOT / "fixtures" / plan.code).glob("[!_]*.py") if plan.code else ()
    return tuple(sorted(f"fixtures.{plan.code}.{file.stem}" for file in files))
