"""An attempt is the record of one path in one run. Reports compare attempts across runs. Pure.

A record is built from a run's events or from a line of the history. So every measure reads the same type.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rollout.journal.events import loads, production, select
from rollout.journal.query import Event, last, mapping, number, rows, text, texts, well_formed
from rollout.results.outcomes import FAILED_PATH, Checks, PathVerdict, Verdict
from rollout.results.verdict import verdict

REAL = "real"
UPGRADE = "upgrade"  # the phase in which one release replaces another under load
SCRIPT = "script:"  # prefix of the name of a script path
_DATABASE_CAUSES = frozenset({"database_unreachable", "database_denied", "database_misconfigured"})
_UNSET = frozenset({"", "None"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseTime:
    """How long a phase took (seconds), how it ended, and whether it came from a checkpoint."""

    name: str
    outcome: str
    seconds: float
    restored: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One path in one run.

    `population`: attempts of equal population may be counted together: "real", or "rehearsal:" and the scenario.
    `complete`: the whole plan was selected. `residue`: number of items that are still there; `left`: number of items
    that an observed path left before its site was removed, None for a path that undoes its own phases.
    `asked` and `installed`: number of packages that the plan names, and of those that were installed. `validated`: the
    path looked up every package before the first installation. `database_asked`: it queried the database server before
    it used it. `exists`: package → whether the source has it. None means unknown.
    `viable`: if the plan of the path has an upgrade, whether the upgrade lost no request and no datum, and every bad
    release was taken back. None for other plans.
    """

    run: str
    at: str
    path: str
    population: str
    source: str
    outcome: str
    complete: bool
    interrupted: bool
    seconds: float
    phases: tuple[PhaseTime, ...]
    checks: Checks
    cause: str | None
    failed_at: str | None
    residue: int
    left: int | None
    retries: int
    asked: int
    installed: int
    conflict: bool
    validated: bool | None
    database_asked: bool | None
    database_retries: int
    database_failed: bool
    ready: bool
    viable: bool | None = None
    exists: Mapping[str, bool] = field(default_factory=dict)

    @property
    def counts(self) -> bool:
        """Whether the attempt counts in rates: a whole deployment from nothing, neither interrupted nor refused.

        An attempt with a restored phase does not count, because a restored phase cannot fail.
        """
        has_run = self.outcome in {"deployed", *FAILED_PATH} and not self.interrupted
        return has_run and self.complete and not self.restored

    @property
    def succeeded(self) -> bool:
        """Whether the path was deployed and no check failed or was blocked."""
        return self.outcome == "deployed" and not self.checks.failed and not self.checks.blocked

    @property
    def failed(self) -> bool:
        """Whether the path failed and was not interrupted."""
        return not self.interrupted and self.outcome in FAILED_PATH

    @property
    def restored(self) -> bool:
        """Whether at least one phase was restored from a checkpoint."""
        return any(phase.restored for phase in self.phases)

    @property
    def working_seconds(self) -> float:
        """Seconds spent in phases, without checks and rollbacks."""
        return round(sum(phase.seconds for phase in self.phases), 3)


def population(events: Sequence[Event]) -> str:
    """The population of a run: "real", or "rehearsal:" and the scenario. Only runs of one population are compared."""
    started = last(events, "run.started")
    source = mapping(started, "source")
    if source.get("kind") == "rehearsal" or source.get("rehearsal") is True:
        return f"rehearsal:{text(mapping(started, 'options'), 'scenario') or 'default'}"
    return REAL


def attempts(events: Sequence[Event]) -> tuple[Attempt, ...]:
    """One record for each path that was started."""
    judged = verdict(events)
    own = well_formed(events)
    started = {text(event, "path") for event in own if event["event"] == "path.started"}
    return tuple(_attempt(path, judged, own) for path in judged.paths if path.name in started)


