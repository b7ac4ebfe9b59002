"""Checks before a run starts that its sites are free. Changes nothing, and opens nothing of others.

Runs twice: before recovery of earlier runs, where it skips what recovery will remove, and again after it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rollout.config.comparison import path_names, seats
from rollout.config.options import Options
from rollout.config.plan import load_plan
from rollout.deployment.obstacles import (
    is_looked_for_at_the_usual_port,
    is_server_of_the_users,
    refuse_databases,
    refuse_port,
    refuse_usual_port,
)
from rollout.errors import FolderUnwritable, InvalidOption, Refused, RolloutError, UsageError
from rollout.hex.bundle import require_replaceable
from rollout.rollback import recovery
from rollout.site import postgres
from rollout.site.folder_check import refuse_patterns, refuse_place, writable_reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
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


class CannotBegin(Refused):
    """The run is refused, because at least one path is. `refusals` has one entry for each such path."""

    def __init__(self, refusals: Sequence[Refusal]) -> None:
        first = refusals[0].error
        super().__init__(first.message, advice=first.advice)
        self.cause = first.cause or self.cause
        self.refusals = tuple(refusals)


def refuse(options: Options, *, before_recovery: bool) -> None:
    """Raise CannotBegin where a path's site is not free, UsageError for invalid options.

    `before_recovery`: skip what recovery will remove; the second call checks it.
    """
    _refuse_folders(options)
    _refuse_what_cannot_be_meant(options)
    if options.campaign:  # it makes sites of its own, for which this one's folder, name and port mean nothing
        if not any(load_plan(path).is_observed for path in options.campaign_paths):
            _refuse_server(options)
        return
    owing = recovery.owing(options.state) if before_recovery else ()
    owners = recovery.owners(options.state)
    refusals = []
    for spot in spots(options):
        try:
            _refuse(spot, options, owing, owners)
        except UsageError:
            raise
        except RolloutError as error:
            refusals.append(Refusal(plan=spot.plan, error=error))
    if refusals:
        raise CannotBegin(refusals)


def spots(options: Options) -> tuple[Spot, ...]:
    """The place of every path."""
    names = path_names(options)

    def spot(path: str, name: str, directory: Path, port: int) -> Spot:
        observed = load_plan(path).is_observed
        return Spot(path=path, plan=names[path], name=name, directory=directory, port=port, observed=observed)

    if len(options.paths) == 1:
        return (spot(options.path, options.name, options.directory, options.port),)
    return tuple(spot(seat.path, seat.site, seat.directory, seat.port) for seat in seats(options))


def _refuse(spot: Spot, options: Options, owing: Sequence[Mapping[str, Any]], owners: Mapping[Path, str]) -> None:
    """Raise RolloutError for the first obstacle. Cheap checks come first, a query to a server last."""

    def is_owed(key: str, value: object) -> bool:
        return any(str(one.get(key)) == str(value) for one in owing)

    looks: list[tuple[bool, Callable[[], None]]] = [
        (options.forge != "host", lambda: refuse_patterns(spot.directory)),
        (is_owed("directory", spot.directory), lambda: refuse_place(options, spot.directory, owners)),
        (is_owed("port", spot.port), lambda: refuse_port(spot.port)),
        (bool(owing), lambda: refuse_usual_port(spot.path, options)),
        (is_owed("name", spot.name), lambda: _refuse_databases(spot, options)),
    ]
    for is_spared, look in looks:
        if not is_spared:
            look()


def _refuse_databases(spot: Spot, options: Options) -> None:
    if is_server_of_the_users(options.database) and not spot.observed:  # which has a server of its own
        refuse_databases(options.database, spot.name, (f"{spot.name}_dev", f"{spot.name}_test"))


def _refuse_server(options: Options) -> None:
    """Raise RolloutError where the server of all trials cannot be used."""
    if is_server_of_the_users(options.database):
        refuse_databases(options.database, "", ())


def _refuse_what_cannot_be_meant(options: Options) -> None:
    """Raise RolloutError for a bundle that cannot be written, an unreadable script, or a port needed twice."""
    target = options.record_bundle
    if target is not None:
        require_replaceable(target)
        if reason := writable_reason(target.parent):
            raise InvalidOption(option="--record-bundle", value=str(target), expected=f"a place for it ({reason})")
    for script in options.scripts:
        if not os.access(script, os.R_OK):
            raise InvalidOption(option="--path", value=f"script:{script}", expected="a file that you may read")
    for spot in spots(options) if not options.campaign else ():
        if spot.port == postgres.USUAL_PORT and is_looked_for_at_the_usual_port(spot.path, options):
            raise InvalidOption(option="--port", value=str(spot.port),
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
