"""Checks before a run that its folders, ports and database names are free. Changes nothing.

It runs twice: before the recovery of earlier runs, when it skips what recovery will remove, and after it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rollout.config.comparison import path_names, path_runs
from rollout.config.options import Options
from rollout.config.plan import load_plan
from rollout.deployment.obstacles import (
    expects_usual_port,
    is_external_server,
    refuse_databases,
    refuse_port,
    refuse_usual_port,
)
from rollout.errors import FolderUnwritable, InvalidOption, Refused, RolloutError, UsageError
from rollout.hex.bundle import require_replaceable
from rollout.rollback import recovery
from rollout.site import postgres
from rollout.site.folder_check import require_no_pattern, require_usable_place, writable_reason


@dataclass(frozen=True, slots=True, kw_only=True)
class SitePlace:
    """The place of a path's site. `name` is the name of its databases, `path` the value of `--path`."""

    path: str
    plan: str
    name: str
    directory: Path
    port: int
    observed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a path cannot start. `plan` is its name in the journal."""

    plan: str
    error: RolloutError


class RunRefused(Refused):
    """The run is refused, because at least one path is. `refusals` has one entry for each such path."""

    def __init__(self, refusals: Sequence[Refusal]) -> None:
        first = refusals[0].error
        super().__init__(first.message, advice=first.advice)
        self.cause = first.cause or self.cause
        self.refusals = tuple(refusals)


def refuse(options: Options, *, before_recovery: bool) -> None:
    """Raise RunRefused if a path's site is not free, UsageError for invalid options.

    `before_recovery`: skip what recovery will remove; the second call checks it.
    """
    _refuse_folders(options)
    _refuse_invalid_values(options)
    if options.campaign:  # its trials have their own sites; folder, name and port of this run are unused
        if not any(load_plan(path).is_observed for path in options.campaign_paths):
            _refuse_server(options)
        return
    pending = recovery.pending_runs(options.state) if before_recovery else ()
    owners = recovery.owners(options.state)
    refusals = []
    for place in site_places(options):
        try:
            _refuse(place, options, pending, owners)
        except UsageError:
            raise
        except RolloutError as error:
            refusals.append(Refusal(plan=place.plan, error=error))
    if refusals:
        raise RunRefused(refusals)


def site_places(options: Options) -> tuple[SitePlace, ...]:
    """The place of every path."""
    names = path_names(options)

    def place(path: str, name: str, directory: Path, port: int) -> SitePlace:
        observed = load_plan(path).is_observed
        return SitePlace(path=path, plan=names[path], name=name, directory=directory, port=port, observed=observed)

    if len(options.paths) == 1:
        return (place(options.path, options.name, options.directory, options.port),)
    return tuple(place(part.path, part.site, part.directory, part.port) for part in path_runs(options))


def _refuse(
    place: SitePlace, options: Options, pending: Sequence[Mapping[str, Any]], owners: Mapping[Path, str]
) -> None:
    """Raise RolloutError for the first obstacle. Cheap checks come first, a query to a server last."""

    def is_pending(key: str, value: object) -> bool:
        return any(str(one.get(key)) == str(value) for one in pending)

    checks: list[tuple[bool, Callable[[], None]]] = [
        (options.forge != "host", lambda: require_no_pattern(place.directory)),
        (is_pending("directory", place.directory), lambda: require_usable_place(options, place.directory, owners)),
        (is_pending("port", place.port), lambda: refuse_port(place.port)),
        (bool(pending), lambda: refuse_usual_port(place.path, options)),
        (is_pending("name", place.name), lambda: _refuse_databases(place, options)),
    ]
    for will_be_removed, check in checks:
        if not will_be_removed:
            check()


def _refuse_databases(place: SitePlace, options: Options) -> None:
    if is_external_server(options.database) and not place.observed:  # an observed path has a server of its own
        refuse_databases(options.database, place.name, (f"{place.name}_dev", f"{place.name}_test"))


def _refuse_server(options: Options) -> None:
    """Raise RolloutError if the server of all trials is unusable."""
    if is_external_server(options.database):
        refuse_databases(options.database, "", ())


def _refuse_invalid_values(options: Options) -> None:
    """Raise RolloutError for a bundle that cannot be written, an unreadable script, or a port needed twice."""
    target = options.record_bundle
    if target is not None:
        require_replaceable(target)
        if reason := writable_reason(target.parent):
            raise InvalidOption(option="--record-bundle", value=str(target), expected=f"a writable place ({reason})")
    for script in options.scripts:
        if not os.access(script, os.R_OK):
            raise InvalidOption(option="--path", value=f"script:{script}", expected="a file that you may read")
    for place in site_places(options) if not options.campaign else ():
        if place.port == postgres.USUAL_PORT and expects_usual_port(place.path, options):
            raise InvalidOption(option="--port", value=str(place.port),
                                expected="another port: the script expects its database on this one")  # fmt: skip


def _refuse_folders(options: Options) -> None:
    """Raise FolderUnwritable for a folder of the suite that cannot be used or made."""
    for folder, variable in (
        (options.reports, "XAVOS_REPORTS_DIR"),
        (options.state, "XAVOS_STATE_DIR"),
        (options.cache, "XAVOS_CACHE_DIR"),
    ):
        reason = writable_reason(folder)
        if reason is not None:
            raise FolderUnwritable(folder=folder, reason=reason, variable=variable)