def _attempt(path: PathVerdict, judged: Verdict, events: Sequence[Event]) -> Attempt:
    started = last(events, "run.started")
    mine = [event for event in events if event.get("path") == path.name]
    planned = _planned_packages(started, path.name)
    failure = path.failure
    left = last(mine, "path.left")
    return Attempt(
        run=judged.run,
        at=text(started, "t"),
        path=path.name,
        population=population(events),
        source=judged.source_kind,
        outcome=path.outcome,
        complete=_is_complete(started, path),
        interrupted=judged.interrupted or judged.killed or bool(failure and failure.cause in {"interrupted", "killed"}),
        seconds=path.seconds,
        phases=tuple(
            PhaseTime(name=phase.name, outcome=phase.outcome, seconds=phase.seconds, restored=phase.restored)
            for phase in path.phases
        ),
        checks=path.checks,
        cause=failure.cause if failure else None,
        failed_at=failure.phase if failure else None,
        residue=len(path.residue),
        left=len(texts(left, "items")) if left else None,
        retries=path.retries,
        asked=len(planned),
        installed=len(planned & _installed(mine)),
        conflict="version_conflict" in _causes(mine),
        validated=_has_phase(path, "packages"),
        database_asked=_has_phase(path, "database"),
        database_retries=sum(
            event["event"] == "phase.retry" and text(event, "cause") in _DATABASE_CAUSES for event in mine
        ),
        database_failed=bool(_DATABASE_CAUSES & set(_causes(mine))),
        ready=_is_ready(path, mine),
        viable=_is_viable(mine) if UPGRADE in _planned_phases(started, path.name) else None,
        exists=_exists(mine, events),
    )


def _planned_packages(started: Event, path: str) -> set[str]:
    """Names of the packages in the plan of the path."""
    plan = rows(mapping(started, "plan"), path)
    return {text(row, "name") for phase in plan for row in rows(phase, "packages")}


def _planned_phases(started: Event, path: str) -> list[str]:
    return [text(phase, "name") for phase in rows(mapping(started, "plan"), path)]


def _installed(mine: Sequence[Event]) -> set[str]:
    packages = (row for event in mine if event["event"] == "phase.packages" for row in rows(event, "packages"))
    return {text(row, "name") for row in packages if text(row, "version")}


def _is_viable(mine: Sequence[Event]) -> bool:
    """Whether an upgrade under load did no harm, and every bad release was taken back."""
    upgrades = [load for load in select(loads.LoadFinished, mine) if load.phase == UPGRADE]
    harmed = any(number(load.totals, "lost") or number(load.totals, "failed") for load in upgrades)
    proofs = list(select(production.DataProven, mine))
    bad = [tried.outcome for tried in select(production.BadReleaseTried, mine)]
    whole = not any(proof.missing or proof.doubled for proof in proofs)
    return bool(upgrades) and not harmed and whole and bool(bad) and set(bad) == {"taken_back"}


def _causes(mine: Sequence[Event]) -> tuple[str, ...]:
    return tuple(text(mapping(event, "failure"), "cause") for event in mine if event["event"] == "phase.finished")


def _is_complete(started: Event, path: PathVerdict) -> bool:
    planned = _planned_phases(started, path.name)
    through = text(mapping(started, "options"), "through")
    return through in _UNSET and bool(planned) and planned == [phase.name for phase in path.phases]


def _has_phase(path: PathVerdict, name: str) -> bool | None:
    """Whether the path has this phase; None for a script, or if the path ended before the phase."""
    if path.name.startswith(SCRIPT):
        return None
    found = next((phase for phase in path.phases if phase.name == name), None)
    if found is None:
        return False
    return True if found.outcome in {"passed", "failed"} else None


def _is_ready(path: PathVerdict, mine: Sequence[Event]) -> bool:
    outcomes = [
        text(event, "outcome")
        for event in mine
        if event["event"] == "check.finished" and text(event, "phase") == "server"
    ]
    return path.outcome == "deployed" and "passed" in outcomes and not {"failed", "blocked"} & set(outcomes)


def _exists(mine: Sequence[Event], events: Sequence[Event]) -> dict[str, bool]:
    """Package → whether the source has it: True for installed archives, False for packages reported as missing."""
    found: dict[str, bool] = {}
    archives: dict[str, str] = {}
    for event in mine:
        failure, argv = mapping(event, "failure"), texts(event, "argv")
        if text(failure, "cause") == "package_missing" and text(failure, "package"):
            found[text(failure, "package")] = False
        if argv[1:3] == ("archive.install", "hex") and len(argv) > 3:
            archives[text(event, "id")] = argv[3]
    for event in events:  # command.finished has an id but no path
        if event["event"] == "command.finished" and event.get("exit_code") == 0 and text(event, "id") in archives:
            found[archives[text(event, "id")]] = True
    return found
