"""Keeps the site after a deployment where that was requested, and records a bundle of its packages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rollout.deployment.context import Context
from rollout.installation import command
from rollout.journal.events import phases, runs
from rollout.production.deployed import deployed_on
from rollout.site.shell_access import shell_commands
from rollout.site.site import Site


def journal_kept_site(context: Context) -> None:
    """Journal the address of a kept deployment and the commands that manage, enter and remove it."""
    site = context.site
    manage = f"{site.directory}/{site.target.manage_script}" if context.has_passed("scripts") else ""
    context.journal.record(
        runs.Kept(
            path=context.plan.name,
            url=site.base_url if context.has_passed("server") else "",
            directory=str(site.directory),
            manage=manage,
            # There is no default account: a command makes the first operator.
            first_operator=f"{manage} operator ADDRESS --generate" if manage and context.has_passed("accounts") else "",
            remove=command("undeploy", site.options.name),
            **{**shell_commands(site), **_serving(site)},
        )
    )


def _serving(site: Site) -> dict[str, Any]:
    """The release that serves and its instances; empty in the development stage."""
    fleet = deployed_on(site).fleet
    if fleet is None:
        return {}
    releases = sorted({instance.release.label for instance in fleet.instances.values()})
    return {"release": " and ".join(releases).upper(), "instances": tuple(fleet.instances)}


def record_bundle(context: Context, target: Path) -> bool:
    """Write a bundle of all that was fetched, and journal it. Returns False if it cannot be written."""
    try:
        summary = context.site.registry.record_bundle(target)
    except Exception as error:  # noqa: BLE001 - the phases still have to be rolled back
        text, written = f"The bundle {target} could not be written: {error}", False
    else:
        text = f"Bundle {summary.target}: {summary.files} files, {summary.size / 1e6:.1f} MB."
        written = True
    context.journal.record(phases.PhaseNote(path=context.plan.name, phase=context.plan.phase_names[-1], text=text))
    return written
